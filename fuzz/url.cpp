// Invariant: a URL that is accepted has parts that are safe to send, and put together again they
// give the same parts; what is refused breaks the rule that the error names.
#include "wolframite/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "support/check.hpp"
#include "support/reader.hpp"

using namespace wolframite;
using namespace wolframite::fuzz;

namespace {

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

bool is_ipv6(const std::string& text) {
  std::array<unsigned char, 16> address;
  return inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

std::string encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char octet : text) {
    const auto value = static_cast<unsigned char>(octet);
    out.append({'%', digits[value / 16U], digits[value % 16U]});
  }
  return out;
}

std::string put_together(const Url& url) {
  const std::string user = url.userinfo.empty() ? "" : encoded(url.userinfo) + "@";
  return (url.secure ? "wss://" : "ws://") + user + url.host_header() + url.target;
}

void check_accepted(const Url& url) {
  REQUIRE(url.check() == Error::none);
  REQUIRE(!url.host.empty() && is_visible(url.host) && url.port != 0);
  REQUIRE(url.host.find_first_of("/?#@[]\\\"<>ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos);
  REQUIRE(url.host.find(':') == std::string::npos || is_ipv6(url.host));
  REQUIRE(url.target.starts_with('/') && is_visible(url.target));
  REQUIRE(url.target.find_first_of("#\"<>\\^`{|}") == std::string::npos);
  const Url::Parsed again = Url::parse(put_together(url));
  REQUIRE(again.error == Error::none);
  REQUIRE(again.url.secure == url.secure && again.url.host == url.host);
  REQUIRE(again.url.port == url.port && again.url.target == url.target);
  REQUIRE(again.url.userinfo == url.userinfo);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = Reader(data, size).rest();
  const Url::Parsed parsed = Url::parse(text);
  if (parsed.error == Error::none) check_accepted(parsed.url);
  if (parsed.error == Error::url_has_fragment) REQUIRE(text.find('#') != std::string::npos);
  if (parsed.error == Error::unsupported_url_scheme) REQUIRE(!text.starts_with("ws:"));

  // The text as an IPv6 literal is a host exactly if the system's own parser takes it.
  if (text.find_first_of("/?#@[]") != std::string::npos) return 0;
  const bool is_address = text.find('\0') == std::string::npos && is_ipv6(text);
  REQUIRE((Url::parse("wss://[" + text + "]").error == Error::none) == is_address);
  return 0;
}
