#include "utf8_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <array>
#include <cstring>

#include "utf8_rules.hpp"

namespace wolframite::detail {
namespace {

constexpr std::size_t width = sizeof(__m256i);
constexpr std::size_t lookback = 3;

[[gnu::target("avx2")]] inline __m256i load(const std::byte* text) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
}

[[gnu::target("avx2")]] inline __m256i look_up(const Utf8Table& table, __m256i nibbles) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table.data()));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(half), nibbles);
}

[[gnu::target("avx2")]] inline __m256i low_nibbles(__m256i octets) {
  return _mm256_and_si256(octets, _mm256_set1_epi8(0x0F));
}

// The faults that the octets at `text` make with those before them, of which `lookback` are read.
[[gnu::target("avx2")]] inline __m256i faults_at(const std::byte* text) {
  const __m256i octets = load(text);
  const __m256i before_1 = load(text - 1);
  const __m256i before_2 = load(text - 2);
  const __m256i before_3 = load(text - 3);
  const __m256i first_high =
      look_up(utf8_tables.first_high, low_nibbles(_mm256_srli_epi16(before_1, 4)));
  const __m256i first_low = look_up(utf8_tables.first_low, low_nibbles(before_1));
  const __m256i second_high =
      look_up(utf8_tables.second_high, low_nibbles(_mm256_srli_epi16(octets, 4)));
  const __m256i pair = _mm256_and_si256(_mm256_and_si256(first_high, first_low), second_high);

  // The highest bit is set where the octet two before is E0 or above, or the one three before F0 or
  // above.
  const __m256i wanted = _mm256_or_si256(_mm256_subs_epu8(before_2, _mm256_set1_epi8(0xE0 - 0x80)),
                                         _mm256_subs_epu8(before_3, _mm256_set1_epi8(0xF0 - 0x80)));
  const auto two_continuations = static_cast<char>(utf8_rules::two_continuations);
  return _mm256_xor_si256(_mm256_and_si256(wanted, _mm256_set1_epi8(two_continuations)), pair);
}

// The same at the start of the text, where zeros stand for what is not before it.
[[gnu::target("avx2")]] inline __m256i faults_at_start(const std::byte* text) {
  std::array<std::byte, lookback + width> padded{};
  std::memcpy(padded.data() + lookback, text, width);
  return faults_at(padded.data() + lookback);
}

[[gnu::target("avx2")]] inline bool is_ascii(__m256i octets) {
  return _mm256_movemask_epi8(octets) == 0;
}

[[gnu::target("avx2")]] inline bool are_4_ascii(const std::byte* text) {
  return is_ascii(_mm256_or_si256(_mm256_or_si256(load(text), load(text + width)),
                                  _mm256_or_si256(load(text + 2 * width), load(text + 3 * width))));
}

}  // namespace

[[gnu::target("avx2")]] bool is_utf8_avx2(const std::byte* text, std::size_t size) {
  if (size < width + lookback) return is_utf8_baseline(text, size);

  bool follows_ascii = is_ascii(load(text));  // then no sequence reaches into the next vector
  __m256i faults = follows_ascii ? _mm256_setzero_si256() : faults_at_start(text);
  for (std::size_t i = width; i + width <= size; i += width) {
    while (follows_ascii && i + 5 * width <= size && are_4_ascii(text + i)) i += 4 * width;
    const bool ascii = is_ascii(load(text + i));
    if (!ascii || !follows_ascii) faults = _mm256_or_si256(faults, faults_at(text + i));
    follows_ascii = ascii;
  }
  faults = _mm256_or_si256(faults, faults_at(text + size - width));
  return _mm256_testz_si256(faults, faults) != 0;
}

}  // namespace wolframite::detail

#endif
