#include "wolframite/mask.hpp"

#include <array>
#include <atomic>

#include "mask_kernels.hpp"
#include "mask_words.hpp"
#include "simd.hpp"

namespace wolframite {
namespace detail {
namespace {

constexpr std::array kernels {
  MaskKernel{"baseline", mask_baseline},
#if defined(__x86_64__)
      MaskKernel{"avx2", mask_avx2}, MaskKernel{"avx512", mask_avx512},
#endif
};

void choose_and_mask(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key);

// Constant-initialised, so that it works before main(). Threads that race to choose store the same
// value.
constinit std::atomic<MaskFunction> chosen{choose_and_mask};

void choose_and_mask(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key) {
  const MaskFunction best = supported_mask_kernels().back().run;
  chosen.store(best, std::memory_order_relaxed);
  best(from, to, size, key);
}

// Masks from `Word` to two of them with both loads before both stores, as the kernels do.
template <typename Word>
void mask_ends(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key) {
  const std::size_t last = size - sizeof(Word);
  const Word head = load<Word>(from) ^ spread<Word>(key);
  const Word tail = load<Word>(from + last) ^ spread<Word>(rotated(key, last));
  store(to, head);
  store(to + last, tail);
}

void mask_up_to_3(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key) {
  if (size == 0) return;
  const auto masked = [&](std::size_t i) {
    return from[i] ^ static_cast<std::byte>(rotated(key, i) & 0xFFU);
  };
  const std::size_t middle = size / 2;
  const std::size_t last = size - 1;
  const std::byte at_0 = masked(0);
  const std::byte at_middle = masked(middle);
  const std::byte at_last = masked(last);
  to[0] = at_0;
  to[middle] = at_middle;
  to[last] = at_last;
}

void mask_33_to_64(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key) {
  const std::size_t last = size - 16;
  const Vector16 head_key = spread<Vector16>(key);
  const Vector16 tail_key = spread<Vector16>(rotated(key, last));
  const Vector16 a = load<Vector16>(from) ^ head_key;
  const Vector16 b = load<Vector16>(from + 16) ^ head_key;
  const Vector16 c = load<Vector16>(from + last - 16) ^ tail_key;
  const Vector16 d = load<Vector16>(from + last) ^ tail_key;
  store(to, a);
  store(to + 16, b);
  store(to + last - 16, c);
  store(to + last, d);
}

inline void mask_any(const std::byte* from, std::byte* to, std::size_t size, MaskKey mask,
                     std::size_t offset) {
  const auto once = std::bit_cast<std::uint32_t>(mask);
  const RepeatedKey key = rotated(RepeatedKey{once} << 32 | once, offset);
  if (size > mask_kernel_threshold) {
    chosen.load(std::memory_order_relaxed)(from, to, size, key);
  } else if (size > 32) {
    mask_33_to_64(from, to, size, key);
  } else if (size >= 16) {
    mask_ends<Vector16>(from, to, size, key);
  } else if (size >= 8) {
    mask_ends<std::uint64_t>(from, to, size, key);
  } else if (size >= 4) {
    mask_ends<std::uint32_t>(from, to, size, key);
  } else {
    mask_up_to_3(from, to, size, key);
  }
}

}  // namespace

std::span<const MaskKernel> supported_mask_kernels() {
  return std::span(kernels).first(static_cast<std::size_t>(simd_level()) + 1);
}

}  // namespace detail

void apply_mask(Bytes data, MaskKey key, std::size_t offset) {
  detail::mask_any(data.data(), data.data(), data.size(), key, offset);
}

void copy_masked(ConstBytes from, std::byte* to, MaskKey key, std::size_t offset) {
  detail::mask_any(from.data(), to, from.size(), key, offset);
}

}  // namespace wolframite
