// The opening handshake as pure functions over parsed heads (RFC 6455 §4). Connection brings the
// bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "wolframite/accept.hpp"
#include "wolframite/client_request.hpp"
#include "wolframite/error.hpp"
#include "wolframite/http_message.hpp"
#include "wolframite/negotiated.hpp"

namespace wolframite::detail {

inline void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

/// Whether the handshake writes this field itself, in requests and in 101 responses alike.
[[nodiscard]] bool is_handshake_header(std::string_view name);

/// Checks lists of extensions over all their lines (RFC 6455 §9.1), and counts what is in them:
/// empty elements are passed over (RFC 9110 §5.6.1.2). Linear time.
[[nodiscard]] Error check_extensions(const Headers& headers, std::size_t& count);

// Server

/// Checks a whole request head (RFC 6455 §4.2.1). Plain HTTP passes, with `is_upgrade()` false.
[[nodiscard]] Error check_request(const Request& request);

/// Whether `accept` may answer `request`: `not_an_upgrade`, `subprotocol_not_requested`,
/// `reserved_header`, `invalid_header`.
[[nodiscard]] Error check_accept(const Request& request, const Accept& accept);

/// Appends the 101 response. `extensions` is the value of Sec-WebSocket-Extensions, left out if
/// empty. `no_sha1`, with nothing appended, where libcrypto has none. Precondition: `check_request`
/// and `check_accept` gave none.
[[nodiscard]] Error write_accept(std::string& out, const Request& request, const Accept& accept,
                                 std::string_view extensions = {});

/// Whether `response` may refuse a request: `invalid_status`, `reserved_header`, `invalid_header`.
[[nodiscard]] Error check_refusal(const Response& response);

/// Appends a complete response that ends the connection. 426 names `websocket` as what to upgrade
/// to; 204, 205 and 304 are sent without a body (RFC 9110 §15), and all are where a HEAD request is
/// answered (`to_head`), with the length of the body that is left out. Precondition:
/// `check_refusal` gave none.
void write_refusal(std::string& out, const Response& response, bool to_head = false);

/// The refusal of a request with this fault: its status, and a body of one line that says what is
/// wrong.
[[nodiscard]] Response response_for(Error error);

// Client

/// The request head to send (RFC 6455 §4.1). `extensions` is the value of Sec-WebSocket-Extensions,
/// left out if empty. Precondition: `request.error()` is none.
[[nodiscard]] std::string format_request(const ClientRequest& request, std::string_view key,
                                         std::string_view extensions = {});

/// What a client asked for, to check the answer against.
struct Asked {
  std::span<const std::string> subprotocols;
  bool requires_subprotocol = true;  ///< `missing_subprotocol` if none is chosen, as in browsers
};

/// Checks a 101 response (RFC 6455 §4.1). Compression was offered as `offered` says.
[[nodiscard]] Error check_response(const Response& response, const Asked& asked,
                                   std::string_view expected_accept, const DeflateConfig& offered,
                                   Negotiated& agreed);

}  // namespace wolframite::detail
