#include <algorithm>
#include <utility>
#include <vector>

#include "char_class.hpp"
#include "handshake.hpp"
#include "header_list.hpp"
#include "wolframite/accept_key.hpp"

namespace wolframite::detail {

namespace {

// A field that must be there once. Where there are two, proxies and servers differ on which one
// counts.
Error find_single(const Headers& headers, std::string_view name, Error missing,
                  std::string_view& value) {
  bool found = false;
  for (const Headers::Field& field : headers) {
    if (!equals_ignoring_case(field.name, name)) continue;
    if (std::exchange(found, true)) return Error::duplicate_header;
    value = field.value;
  }
  return found ? Error::none : missing;
}

// reg-name (RFC 3986 §3.2.2): where it ends that `host` begins with.
std::size_t skip_name(std::string_view host) {
  std::size_t end = skip_class(host, 0, char_host);
  while (end + 2 < host.size() && host[end] == '%' && is_in(host[end + 1], char_hex) &&
         is_in(host[end + 2], char_hex)) {
    end = skip_class(host, end + 3, char_host);
  }
  return end;
}

// uri-host [ ":" port ]; empty where the target has no authority (RFC 9112 §3.2).
bool is_host(std::string_view host) {
  std::size_t end = skip_name(host);
  if (host.starts_with('[')) {
    end = skip_class(host, 1, char_hex | char_digit | char_host | char_user);
    if (end == host.size() || host[end] != ']') return false;
    ++end;
  }
  if (end == host.size()) return true;
  return host[end] == ':' && skip_class(host, end + 1, char_digit) == host.size();
}

// origin-form or absolute-form, or asterisk-form, which is for OPTIONS alone (RFC 9112 §3.2).
bool is_target(std::string_view target, std::string_view method) {
  if (target == "*") return method == "OPTIONS";
  if (skip_class(target, 0, char_target) != target.size()) return false;
  if (target.starts_with('/')) return true;
  for (const std::string_view scheme : {"http://", "https://", "ws://", "wss://"}) {
    if (target.size() > scheme.size() &&
        equals_ignoring_case(target.substr(0, scheme.size()), scheme)) {
      return target[scheme.size()] != '/';
    }
  }
  return false;
}

// `Content-Length: 0` announces no body, and some clients send it with every request.
bool has_body(const Headers& headers) {
  if (headers.count("Transfer-Encoding") != 0) return true;
  const std::size_t lengths = headers.count("Content-Length");
  return lengths > 1 || (lengths == 1 && *headers.find("Content-Length") != "0");
}

// 1#token over all lines, each name once (RFC 6455 §4.1, 10).
Error check_subprotocols(const Request& request) {
  if (request.headers.count("Sec-WebSocket-Protocol") == 0) return Error::none;
  std::vector<std::string_view> names = request.subprotocols();
  const bool well_formed = !names.empty() && std::all_of(names.begin(), names.end(), is_token);
  if (!well_formed) return Error::malformed_subprotocols;
  std::sort(names.begin(), names.end());
  const bool unique = std::adjacent_find(names.begin(), names.end()) == names.end();
  return unique ? Error::none : Error::malformed_subprotocols;
}

Error check_upgrade(const Request& request) {
  const Headers& headers = request.headers;
  if (!headers.has_token("Upgrade", "websocket")) return Error::missing_upgrade;
  if (!headers.has_token("Connection", "upgrade")) return Error::missing_connection_upgrade;
  std::string_view version;
  std::string_view key;
  Error error = find_single(headers, "Sec-WebSocket-Version", Error::missing_version, version);
  if (error != Error::none) return error;
  if (version != "13") return Error::unsupported_version;
  error = find_single(headers, "Sec-WebSocket-Key", Error::missing_key, key);
  if (error != Error::none) return error;
  if (!is_valid_key(key)) return Error::invalid_key;
  error = check_subprotocols(request);
  if (error != Error::none) return error;
  std::size_t extensions = 0;
  error = check_extensions(headers, extensions);
  if (error != Error::none) return error;
  // Who sends a list must not send an empty one (RFC 9110 §5.6.1.1): a client that offers nothing
  // leaves it out.
  const bool is_empty = extensions == 0 && headers.count("Sec-WebSocket-Extensions") != 0;
  return is_empty ? Error::malformed_extensions : Error::none;
}

// Framing and the fate of the connection are for `write_refusal` to say.
bool is_refusal_header(std::string_view name) {
  for (const std::string_view reserved :
       {"Content-Length", "Transfer-Encoding", "Connection", "Upgrade"}) {
    if (equals_ignoring_case(name, reserved)) return true;
  }
  return false;
}

template <typename Reserved>
Error check_headers(const Headers& headers, Reserved is_reserved) {
  for (const Headers::Field& field : headers) {
    if (is_reserved(field.name)) return Error::reserved_header;
    if (!is_valid_header(field.name, field.value)) return Error::invalid_header;
  }
  return Error::none;
}

}  // namespace

bool is_handshake_header(std::string_view name) {
  constexpr std::string_view prefix = "Sec-WebSocket-";
  return is_refusal_header(name) || equals_ignoring_case(name, "Host") ||
         equals_ignoring_case(name.substr(0, prefix.size()), prefix);
}

Error check_extensions(const Headers& headers, std::size_t& count) {
  count = 0;
  for (const Headers::Field& field : headers) {
    if (!equals_ignoring_case(field.name, "Sec-WebSocket-Extensions")) continue;
    ExtensionList list(field.value);
    ExtensionList::Item item = list.next();
    for (; item != ExtensionList::Item::end; item = list.next()) {
      if (item == ExtensionList::Item::malformed) return Error::malformed_extensions;
      count += item == ExtensionList::Item::extension;
    }
  }
  return Error::none;
}

// CONNECT asks for a tunnel, which nobody here can give.
Error check_request(const Request& request) {
  if (request.method == "CONNECT") return Error::method_not_get;
  if (!is_target(request.target, request.method)) return Error::malformed_request_line;
  std::string_view host;
  const Error no_host = request.version_minor == 0 ? Error::none : Error::missing_host;
  const Error error = find_single(request.headers, "Host", no_host, host);
  if (error != Error::none) return error;
  if (!is_host(host)) return Error::malformed_header;
  if (has_body(request.headers)) return Error::unexpected_body;
  if (!request.is_upgrade()) return Error::none;
  return request.method == "GET" ? check_upgrade(request) : Error::method_not_get;
}

Error check_accept(const Request& request, const Accept& accept) {
  if (!request.is_upgrade()) return Error::not_an_upgrade;
  if (!accept.subprotocol.empty() && !request.offers_subprotocol(accept.subprotocol)) {
    return Error::subprotocol_not_requested;
  }
  return check_headers(accept.headers, is_handshake_header);
}

Error write_accept(std::string& out, const Request& request, const Accept& accept,
                   std::string_view extensions) {
  const std::string key = derive_accept_key(*request.headers.find("Sec-WebSocket-Key"));
  if (key.empty()) return Error::no_sha1;
  out.reserve(256);
  out.append(
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n");
  append_field(out, "Sec-WebSocket-Accept", key);
  if (!accept.subprotocol.empty()) append_field(out, "Sec-WebSocket-Protocol", accept.subprotocol);
  if (!extensions.empty()) append_field(out, "Sec-WebSocket-Extensions", extensions);
  for (const Headers::Field& field : accept.headers) append_field(out, field.name, field.value);
  out.append("\r\n");
  return Error::none;
}

Error check_refusal(const Response& response) {
  if (response.status < 200 || response.status > 599) return Error::invalid_status;
  if (skip_value(response.reason, 0) != response.reason.size()) return Error::invalid_header;
  return check_headers(response.headers, is_refusal_header);
}

void write_refusal(std::string& out, const Response& response, bool to_head) {
  const int status = response.status;
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  out.append(response.reason.empty() ? reason_phrase(status) : response.reason).append("\r\n");
  for (const Headers::Field& field : response.headers) append_field(out, field.name, field.value);
  const bool upgrade_required = status == 426;
  if (upgrade_required) append_field(out, "Upgrade", "websocket");
  append_field(out, "Connection", upgrade_required ? "close, Upgrade" : "close");
  const bool bodiless = status == 204 || status == 205 || status == 304;
  const std::string_view body = bodiless ? std::string_view() : std::string_view(response.body);
  // A 204 has no length at all, and that of a 304 would be that of the body it stands for (RFC 9110
  // §8.6).
  if (status != 204 && status != 304)
    append_field(out, "Content-Length", std::to_string(body.size()));
  out.append("\r\n");
  if (!to_head) out.append(body);
}

Response response_for(Error error) {
  Response response{.status = http_status_for(error),
                    .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
                    .body = describe(error)};
  response.body.append("\n");
  if (response.status == 405) response.headers.append("Allow", "GET");
  if (response.status == 426) response.headers.append("Sec-WebSocket-Version", "13");
  return response;
}

}  // namespace wolframite::detail
