/// @file
/// Status codes and bodies of Close frames (RFC 6455 §7.4, §5.5.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "wolframite/bytes.hpp"
#include "wolframite/error.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Why a connection ends. Any value of the ranges 3000-3999 (registered) and 4000-4999 (private)
/// may be cast to it. RFC 6455 §7.4.1 and the IANA registry.
enum class CloseCode : std::uint16_t {
  normal = 1000,               ///< the connection has served its purpose
  going_away = 1001,           ///< a server goes down, or a page was left
  protocol_error = 1002,       ///< the peer broke the protocol
  unsupported_data = 1003,     ///< a kind of message that the receiver has no use for
  no_status = 1005,            ///< never on the wire: the Close frame had no body
  abnormal = 1006,             ///< never on the wire: the connection ended without a Close frame
  invalid_payload = 1007,      ///< text that is not UTF-8
  policy_violation = 1008,     ///< where no other code fits, or none should say more
  message_too_big = 1009,      ///< above a limit of the receiver
  mandatory_extension = 1010,  ///< client: the server did not agree to an extension it needs
  internal_error = 1011,       ///< something unexpected keeps the sender from going on
  service_restart = 1012,      ///< the server restarts (IANA registry)
  try_again_later = 1013,      ///< the server is overloaded (IANA registry)
  bad_gateway = 1014,          ///< a gateway got no good answer from its server (IANA registry)
  tls_handshake = 1015,        ///< never on the wire: the TLS handshake failed
};

/// Whether `code` may stand in a Close frame. RFC 6455 §7.4.
[[nodiscard]] constexpr bool is_sendable(CloseCode code) {
  const auto value = static_cast<std::uint16_t>(code);
  return (value >= 1000 && value <= 1003) || (value >= 1007 && value <= 1014) ||
         (value >= 3000 && value <= 4999);
}

/// The body of a Close frame. RFC 6455 §5.5.1.
struct CloseFrame {
  static constexpr std::size_t max_reason = 123;  ///< octets: what a control frame leaves it

  CloseCode code = CloseCode::normal;  ///< `no_status` stands for an empty body
  std::string_view reason{};           ///< UTF-8, of at most `max_reason` octets; a view

  struct Parsed;

  /// Parses the (unmasked) body of a Close frame; an empty one gives `no_status`. Errors:
  /// `invalid_close_body` (one octet), `invalid_close_code`, `invalid_utf8`. The reason is a view
  /// of `body`.
  [[nodiscard]] static Parsed parse(ConstBytes body WOLFRAMITE_LIFETIMEBOUND);

  /// Checks a frame before it is sent: `close_code_not_sendable` (`no_status` with an empty reason
  /// is an empty body, and fine), `close_reason_too_long`, `close_reason_not_utf8`.
  [[nodiscard]] Error check() const;

  /// Writes the body to the front of `out` and returns its size. Precondition: `check()` is `none`.
  std::size_t format(std::span<std::byte, 125> out) const;
};

/// What `parse` found.
struct CloseFrame::Parsed {
  Error error = Error::none;  ///< the violation, or `none`
  CloseFrame frame{};         ///< the code and the reason, if there is no error
};

}  // namespace wolframite
#pragma GCC visibility pop
