// Writing a frame's header where it belongs, without a detour.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "wolframite/frame_header.hpp"

namespace wolframite::detail {

template <typename Word>
inline void store_big_endian(std::byte* to, Word value) {
  for (std::size_t i = sizeof value; i-- > 0; value = static_cast<Word>(value >> 8U))
    to[i] = static_cast<std::byte>(value & 0xFFU);
}

/// Writes `header`, which has `header.size()` octets, and returns where it ends.
inline std::byte* write_front(const FrameHeader& header, std::byte* to) {
  const unsigned fin_bit = header.fin ? 0x80U : 0U;
  const unsigned mask_bit = header.masked ? 0x80U : 0U;
  to[0] = static_cast<std::byte>(fin_bit | (header.rsv & 0x7U) << 4 |
                                 static_cast<unsigned>(header.opcode));
  if (header.length < 126) {
    to[1] = static_cast<std::byte>(mask_bit | static_cast<unsigned>(header.length));
    to += 2;
  } else if (header.length < 65536) {
    to[1] = static_cast<std::byte>(mask_bit | 126U);
    store_big_endian(to + 2, static_cast<std::uint16_t>(header.length));
    to += 4;
  } else {
    to[1] = static_cast<std::byte>(mask_bit | 127U);
    store_big_endian(to + 2, header.length);
    to += 10;
  }
  if (!header.masked) return to;
  std::memcpy(to, header.mask.data(), header.mask.size());
  return to + header.mask.size();
}

}  // namespace wolframite::detail
