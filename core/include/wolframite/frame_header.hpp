/// @file
/// The base framing protocol (RFC 6455 §5.2): parsing and formatting of a frame's header.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "wolframite/bytes.hpp"
#include "wolframite/error.hpp"
#include "wolframite/mask.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Interpretation of a frame's payload (RFC 6455 §11.8).
enum class OpCode : std::uint8_t {
  continuation = 0x0,  ///< the next fragment of the message that was begun (RFC 6455 §5.4)
  text = 0x1,          ///< a message of UTF-8, or its first fragment
  binary = 0x2,        ///< a message of any octets, or its first fragment
  close = 0x8,         ///< see CloseFrame (RFC 6455 §5.5.1)
  ping = 0x9,          ///< to be answered by a pong with the same payload (RFC 6455 §5.5.2)
  pong = 0xA,          ///< RFC 6455 §5.5.3
};

/// Kind of a data message, by the opcode it begins with.
enum class Kind : std::uint8_t {
  text = 0x1,    ///< UTF-8
  binary = 0x2,  ///< any octets
};

/// Which end of the connection one is.
enum class Role : std::uint8_t {
  server,  ///< accepts, and sends unmasked
  client,  ///< asks, and masks what it sends
};

/// Whether frames of this opcode are close, ping, pong, or reserved for more of the like. RFC 6455
/// §5.5.
[[nodiscard]] constexpr bool is_control(OpCode opcode) {
  return (static_cast<unsigned>(opcode) & 0x8U) != 0;
}

/// The header of one frame.
///
///      0                   1                   2                   3
///     +-+-+-+-+-------+-+-------------+-------------------------------+
///     |F|R|R|R| opcode|M| length      | length, 16 or 64 bit          |
///     |I|S|S|S|  (4)  |A|     (7)     | (if 126 or 127)               |
///     |N|V|V|V|       |S|             |                               |
///     | |1|2|3|       |K|             +-------------------------------+
///     +-+-+-+-+-------+-+-------------+  masking key, if MASK         |
///     +---------------------------------------------------------------+
struct FrameHeader {
  static constexpr std::size_t max_size = 14;              ///< octets: 2 + 8 + 4
  static constexpr std::size_t max_control_payload = 125;  ///< octets (RFC 6455 §5.5)
  static constexpr std::uint8_t rsv1 = 4;  ///< in `rsv`: a compressed message begins (RFC 7692 §6)

  bool fin = true;                 ///< the message ends with this frame
  std::uint8_t rsv = 0;            ///< bit 2 is RSV1, bit 1 RSV2, bit 0 RSV3
  OpCode opcode = OpCode::binary;  ///< `parse` lets known ones pass only
  bool masked = false;             ///< the payload is masked with `mask`
  MaskKey mask{};                  ///< zero unless `masked`
  std::uint64_t length = 0;        ///< payload octets

  struct Parsed;

  /// Parses the header at the front of `bytes`. Needs no more octets than the header has, and
  /// reports a violation as soon as the octets that show it are there: an unknown opcode or a
  /// fragmented control frame after the first octet; a control frame longer than 125 octets, after
  /// the second; a length that is not minimal or not below 2^63, once complete. RSV and MASK bits
  /// are the caller's to judge. RFC 6455 §5.2, §5.5.
  [[nodiscard]] static Parsed parse(ConstBytes bytes);

  /// Writes the header to the front of `out` and returns its size in octets.
  std::size_t format(std::span<std::byte, max_size> out) const;

  /// Octets that `format` writes.
  [[nodiscard]] constexpr std::size_t size() const {
    return 2U + (length < 126 ? 0U : length < 65536 ? 2U : 8U) + (masked ? 4U : 0U);
  }
};

/// What `parse` found.
struct FrameHeader::Parsed {
  Error error = Error::none;  ///< the violation, or `none`
  std::size_t size = 0;       ///< octets of the header; 0 while more are needed, or on error
  FrameHeader header{};       ///< complete if `size` > 0
};

}  // namespace wolframite
#pragma GCC visibility pop
