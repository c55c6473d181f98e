#include "mask_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

namespace wolframite::detail {
namespace {

[[gnu::target("avx2")]] inline __m256i load(const std::byte* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

[[gnu::target("avx2")]] inline void store(std::byte* to, __m256i vector, __m256i key) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_xor_si256(vector, key));
}

[[gnu::target("avx2")]] inline __m256i spread(RepeatedKey key) {
  return _mm256_set1_epi64x(static_cast<long long>(key));
}

}  // namespace

[[gnu::target("avx2")]] void mask_avx2(const std::byte* from, std::byte* to, std::size_t size,
                                       RepeatedKey key) {
  const std::size_t end = size - 32;
  const __m256i head = load(from);
  const __m256i tail = load(from + end);
  const __m256i head_key = spread(key);
  const __m256i tail_key = spread(rotated(key, end));
  if (size <= 128) {
    const __m256i second = load(from + 32);
    const __m256i last_but_one = load(from + end - 32);
    store(to, head, head_key);
    store(to + 32, second, head_key);
    store(to + end - 32, last_but_one, tail_key);
    store(to + end, tail, tail_key);
    return;
  }

  std::size_t i = distance_to_aligned(to, 32);
  const __m256i aligned_key = spread(rotated(key, i));
  for (; i + 128 <= size; i += 128) {
    const __m256i a = load(from + i);
    const __m256i b = load(from + i + 32);
    const __m256i c = load(from + i + 64);
    const __m256i d = load(from + i + 96);
    store(to + i, a, aligned_key);
    store(to + i + 32, b, aligned_key);
    store(to + i + 64, c, aligned_key);
    store(to + i + 96, d, aligned_key);
  }
  for (; i < end; i += 32) store(to + i, load(from + i), aligned_key);

  store(to, head, head_key);
  store(to + end, tail, tail_key);
}

}  // namespace wolframite::detail

#endif
