// Which vector instructions the machine has, asked for at run time.
#pragma once

#include <cstdint>

namespace wolframite::detail {

/// Sets of instructions that kernels are written for; each includes those before it.
enum class SimdLevel : std::uint8_t {
  baseline,  ///< what the compiler may assume: SSE2 on x86-64, NEON on AArch64
  avx2,
  avx512,  ///< F, BW, VL and VBMI: Ice Lake or Zen 4, where wide vectors no longer cost clock speed
};

[[nodiscard]] SimdLevel simd_level();

}  // namespace wolframite::detail
