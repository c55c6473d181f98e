#include "wolframite/error.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "wolframite/close_code.hpp"

namespace wolframite {
namespace {

struct Row {
  Error error;
  ErrorClass error_class;
  CloseCode close_code;
  int http_status;
  const char* message;
};

constexpr ErrorClass no_class{};

consteval Row violation(Error error, const char* message) {
  return {error, ErrorClass::protocol, CloseCode::protocol_error, 400, message};
}
consteval Row exceeded(Error error, CloseCode close_code, int http_status, const char* message) {
  return {error, ErrorClass::capacity, close_code, http_status, message};
}
consteval Row bad_handshake(Error error, int http_status, const char* message) {
  return {error, ErrorClass::handshake, CloseCode::abnormal, http_status, message};
}
consteval Row late(Error error, CloseCode close_code, int http_status, const char* message) {
  return {error, ErrorClass::timeout, close_code, http_status, message};
}
consteval Row unusable(Error error, ErrorClass error_class, const char* message) {
  return {error, error_class, CloseCode::abnormal, 400, message};
}

constexpr std::array rows{
    Row{Error::none, no_class, CloseCode::normal, 400, "no error"},

    violation(Error::reserved_bits_set,
              "the peer set a reserved bit (RSV1-3) that no negotiated extension defines"),
    violation(Error::unknown_data_opcode,
              "the peer sent a data frame with a reserved opcode (0x3-0x7)"),
    violation(Error::unknown_control_opcode,
              "the peer sent a control frame with a reserved opcode (0xB-0xF)"),
    violation(Error::unmasked_frame_from_client,
              "the client sent an unmasked frame; Config::accept_unmasked_frames allows them"),
    violation(Error::masked_frame_from_server,
              "the server sent a masked frame, which only clients may do"),
    violation(Error::fragmented_control_frame,
              "the peer fragmented a control frame; close, ping and pong must be one frame"),
    violation(Error::control_frame_too_big,
              "the peer sent a control frame with a payload above 125 octets"),
    violation(Error::unexpected_continuation,
              "the peer sent a continuation frame although no message was begun"),
    violation(Error::expected_continuation,
              "the peer began a new message before the last one was finished"),
    violation(Error::length_not_minimal,
              "the peer wrote a payload length in more octets than it needs"),
    violation(Error::length_too_large, "the peer announced a payload of 2^63 octets or more"),
    violation(Error::invalid_close_body,
              "the peer sent a Close frame with a body of one octet; a code needs two"),
    violation(Error::invalid_close_code,
              "the peer sent a Close frame with a code that must not be sent"),

    Row{Error::invalid_deflate, ErrorClass::protocol, CloseCode::invalid_payload, 400,
        "the peer sent a compressed message that cannot be inflated"},

    Row{Error::invalid_utf8, ErrorClass::utf8, CloseCode::invalid_payload, 400,
        "the peer sent text that is not UTF-8; other data belongs in binary messages"},

    exceeded(Error::frame_too_big, CloseCode::message_too_big, 400,
             "the peer sent a frame above the limit; Config::max_frame_size raises it"),
    exceeded(Error::message_too_big, CloseCode::message_too_big, 400,
             "the peer sent a message above the limit; Config::max_message_size raises it"),
    exceeded(Error::head_too_big, CloseCode::abnormal, 431,
             "the HTTP head is above the limit; Config::max_head_size raises it"),
    exceeded(Error::too_many_headers, CloseCode::abnormal, 431,
             "the HTTP head has more lines than the limit; Config::max_headers raises it"),
    exceeded(Error::write_buffer_full, CloseCode::abnormal, 400,
             "nothing was queued: the peer reads too slowly and the write buffer is full; "
             "send again once it drains, or raise Config::max_write_buffer_size"),
    exceeded(Error::out_of_memory, CloseCode::internal_error, 500,
             "there was no memory for it; lower limits and fewer connections need less"),

    bad_handshake(Error::malformed_request_line, 400, "the HTTP request line is malformed"),
    bad_handshake(Error::malformed_status_line, 400,
                  "the HTTP status line is malformed; is this an HTTP/1.1 server?"),
    bad_handshake(Error::malformed_header, 400,
                  "an HTTP header line is malformed: bad name or value, folded line in a request, "
                  "bare CR or LF, NUL, or space before the colon"),
    bad_handshake(Error::method_not_get, 405,
                  "the method of the upgrade request is not GET, or it is CONNECT"),
    bad_handshake(Error::version_not_http_1_1, 505,
                  "the HTTP version is neither 1.1 nor 1.0, or a 101 is not in HTTP/1.1"),
    bad_handshake(Error::missing_host, 400, "the request has no Host header"),
    bad_handshake(Error::duplicate_header, 400,
                  "a handshake header that may appear once was given more than once"),
    bad_handshake(Error::unexpected_body, 400,
                  "the request announces a body (Content-Length or Transfer-Encoding), "
                  "and none is read here"),
    bad_handshake(Error::missing_upgrade, 400,
                  "the Upgrade header does not name websocket; does a proxy strip it?"),
    bad_handshake(Error::missing_connection_upgrade, 400,
                  "the Connection header does not name Upgrade; does a proxy strip it?"),
    bad_handshake(Error::missing_version, 400, "the request has no Sec-WebSocket-Version header"),
    bad_handshake(Error::unsupported_version, 426,
                  "the client asks for a WebSocket version other than 13"),
    bad_handshake(Error::missing_key, 400, "the request has no Sec-WebSocket-Key header"),
    bad_handshake(Error::invalid_key, 400,
                  "the Sec-WebSocket-Key header is not the base64 of 16 octets"),
    bad_handshake(Error::malformed_extensions, 400,
                  "the Sec-WebSocket-Extensions header is malformed"),
    bad_handshake(Error::malformed_subprotocols, 400,
                  "the Sec-WebSocket-Protocol header is malformed"),
    bad_handshake(Error::missing_accept, 400,
                  "the server's 101 response has no Sec-WebSocket-Accept header"),
    bad_handshake(Error::accept_mismatch, 400,
                  "the server's Sec-WebSocket-Accept does not match the key that was sent; "
                  "does a cache answer in its place?"),
    bad_handshake(Error::unrequested_subprotocol, 400,
                  "the server chose a subprotocol that was not asked for"),
    bad_handshake(Error::missing_subprotocol, 400,
                  "the server chose none of the subprotocols that were asked for"),
    bad_handshake(Error::unrequested_extension, 400,
                  "the server chose an extension or parameter that was not offered"),
    bad_handshake(Error::refused, 400, "the server refused the upgrade; its response says why"),
    bad_handshake(Error::plain_http, 400, "the request was plain HTTP, and was answered as such"),
    bad_handshake(Error::no_sha1, 500,
                  "libcrypto has no SHA-1, without which there is no WebSocket handshake"),
    bad_handshake(Error::handshake_incomplete, 400,
                  "the stream ended before the handshake was complete"),

    unusable(Error::malformed_url, ErrorClass::url,
             "the URL is malformed; expected ws://host[:port][/path][?query]"),
    unusable(Error::unsupported_url_scheme, ErrorClass::url,
             "the URL's scheme is neither ws nor wss"),
    unusable(Error::missing_host_name, ErrorClass::url, "the URL names no host"),
    unusable(Error::invalid_port, ErrorClass::url, "the URL's port is not a number in 1-65535"),
    unusable(Error::url_has_fragment, ErrorClass::url,
             "the URL has a fragment (#), which WebSocket URLs must not have; write %23 for #"),

    late(Error::handshake_timeout, CloseCode::abnormal, 408,
         "the handshake was not complete in time; Config::handshake_timeout sets how long"),
    late(Error::idle_timeout, CloseCode::going_away, 400,
         "no message went either way for too long; Config::idle_timeout sets how long"),
    late(Error::pong_timeout, CloseCode::internal_error, 400,
         "the peer did not answer a keepalive ping in time; Config::pong_timeout sets how long"),
    late(Error::close_timeout, CloseCode::abnormal, 400,
         "the peer did not finish the close in time; Config::close_timeout sets how long"),
    late(
        Error::write_timeout, CloseCode::abnormal, 400,
        "the peer took nothing of what was sent for too long; Config::write_timeout sets how long"),
    late(Error::message_timeout, CloseCode::policy_violation, 400,
         "the peer did not finish a message in time; Config::message_timeout sets how long"),

    unusable(Error::connection_reset, ErrorClass::closed,
             "the peer ended the stream without a Close frame"),
    unusable(Error::closed_with_error, ErrorClass::closed,
             "the peer closed the connection for an error; the close code and reason say which"),

    unusable(Error::not_open, ErrorClass::misuse,
             "the opening handshake is not done yet; wait for Opened"),
    unusable(Error::send_after_close, ErrorClass::misuse,
             "nothing can be sent after a Close frame"),
    unusable(Error::no_request, ErrorClass::misuse,
             "no request waits for an answer; accept or refuse once after Requested"),
    unusable(Error::not_an_upgrade, ErrorClass::misuse,
             "the request is plain HTTP and asks for no upgrade; answer it with refuse"),
    unusable(Error::message_kind_changed, ErrorClass::misuse,
             "a fragment must be of the same kind as the message it continues"),
    unusable(Error::message_unfinished, ErrorClass::misuse,
             "a message sent in fragments is unfinished; send its last fragment first"),
    unusable(Error::control_payload_too_long, ErrorClass::misuse,
             "the payload of a ping or pong is limited to 125 octets"),
    unusable(Error::close_code_not_sendable, ErrorClass::misuse,
             "this close code must not be sent; use 1000-1003, 1007-1014 or 3000-4999"),
    unusable(Error::close_reason_too_long, ErrorClass::misuse,
             "a close reason is limited to 123 octets"),
    unusable(Error::close_reason_not_utf8, ErrorClass::misuse, "a close reason must be UTF-8"),
    unusable(Error::invalid_header, ErrorClass::misuse,
             "a header name must be an HTTP token, its value (and a reason phrase) free of control "
             "characters but HTAB, and a value without space at its ends"),
    unusable(Error::reserved_header, ErrorClass::misuse,
             "the handshake writes this header itself; leave it out"),
    unusable(Error::invalid_subprotocol, ErrorClass::misuse,
             "a subprotocol must be an HTTP token and be given once"),
    unusable(Error::subprotocol_not_requested, ErrorClass::misuse,
             "accept with a subprotocol that the client asked for, or with none"),
    unusable(Error::invalid_status, ErrorClass::misuse, "refuse with an HTTP status in 200-599"),
    unusable(Error::no_entropy, ErrorClass::misuse,
             "a client needs a source of entropy for its keys; pass an Entropy"),
    unusable(Error::already_reading, ErrorClass::misuse,
             "a message is waited for already; one wait at a time"),
    unusable(Error::already_accepting, ErrorClass::misuse,
             "a connection is waited for already; one wait at a time, on each listener"),
    unusable(Error::invalid_config, ErrorClass::misuse,
             "the Config contradicts itself; see the comments of its members"),
};

consteval bool each_row_is_at_its_value() {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<std::size_t>(rows[i].error) != i) return false;
  }
  return true;
}
static_assert(rows.size() == static_cast<std::size_t>(Error::invalid_config) + 1 &&
              each_row_is_at_its_value());

constexpr Row unknown{Error::none, no_class, CloseCode::abnormal, 400,
                      "not an error of wolframite"};

constexpr const Row& row_of(Error error) {
  const auto index = static_cast<std::size_t>(error);
  return index < rows.size() ? rows[index] : unknown;
}

constexpr const Row& row_of(int value) {
  return value >= 0 && std::cmp_less(value, rows.size()) ? rows[static_cast<std::size_t>(value)]
                                                         : unknown;
}

// Classes have a category of their own: in one category an ErrorClass would equal the Error of the
// same number.
class ClassCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "wolframite.class"; }

  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<ErrorClass>(value)) {
      case ErrorClass::protocol:
        return "the peer broke the framing rules";
      case ErrorClass::utf8:
        return "text is not UTF-8";
      case ErrorClass::capacity:
        return "a limit was passed";
      case ErrorClass::handshake:
        return "the opening handshake failed";
      case ErrorClass::url:
        return "the URL cannot be used";
      case ErrorClass::timeout:
        return "time ran out";
      case ErrorClass::closed:
        return "the connection is over";
      case ErrorClass::misuse:
        return "the command cannot be carried out";
      case ErrorClass::tls:
        return "TLS failed";
    }
    return value == 0 ? "no error" : "not an error class of wolframite";
  }
};

constinit const ClassCategory class_category;

class ErrorCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "wolframite"; }
  [[nodiscard]] std::string message(int value) const override { return row_of(value).message; }
  [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
    return {static_cast<int>(row_of(value).error_class), class_category};
  }
};

constinit const ErrorCategory the_category;

}  // namespace

const std::error_category& error_category() noexcept { return the_category; }

std::error_code make_error_code(Error error) noexcept {
  return {static_cast<int>(error), the_category};
}

std::error_condition make_error_condition(ErrorClass value) noexcept {
  return {static_cast<int>(value), class_category};
}

CloseCode close_code_for(Error error) noexcept { return row_of(error).close_code; }

int http_status_for(Error error) noexcept { return row_of(error).http_status; }

const char* describe(Error error) noexcept { return row_of(error).message; }

}  // namespace wolframite
