#include "deflate_negotiation.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "handshake.hpp"
#include "header_list.hpp"

namespace wolframite::detail {

namespace {

constexpr std::string_view extension_name = "permessage-deflate";
constexpr std::string_view server_takeover_name = "server_no_context_takeover";
constexpr std::string_view client_takeover_name = "client_no_context_takeover";
constexpr std::string_view server_bits_name = "server_max_window_bits";
constexpr std::string_view client_bits_name = "client_max_window_bits";

/// One element of the list, as it stands there.
struct Element {
  bool is_deflate = false;
  bool is_valid = true;
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_bits;
  std::optional<int> client_bits;  ///< 0 if the parameter has no value, as only an offer may
};

/// A decimal in 8-15 with no leading zero (RFC 7692 §7.1.2.1), or nothing.
std::optional<int> parse_bits(std::string_view text) {
  if (text == "8" || text == "9") return text.front() - '0';
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') {
    return 10 + (text[1] - '0');
  }
  return std::nullopt;
}

bool set_once(bool& flag, bool has_value) { return !has_value && !std::exchange(flag, true); }

bool set_once(std::optional<int>& bits, std::optional<std::string_view> value) {
  if (bits || !value) return false;
  bits = parse_bits(*value);
  return bits.has_value();
}

bool read_parameter(Element& element, std::string_view name, std::optional<std::string_view> value,
                    bool in_offer) {
  if (name == server_takeover_name)
    return set_once(element.server_no_context_takeover, value.has_value());
  if (name == client_takeover_name)
    return set_once(element.client_no_context_takeover, value.has_value());
  if (name == server_bits_name) return set_once(element.server_bits, value);
  if (name != client_bits_name) return false;
  if (value || !in_offer) return set_once(element.client_bits, value);
  if (element.client_bits) return false;
  element.client_bits = 0;
  return true;
}

/// Calls `visit` with each element of all lines, until it returns false.
template <typename Visit>
void for_each_element(const Headers& headers, bool in_offer, Visit visit) {
  for (const Headers::Field& field : headers) {
    if (!equals_ignoring_case(field.name, "Sec-WebSocket-Extensions")) continue;
    ExtensionList list(field.value);
    std::optional<Element> element;
    for (;;) {
      const ExtensionList::Item item = list.next();
      if (item == ExtensionList::Item::parameter) {
        element->is_valid =
            element->is_valid && read_parameter(*element, list.name(), list.value(), in_offer);
        continue;
      }
      if (element && !visit(*element)) return;
      if (item != ExtensionList::Item::extension) break;
      element.emplace();
      element->is_deflate = list.name() == extension_name;
    }
  }
}

std::uint8_t narrower(int bits, int limit) {
  return static_cast<std::uint8_t>(std::min(bits, limit));
}

std::string format(const DeflateParameters& agreed, bool with_server_bits, bool with_client_bits) {
  std::string out(extension_name);
  const auto flag = [&](bool given, std::string_view name) {
    if (given) out.append("; ").append(name);
  };
  flag(agreed.server_no_context_takeover, server_takeover_name);
  flag(agreed.client_no_context_takeover, client_takeover_name);
  flag(with_server_bits, server_bits_name);
  if (with_server_bits) out.append("=").append(std::to_string(agreed.server_window_bits));
  flag(with_client_bits, client_bits_name);
  if (with_client_bits) out.append("=").append(std::to_string(agreed.client_window_bits));
  return out;
}

}  // namespace

std::string offer_deflate(const DeflateConfig& config) {
  if (!config.enabled || !is_deflate_available()) return {};
  std::string offer(extension_name);
  const auto add = [&](std::string_view name) { offer.append("; ").append(name); };
  if (config.server_no_context_takeover) add(server_takeover_name);
  if (config.client_no_context_takeover) add(client_takeover_name);
  if (config.server_window_bits < DeflateConfig::max_window_bits) {
    add(server_bits_name);
    offer.append("=").append(std::to_string(config.server_window_bits));
  }
  // Always given: it lets the server narrow our window (RFC 7692 §7.1.2.2).
  add(client_bits_name);
  if (config.client_window_bits < DeflateConfig::max_window_bits) {
    offer.append("=").append(std::to_string(config.client_window_bits));
  }
  return offer;
}

DeflateParameters choose_deflate(const Headers& request, const DeflateConfig& config,
                                 std::string& answer) {
  DeflateParameters agreed;
  answer.clear();
  if (!config.enabled || !is_deflate_available()) return agreed;
  for_each_element(request, true, [&](const Element& offer) {
    if (!offer.is_deflate || !offer.is_valid) return true;
    // The client's window can be narrowed only if it said that it understands that.
    const bool narrows_client = config.client_window_bits < DeflateConfig::max_window_bits;
    if (narrows_client && !offer.client_bits) return true;
    const int offered_server = offer.server_bits.value_or(DeflateConfig::max_window_bits);
    const int offered_client =
        offer.client_bits.value_or(0) == 0 ? DeflateConfig::max_window_bits : *offer.client_bits;
    agreed.enabled = true;
    agreed.server_no_context_takeover =
        offer.server_no_context_takeover || config.server_no_context_takeover;
    agreed.client_no_context_takeover =
        offer.client_no_context_takeover || config.client_no_context_takeover;
    agreed.server_window_bits = narrower(offered_server, config.server_window_bits);
    agreed.client_window_bits = narrower(offered_client, config.client_window_bits);
    const bool tell_server =
        offer.server_bits || agreed.server_window_bits < DeflateConfig::max_window_bits;
    const bool tell_client =
        offer.client_bits && agreed.client_window_bits < DeflateConfig::max_window_bits;
    answer = format(agreed, tell_server, tell_client);
    return false;
  });
  return agreed;
}

Error read_deflate_answer(const Headers& response, const DeflateConfig& config,
                          DeflateParameters& agreed) {
  agreed = {};
  Error error = Error::none;
  const bool offered = config.enabled && is_deflate_available();
  for_each_element(response, false, [&](const Element& answer) {
    const int server_bits = answer.server_bits.value_or(DeflateConfig::max_window_bits);
    const int client_bits = answer.client_bits.value_or(config.client_window_bits);
    // A server that does not take up what limits it may not be agreed with (RFC 7692 §7.1.1.1,
    // §7.1.2.1).
    const bool fits = server_bits <= config.server_window_bits &&
                      client_bits <= config.client_window_bits &&
                      (answer.server_no_context_takeover || !config.server_no_context_takeover);
    if (!offered || agreed.enabled || !answer.is_deflate || !answer.is_valid || !fits) {
      error = Error::unrequested_extension;
      return false;
    }
    agreed.enabled = true;
    agreed.server_no_context_takeover = answer.server_no_context_takeover;
    agreed.client_no_context_takeover =
        answer.client_no_context_takeover || config.client_no_context_takeover;
    agreed.server_window_bits = static_cast<std::uint8_t>(server_bits);
    agreed.client_window_bits = static_cast<std::uint8_t>(client_bits);
    return true;
  });
  return error;
}

}  // namespace wolframite::detail
