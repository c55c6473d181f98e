/// @file
/// The two HTTP messages of an opening handshake.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wolframite/headers.hpp"
#include "wolframite/member.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// A request as it was received. What a Connection hands out is well-formed: HTTP/1.1 with one
/// Host, or HTTP/1.0 with one at most; no body; any method but CONNECT.
struct Request {
  std::string method;     ///< `GET` if it is an upgrade
  std::string target;     ///< origin-form or absolute-form as the client sent it; `*` of OPTIONS
  Headers headers;        ///< all of them, in the order they came in
  int version_minor = 1;  ///< of HTTP/1.1; 0 of HTTP/1.0

  /// Whether it asks for a WebSocket; if so the handshake's headers have been checked (RFC 6455
  /// §4.2.1). Otherwise it is plain HTTP, to be answered with `refuse()`. In HTTP/1.0 there are no
  /// upgrades (RFC 9110 §7.8).
  [[nodiscard]] bool is_upgrade() const;

  /// The subprotocols that the client asked for, in its order of preference (RFC 6455 §4.1, 10).
  [[nodiscard]] std::vector<std::string_view> subprotocols() const WOLFRAMITE_LIFETIMEBOUND;

  /// Whether `name` is among them. Subprotocols compare with case.
  [[nodiscard]] bool offers_subprotocol(std::string_view name) const;
};

/// A response, received or to be sent.
struct Response {
  int status = 200;  ///< three digits; 200-599 to refuse with
  Member<std::string>
      reason{};               ///< the reason phrase; if empty, the standard one of `status` is sent
  Member<Headers> headers{};  ///< to be sent: without Content-Length, Connection and their like
  Member<std::string> body{};  ///< received: up to `Config::max_refusal_body_size`
};

/// The standard reason phrase of a status (RFC 9110 §15), or "Unknown".
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace wolframite
#pragma GCC visibility pop
