#include "mask_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

namespace wolframite::detail {
namespace {

[[gnu::target("avx512f")]] inline __m512i load(const std::byte* from) {
  return _mm512_loadu_si512(from);
}

[[gnu::target("avx512f")]] inline void store(std::byte* to, __m512i vector, __m512i key) {
  _mm512_storeu_si512(to, _mm512_xor_si512(vector, key));
}

[[gnu::target("avx512f")]] inline __m512i spread(RepeatedKey key) {
  return _mm512_set1_epi64(static_cast<long long>(key));
}

}  // namespace

[[gnu::target("avx512f")]] void mask_avx512(const std::byte* from, std::byte* to, std::size_t size,
                                            RepeatedKey key) {
  const std::size_t end = size - 64;
  const __m512i head = load(from);
  const __m512i tail = load(from + end);
  const __m512i head_key = spread(key);
  const __m512i tail_key = spread(rotated(key, end));
  if (size <= 128) {
    store(to, head, head_key);
    store(to + end, tail, tail_key);
    return;
  }
  if (size <= 256) {
    const __m512i second = load(from + 64);
    const __m512i last_but_one = load(from + end - 64);
    store(to, head, head_key);
    store(to + 64, second, head_key);
    store(to + end - 64, last_but_one, tail_key);
    store(to + end, tail, tail_key);
    return;
  }

  std::size_t i = distance_to_aligned(to, 64);
  const __m512i aligned_key = spread(rotated(key, i));
  for (; i + 256 <= size; i += 256) {
    const __m512i a = load(from + i);
    const __m512i b = load(from + i + 64);
    const __m512i c = load(from + i + 128);
    const __m512i d = load(from + i + 192);
    store(to + i, a, aligned_key);
    store(to + i + 64, b, aligned_key);
    store(to + i + 128, c, aligned_key);
    store(to + i + 192, d, aligned_key);
  }
  for (; i < end; i += 64) store(to + i, load(from + i), aligned_key);

  store(to, head, head_key);
  store(to + end, tail, tail_key);
}

}  // namespace wolframite::detail

#endif
