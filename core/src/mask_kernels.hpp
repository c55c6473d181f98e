// Masking of long payloads, once for each instruction set.
//
// All kernels work alike. The first and the last vector are loaded before anything is stored, and
// stored last; between them run vectors aligned to `to`. The three overlap, which is harmless: no
// octet is loaded after it was stored, so in place nothing is masked twice and no load waits for a
// store to be forwarded.
//
// A payload of few vectors is masked without a loop: as many from its front as from its end.
//
//     |<-- head -->|                               |<-- tail -->|
//     +-----+------+------------+------------+-----+------+-----+
//     |     |  aligned   |  aligned   |  aligned   |            |
//     +-----+------------+------------+------------+------------+
//     0   skip                                    end          size
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "wolframite/mask.hpp"

namespace wolframite::detail {

/// The masking key, written twice, as it lies in memory.
using RepeatedKey = std::uint64_t;

[[nodiscard]] inline RepeatedKey repeated(MaskKey key) {
  const auto once = std::bit_cast<std::uint32_t>(key);
  return RepeatedKey{once} << 32 | once;
}

/// Turns `key` so that its first byte is the one for position `by`. `order` is the machine's; tests
/// give the other as well.
template <std::endian order = std::endian::native>
[[nodiscard]] constexpr RepeatedKey rotated(RepeatedKey key, std::size_t by) {
  const int bits = static_cast<int>(by % 4 * 8);
  return order == std::endian::little ? std::rotr(key, bits) : std::rotl(key, bits);
}

/// The byte of `key` that lies first in memory.
template <std::endian order = std::endian::native>
[[nodiscard]] constexpr std::byte first_byte(RepeatedKey key) {
  return static_cast<std::byte>(order == std::endian::little ? key & 0xFFU : key >> 56);
}

/// Octets from `to` to the next address above it that is a multiple of `alignment`.
[[nodiscard]] inline std::size_t distance_to_aligned(const std::byte* to, std::size_t alignment) {
  return alignment - reinterpret_cast<std::uintptr_t>(to) % alignment;
}

/// Masks `size` octets of `from` into `to`, which is the same place or does not overlap.
/// Precondition: `size` is above `mask_kernel_threshold`.
using MaskFunction = void (*)(const std::byte* from, std::byte* to, std::size_t size,
                              RepeatedKey key);

inline constexpr std::size_t mask_kernel_threshold = 64;

struct MaskKernel {
  const char* name;
  MaskFunction run;
};

/// Kernels that this machine can run, the fastest last.
[[nodiscard]] std::span<const MaskKernel> supported_mask_kernels();

void mask_baseline(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key);
#if defined(__x86_64__)
void mask_avx2(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key);
void mask_avx512(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key);
#endif

}  // namespace wolframite::detail
