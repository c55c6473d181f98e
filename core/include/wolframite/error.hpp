/// @file
/// Everything that can go wrong, one value each.
#pragma once

#include <cstdint>
#include <system_error>

#pragma GCC visibility push(default)
namespace wolframite {

enum class CloseCode : std::uint16_t;

/// One value for each distinct failure. Converts to `std::error_code`, whose message says what a
/// person can do.
enum class Error : std::uint8_t {
  none = 0,  ///< makes an `std::error_code` that is false

  // The peer broke the framing rules (RFC 6455 §5): class `protocol`.
  reserved_bits_set,           ///< an RSV bit that no negotiated extension defines
  unknown_data_opcode,         ///< opcodes 0x3-0x7
  unknown_control_opcode,      ///< opcodes 0xB-0xF
  unmasked_frame_from_client,  ///< RFC 6455 §5.1; see `Config::accept_unmasked_frames`
  masked_frame_from_server,    ///< RFC 6455 §5.1
  fragmented_control_frame,    ///< RFC 6455 §5.5
  control_frame_too_big,       ///< payload above 125 octets
  unexpected_continuation,     ///< continuation frame with no message begun
  expected_continuation,       ///< new message inside an unfinished one
  length_not_minimal,          ///< RFC 6455 §5.2
  length_too_large,            ///< 2^63 octets or more
  invalid_close_body,          ///< a Close body of one octet
  invalid_close_code,          ///< one that must not be sent: RFC 6455 §7.4

  invalid_deflate,  ///< a compressed message that cannot be inflated

  // Text that is not UTF-8: class `utf8`.
  invalid_utf8,  ///< RFC 6455 §8.1

  // A limit of Config was passed: class `capacity`.
  frame_too_big,      ///< `max_frame_size`
  message_too_big,    ///< `max_message_size`
  head_too_big,       ///< `max_head_size`
  too_many_headers,   ///< `max_headers`
  write_buffer_full,  ///< `max_write_buffer_size`; nothing was queued
  out_of_memory,      ///< the memory resource refused; a command has changed nothing

  // The opening handshake failed (RFC 6455 §4): class `handshake`.
  malformed_request_line,  ///< not as RFC 9112 §3 has it
  malformed_status_line,   ///< not as RFC 9112 §4 has it
  malformed_header,  ///< bad name or value, obs-fold, bare CR or LF, NUL, space before the colon
  method_not_get,    ///< an upgrade with another method, or CONNECT; answered with 405
  version_not_http_1_1,  ///< neither HTTP/1.1 nor 1.0, answered with 505; or a 101 in HTTP/1.0
  missing_host,          ///< no Host
  duplicate_header,      ///< Host, Sec-WebSocket-Key, -Version, -Accept or -Protocol more than once
  unexpected_body,       ///< a request with Content-Length or Transfer-Encoding
  missing_upgrade,       ///< no `websocket` in Upgrade
  missing_connection_upgrade,  ///< no `upgrade` in Connection
  missing_version,             ///< no Sec-WebSocket-Version
  unsupported_version,         ///< other than 13
  missing_key,                 ///< no Sec-WebSocket-Key
  invalid_key,                 ///< not the base64 of 16 octets
  malformed_extensions,        ///< Sec-WebSocket-Extensions does not follow its grammar
  malformed_subprotocols,      ///< Sec-WebSocket-Protocol does not follow its grammar
  missing_accept,              ///< a 101 without Sec-WebSocket-Accept
  accept_mismatch,             ///< Sec-WebSocket-Accept is not that of our key
  unrequested_subprotocol,     ///< the server chose one that was not asked for
  missing_subprotocol,         ///< subprotocols were asked for as required and none was chosen
  unrequested_extension,       ///< the server chose one that was not offered
  refused,                     ///< the upgrade was answered with another status than 101
  plain_http,                  ///< server: a request for no upgrade was answered, as it should be
  no_sha1,                     ///< libcrypto gives no SHA-1, and so nothing can be opened
  handshake_incomplete,        ///< the stream ended inside the handshake

  // The URL cannot be used: class `url`.
  malformed_url,           ///< a part of it is not as RFC 3986 has it
  unsupported_url_scheme,  ///< neither ws nor wss
  missing_host_name,       ///< such as `ws:///chat`
  invalid_port,            ///< no number in 1-65535
  url_has_fragment,        ///< RFC 6455 §3 forbids one

  // Time ran out: class `timeout`.
  handshake_timeout,  ///< `Config::handshake_timeout`
  idle_timeout,       ///< `Config::idle_timeout`
  pong_timeout,       ///< `Config::pong_timeout`
  close_timeout,      ///< `Config::close_timeout`
  write_timeout,      ///< `Config::write_timeout`
  message_timeout,    ///< `Config::message_timeout`

  // The connection is over: class `closed`.
  connection_reset,   ///< the stream ended without a Close frame
  closed_with_error,  ///< the peer's Close had another code than 1000 or 1001; `Closed` has it

  // A command at the wrong time, or one that cannot be carried out: class `misuse`. It changed
  // nothing.
  not_open,                   ///< the opening handshake is not done yet
  send_after_close,           ///< a Close was already sent
  no_request,                 ///< accept() or refuse() with no request waiting
  not_an_upgrade,             ///< accept() of a plain HTTP request
  message_kind_changed,       ///< a fragment of another kind than its message
  message_unfinished,         ///< a whole message inside a message sent in fragments
  control_payload_too_long,   ///< above 125 octets
  close_code_not_sendable,    ///< see `is_sendable`
  close_reason_too_long,      ///< above 123 octets
  close_reason_not_utf8,      ///< RFC 6455 §5.5.1
  invalid_header,             ///< see `is_valid_header`
  reserved_header,            ///< the handshake writes this one itself
  invalid_subprotocol,        ///< not a token, or given twice
  subprotocol_not_requested,  ///< accept() with one the client did not ask for
  invalid_status,             ///< refuse() with a status outside 200-599
  no_entropy,                 ///< a client connection that was lent no Entropy
  already_reading,            ///< adapters: a second wait for a message beside the first
  already_accepting,          ///< adapters: a second wait for a connection beside the first
  invalid_config,             ///< see `Config::check`
};

/// Classes of Error, to compare a `std::error_code` with: `if (ec == ErrorClass::timeout)`.
enum class ErrorClass : std::uint8_t {
  protocol = 1,  ///< the peer broke the framing rules
  utf8,          ///< the peer sent text that is not UTF-8
  capacity,      ///< a limit of Config was passed
  handshake,     ///< the opening handshake failed, or was refused
  url,           ///< the URL cannot be used
  timeout,       ///< a time of Config ran out
  closed,        ///< the stream ended without a Close frame
  misuse,        ///< a command that cannot be carried out; it changed nothing
  tls,           ///< its codes are those of `wolframite/tls_error.hpp`, of the adapters
};

/// The category of Error's codes, by the name `wolframite`.
[[nodiscard]] const std::error_category& error_category() noexcept;

/// What turns an Error into an `std::error_code`, mostly unseen: `ec == Error::not_open`.
[[nodiscard]] std::error_code make_error_code(Error error) noexcept;

/// What turns an ErrorClass into a condition, which equals each code of that class.
[[nodiscard]] std::error_condition make_error_condition(ErrorClass value) noexcept;

/// The status code to fail a connection with (RFC 6455 §7.4.1); `abnormal` where no Close frame can
/// tell.
[[nodiscard]] CloseCode close_code_for(Error error) noexcept;

/// The HTTP status that answers a request with this fault; 400 where nothing fits better.
[[nodiscard]] int http_status_for(Error error) noexcept;

/// The sentence that `std::error_code::message()` gives, without an allocation.
[[nodiscard]] const char* describe(Error error) noexcept;

}  // namespace wolframite
#pragma GCC visibility pop

/// Lets an Error stand for its `std::error_code`.
template <>
struct std::is_error_code_enum<wolframite::Error> : std::true_type {};
/// Lets an ErrorClass stand for its `std::error_condition`.
template <>
struct std::is_error_condition_enum<wolframite::ErrorClass> : std::true_type {};
