#include "wolframite/mask.hpp"

#include <array>
#include <atomic>

#include "mask_kernels.hpp"
#include "mask_short.hpp"
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

inline void mask_any(const std::byte* from, std::byte* to, std::size_t size, MaskKey mask,
                     std::size_t offset) {
  const RepeatedKey key = rotated(repeated(mask), offset);
  if (size > mask_kernel_threshold) {
    chosen.load(std::memory_order_relaxed)(from, to, size, key);
  } else {
    mask_up_to_64(from, to, size, key);
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
