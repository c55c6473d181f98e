#include "wolframite/frame_header.hpp"

#include <algorithm>

#include "frame_front.hpp"

namespace wolframite {
namespace {

constexpr std::size_t mask_size = 4;

constexpr unsigned octet(ConstBytes bytes, std::size_t index) {
  return std::to_integer<unsigned>(bytes[index]);
}

std::uint64_t load_big_endian(ConstBytes bytes) {
  std::uint64_t value = 0;
  for (const std::byte b : bytes) value = value << 8 | std::to_integer<std::uint64_t>(b);
  return value;
}

constexpr Error check_opcode(unsigned opcode) {
  constexpr unsigned known = 1U << 0x0 | 1U << 0x1 | 1U << 0x2 | 1U << 0x8 | 1U << 0x9 | 1U << 0xA;
  if ((known >> opcode & 1U) != 0) return Error::none;
  return opcode < 0x8 ? Error::unknown_data_opcode : Error::unknown_control_opcode;
}

}  // namespace

FrameHeader::Parsed FrameHeader::parse(ConstBytes bytes) {
  Parsed parsed;
  if (bytes.empty()) return parsed;

  const unsigned first = octet(bytes, 0);
  if (parsed.error = check_opcode(first & 0xFU); parsed.error != Error::none) return parsed;
  FrameHeader& header = parsed.header;
  header.fin = (first & 0x80U) != 0;
  header.rsv = static_cast<std::uint8_t>(first >> 4 & 0x7U);
  header.opcode = static_cast<OpCode>(first & 0xFU);
  if (is_control(header.opcode) && !header.fin) {
    parsed.error = Error::fragmented_control_frame;
    return parsed;
  }
  if (bytes.size() < 2) return parsed;

  const unsigned second = octet(bytes, 1);
  header.masked = (second & 0x80U) != 0;
  header.length = second & 0x7FU;
  if (is_control(header.opcode) && header.length > max_control_payload) {
    parsed.error = Error::control_frame_too_big;
    return parsed;
  }

  std::size_t size = 2;
  if (header.length > 125) {
    const bool is_wide = header.length == 127;
    const std::size_t width = is_wide ? 8 : 2;
    if (bytes.size() < size + width) return parsed;
    header.length = load_big_endian(bytes.subspan(size, width));
    if (header.length >> 63 != 0) parsed.error = Error::length_too_large;
    if (header.length < (is_wide ? 65536U : 126U)) parsed.error = Error::length_not_minimal;
    if (parsed.error != Error::none) return parsed;
    size += width;
  }

  if (header.masked) {
    if (bytes.size() < size + mask_size) return parsed;
    std::ranges::copy(bytes.subspan(size, mask_size), header.mask.begin());
    size += mask_size;
  }
  parsed.size = size;
  return parsed;
}

std::size_t FrameHeader::format(std::span<std::byte, max_size> out) const {
  return static_cast<std::size_t>(detail::write_front(*this, out.data()) - out.data());
}

}  // namespace wolframite
