#include <algorithm>

#include "deflate_negotiation.hpp"
#include "handshake.hpp"
#include "wolframite/accept_key.hpp"

namespace wolframite::detail {

namespace {

std::string join(std::span<const std::string> names) {
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list.append(", ");
    list.append(name);
  }
  return list;
}

// The field is one token (RFC 6455 §4.2.2): an empty one is none that was asked for, and not the
// same as no field. A server that writes it has chosen something else than it says.
Error check_subprotocol(const Headers& headers, const Asked& asked, std::string& chosen) {
  const auto& names = asked.subprotocols;
  const auto answer = headers.find("Sec-WebSocket-Protocol");
  if (!answer) {
    const bool is_missing = asked.requires_subprotocol && !names.empty();
    return is_missing ? Error::missing_subprotocol : Error::none;
  }
  if (headers.count("Sec-WebSocket-Protocol") != 1) return Error::duplicate_header;
  if (std::find(names.begin(), names.end(), *answer) == names.end()) {
    return Error::unrequested_subprotocol;
  }
  chosen = *answer;
  return Error::none;
}

}  // namespace

std::string format_request(const ClientRequest& request, std::string_view key,
                           std::string_view extensions) {
  const Url& url = request.url();
  std::string out;
  out.reserve(512);
  out.append("GET ").append(url.target).append(" HTTP/1.1\r\n");
  append_field(out, "Host", url.host_header());
  out.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
  append_field(out, "Sec-WebSocket-Key", key);
  if (!request.subprotocols().empty()) {
    append_field(out, "Sec-WebSocket-Protocol", join(request.subprotocols()));
  }
  if (!extensions.empty()) append_field(out, "Sec-WebSocket-Extensions", extensions);
  if (!url.userinfo.empty() && request.headers().count("Authorization") == 0) {
    append_field(out, "Authorization", "Basic " + base64(bytes_of(url.userinfo)));
  }
  for (const Headers::Field& field : request.headers()) append_field(out, field.name, field.value);
  return out.append("\r\n");
}

Error check_response(const Response& response, const Asked& asked, std::string_view expected_accept,
                     const DeflateConfig& offered, Negotiated& agreed) {
  const Headers& headers = response.headers;
  // One token in one field: what is switched to is one protocol (RFC 6455 §4.1).
  const auto upgrade = headers.find("Upgrade");
  const bool is_single = headers.count("Upgrade") == 1;
  if (!is_single || !equals_ignoring_case(*upgrade, "websocket")) return Error::missing_upgrade;
  if (!headers.has_token("Connection", "upgrade")) return Error::missing_connection_upgrade;
  const auto accept = headers.find("Sec-WebSocket-Accept");
  if (!accept) return Error::missing_accept;
  if (headers.count("Sec-WebSocket-Accept") != 1) return Error::duplicate_header;
  if (*accept != expected_accept) return Error::accept_mismatch;
  // Where it has no element it counts as none: nothing was chosen that could be misunderstood, and
  // whoever receives a list passes over what is empty in it (RFC 9110 §5.6.1.2).
  std::size_t extensions = 0;
  Error error = check_extensions(headers, extensions);
  if (error != Error::none) return error;
  error = read_deflate_answer(headers, offered, agreed.deflate);
  if (error != Error::none) return error;
  if (extensions != 0) agreed.extensions = *headers.find("Sec-WebSocket-Extensions");
  return check_subprotocol(headers, asked, agreed.subprotocol);
}

}  // namespace wolframite::detail
