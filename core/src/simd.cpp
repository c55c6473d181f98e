#include "simd.hpp"

namespace wolframite::detail {

SimdLevel simd_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();  // callers may be constructors of static objects
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi");
  const bool avx2 = __builtin_cpu_supports("avx2");
  return avx512 ? SimdLevel::avx512 : avx2 ? SimdLevel::avx2 : SimdLevel::baseline;
#else
  return SimdLevel::baseline;
#endif
}

}  // namespace wolframite::detail
