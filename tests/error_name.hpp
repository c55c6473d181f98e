// The names of Error's values, for transcripts and messages of tests.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include "wolframite/error.hpp"

namespace wolframite::test {

inline constexpr std::array error_names{
    // clang-format off
    std::string_view("none"),
    std::string_view("reserved_bits_set"),
    std::string_view("unknown_data_opcode"),
    std::string_view("unknown_control_opcode"),
    std::string_view("unmasked_frame_from_client"),
    std::string_view("masked_frame_from_server"),
    std::string_view("fragmented_control_frame"),
    std::string_view("control_frame_too_big"),
    std::string_view("unexpected_continuation"),
    std::string_view("expected_continuation"),
    std::string_view("length_not_minimal"),
    std::string_view("length_too_large"),
    std::string_view("invalid_close_body"),
    std::string_view("invalid_close_code"),
    std::string_view("invalid_deflate"),
    std::string_view("invalid_utf8"),
    std::string_view("frame_too_big"),
    std::string_view("message_too_big"),
    std::string_view("head_too_big"),
    std::string_view("too_many_headers"),
    std::string_view("write_buffer_full"),
    std::string_view("out_of_memory"),
    std::string_view("malformed_request_line"),
    std::string_view("malformed_status_line"),
    std::string_view("malformed_header"),
    std::string_view("method_not_get"),
    std::string_view("version_not_http_1_1"),
    std::string_view("missing_host"),
    std::string_view("duplicate_header"),
    std::string_view("unexpected_body"),
    std::string_view("missing_upgrade"),
    std::string_view("missing_connection_upgrade"),
    std::string_view("missing_version"),
    std::string_view("unsupported_version"),
    std::string_view("missing_key"),
    std::string_view("invalid_key"),
    std::string_view("malformed_extensions"),
    std::string_view("malformed_subprotocols"),
    std::string_view("missing_accept"),
    std::string_view("accept_mismatch"),
    std::string_view("unrequested_subprotocol"),
    std::string_view("missing_subprotocol"),
    std::string_view("unrequested_extension"),
    std::string_view("refused"),
    std::string_view("plain_http"),
    std::string_view("no_sha1"),
    std::string_view("handshake_incomplete"),
    std::string_view("malformed_url"),
    std::string_view("unsupported_url_scheme"),
    std::string_view("missing_host_name"),
    std::string_view("invalid_port"),
    std::string_view("url_has_fragment"),
    std::string_view("handshake_timeout"),
    std::string_view("idle_timeout"),
    std::string_view("pong_timeout"),
    std::string_view("close_timeout"),
    std::string_view("write_timeout"),
    std::string_view("message_timeout"),
    std::string_view("connection_reset"),
    std::string_view("closed_with_error"),
    std::string_view("not_open"),
    std::string_view("send_after_close"),
    std::string_view("no_request"),
    std::string_view("not_an_upgrade"),
    std::string_view("message_kind_changed"),
    std::string_view("message_unfinished"),
    std::string_view("control_payload_too_long"),
    std::string_view("close_code_not_sendable"),
    std::string_view("close_reason_too_long"),
    std::string_view("close_reason_not_utf8"),
    std::string_view("invalid_header"),
    std::string_view("reserved_header"),
    std::string_view("invalid_subprotocol"),
    std::string_view("subprotocol_not_requested"),
    std::string_view("invalid_status"),
    std::string_view("no_entropy"),
    std::string_view("already_reading"),
    std::string_view("already_accepting"),
    std::string_view("invalid_config"),
    // clang-format on
};
static_assert(error_names.size() == static_cast<std::size_t>(Error::invalid_config) + 1);

inline std::string_view name_of(Error error) {
  return error_names.at(static_cast<std::size_t>(error));
}

/// The value's name, or the message of a code that is not ours.
inline std::string name_of(const std::error_code& code) {
  if (!code) return "none";
  if (code.category() == error_category())
    return std::string(name_of(static_cast<Error>(code.value())));
  return code.message();
}

}  // namespace wolframite::test
