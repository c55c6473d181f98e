/// @file
/// The keys of the opening handshake (RFC 6455 §4.2.2) and the base64 they are written in.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "wolframite/bytes.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Derives the value of `Sec-WebSocket-Accept` from that of `Sec-WebSocket-Key`, taken as it is.
/// 28 characters; none if libcrypto's policy forbids SHA-1. RFC 6455 §4.2.2, 5.4.
[[nodiscard]] std::string derive_accept_key(std::string_view key);

/// Writes 16 random octets as a `Sec-WebSocket-Key` value: 24 characters. RFC 6455 §4.1, 7.
[[nodiscard]] std::string format_key(std::span<const std::byte, 16> nonce);

/// Whether `value` is the base64 of exactly 16 octets, padding and unused bits included. RFC 6455
/// §4.2.1, 5.
[[nodiscard]] bool is_valid_key(std::string_view value);

/// Base64 with padding (RFC 4648 §4).
[[nodiscard]] std::string base64(ConstBytes data);

}  // namespace wolframite
#pragma GCC visibility pop
