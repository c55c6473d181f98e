#include "simd.hpp"

namespace wolframite::detail {

SimdLevel simd_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();  // callers may be constructors of static objects
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi")) {
    return SimdLevel::avx512;
  }
  if (__builtin_cpu_supports("avx2")) return SimdLevel::avx2;
#endif
  return SimdLevel::baseline;
}

}  // namespace wolframite::detail
