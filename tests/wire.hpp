// Octets as tests write them, and frames made by hand, independent of the core's own encoder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wolframite/bytes.hpp"
#include "wolframite/close_code.hpp"

namespace wolframite::test {

/// The octets that pairs of hex digits stand for; anything that is no hex digit is skipped.
inline std::string hex(std::string_view digits) {
  std::string octets;
  int high = -1;
  for (const char digit : digits) {
    const std::size_t value =
        std::string_view("0123456789abcdef")
            .find(digit >= 'A' && digit <= 'F' ? static_cast<char>(digit | 0x20) : digit);
    if (value == std::string_view::npos) continue;
    if (high < 0) {
      high = static_cast<int>(value);
    } else {
      octets.push_back(static_cast<char>(high * 16 + static_cast<int>(value)));
      high = -1;
    }
  }
  return octets;
}

inline std::string to_hex(std::string_view octets) {
  std::string digits;
  for (const char octet : octets) {
    const auto value = static_cast<unsigned char>(octet);
    if (!digits.empty()) digits.push_back(' ');
    digits.push_back("0123456789ABCDEF"[value >> 4U]);
    digits.push_back("0123456789ABCDEF"[value & 0xFU]);
  }
  return digits;
}

inline Bytes writable(std::string& text) {
  return {reinterpret_cast<std::byte*>(text.data()), text.size()};
}

inline std::string octet(unsigned value) { return {static_cast<char>(value)}; }

/// `value` in `width` octets, the most significant first.
inline std::string big_endian(std::uint64_t value, int width) {
  std::string octets;
  for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
    octets.push_back(static_cast<char>(value >> static_cast<unsigned>(shift) & 0xFFU));
  }
  return octets;
}

// First octets of frames.
inline constexpr unsigned final_continuation = 0x80;
inline constexpr unsigned final_text = 0x81;
inline constexpr unsigned final_binary = 0x82;
inline constexpr unsigned begin_text = 0x01;
inline constexpr unsigned begin_binary = 0x02;
inline constexpr unsigned more = 0x00;
inline constexpr unsigned close_frame = 0x88;
inline constexpr unsigned ping_frame = 0x89;
inline constexpr unsigned pong_frame = 0x8A;

/// The first two octets and the length, without mask: as a server sends it, or with `mask_bit` 0x80
/// a client.
inline std::string header(unsigned first, std::uint64_t length, unsigned mask_bit = 0) {
  if (length < 126) return octet(first) + octet(mask_bit | static_cast<unsigned>(length));
  if (length < 65536) return octet(first) + octet(mask_bit | 126U) + big_endian(length, 2);
  return octet(first) + octet(mask_bit | 127U) + big_endian(length, 8);
}

/// A frame as a server sends it.
inline std::string server_frame(unsigned first, std::string_view payload = {}) {
  return header(first, payload.size()).append(payload);
}

/// A frame as a client sends it.
inline std::string client_frame(unsigned first, std::string_view payload = {},
                                std::string_view key = "\x5A\x01\xC3\x7E") {
  std::string frame = header(first, payload.size(), 0x80).append(key);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    frame.push_back(static_cast<char>(payload[i] ^ key[i % 4]));
  }
  return frame;
}

inline std::string close_body(unsigned code, std::string_view reason = {}) {
  return big_endian(code, 2).append(reason);
}
inline std::string close_body(CloseCode code, std::string_view reason = {}) {
  return close_body(static_cast<unsigned>(code), reason);
}

}  // namespace wolframite::test
