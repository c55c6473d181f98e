#include "utf8_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <array>

#include "utf8_rules.hpp"

#define WOLFRAMITE_AVX512 gnu::target("avx512f,avx512bw,avx512vbmi")

namespace wolframite::detail {
namespace {

constexpr std::size_t width = sizeof(__m512i);

[[WOLFRAMITE_AVX512]] inline __m512i load(const std::byte* text) {
  return _mm512_loadu_si512(text);
}

[[WOLFRAMITE_AVX512]] inline __m512i look_up(const Utf8Table& table, __m512i nibbles) {
  const __m128i quarter = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table.data()));
  // The form with a mask, because the plain one makes GCC 12 warn of its own uninitialised operand.
  return _mm512_shuffle_epi8(_mm512_maskz_broadcast_i32x4(0xFFFF, quarter), nibbles);
}

[[WOLFRAMITE_AVX512]] inline __m512i low_nibbles(__m512i octets) {
  return _mm512_and_si512(octets, _mm512_set1_epi8(0x0F));
}

// The faults that octets make with those one, two and three before them.
[[WOLFRAMITE_AVX512]] inline __m512i faults_of(__m512i octets, __m512i before_1, __m512i before_2,
                                               __m512i before_3) {
  const __m512i first_high =
      look_up(utf8_tables.first_high, low_nibbles(_mm512_srli_epi16(before_1, 4)));
  const __m512i first_low = look_up(utf8_tables.first_low, low_nibbles(before_1));
  const __m512i second_high =
      look_up(utf8_tables.second_high, low_nibbles(_mm512_srli_epi16(octets, 4)));
  const __m512i pair = _mm512_and_si512(_mm512_and_si512(first_high, first_low), second_high);

  // The highest bit is set where the octet two before is E0 or above, or the one three before F0 or
  // above.
  const __m512i wanted = _mm512_or_si512(_mm512_subs_epu8(before_2, _mm512_set1_epi8(0xE0 - 0x80)),
                                         _mm512_subs_epu8(before_3, _mm512_set1_epi8(0xF0 - 0x80)));
  const auto two_continuations = static_cast<char>(utf8_rules::two_continuations);
  return _mm512_xor_si512(_mm512_and_si512(wanted, _mm512_set1_epi8(two_continuations)), pair);
}

[[WOLFRAMITE_AVX512]] inline __m512i faults_at(const std::byte* text) {
  return faults_of(load(text), load(text - 1), load(text - 2), load(text - 3));
}

// At the start of the text zeros stand for what is not before it, so the octets are shifted up.
[[WOLFRAMITE_AVX512]] inline __m512i faults_at_start(__m512i octets) {
  static constexpr auto indices = [] {
    std::array<std::uint8_t, 3 + width> values{};
    for (std::size_t i = 0; i < width; ++i) values[3 + i] = static_cast<std::uint8_t>(i);
    return values;
  }();
  const std::uint8_t* identity = indices.data() + 3;
  return faults_of(
      octets, _mm512_maskz_permutexvar_epi8(~0x1ULL, _mm512_loadu_si512(identity - 1), octets),
      _mm512_maskz_permutexvar_epi8(~0x3ULL, _mm512_loadu_si512(identity - 2), octets),
      _mm512_maskz_permutexvar_epi8(~0x7ULL, _mm512_loadu_si512(identity - 3), octets));
}

// At the end of the text only the octets in `mask` are loaded, and zeros stand for the rest.
[[WOLFRAMITE_AVX512]] inline __m512i faults_at_end(const std::byte* text, __mmask64 mask) {
  return faults_of(_mm512_maskz_loadu_epi8(mask, text), _mm512_maskz_loadu_epi8(mask, text - 1),
                   _mm512_maskz_loadu_epi8(mask, text - 2),
                   _mm512_maskz_loadu_epi8(mask, text - 3));
}

[[WOLFRAMITE_AVX512]] inline bool is_ascii(__m512i octets) {
  return _mm512_movepi8_mask(octets) == 0;
}

[[WOLFRAMITE_AVX512]] inline bool are_4_ascii(const std::byte* text) {
  return is_ascii(_mm512_or_si512(_mm512_or_si512(load(text), load(text + width)),
                                  _mm512_or_si512(load(text + 2 * width), load(text + 3 * width))));
}

[[WOLFRAMITE_AVX512]] inline bool is_none(__m512i faults) {
  return _mm512_test_epi8_mask(faults, faults) == 0;
}

constexpr __mmask64 first_octets(std::size_t count) {
  return count == 0 ? 0 : ~__mmask64{0} >> (width - count);
}

}  // namespace

[[WOLFRAMITE_AVX512]] bool is_utf8_avx512(const std::byte* text, std::size_t size) {
  const std::size_t in_first = size < width ? size : width;
  const __m512i first = _mm512_maskz_loadu_epi8(first_octets(in_first), text);
  bool follows_ascii = is_ascii(first);  // then no sequence reaches into the next vector
  __m512i faults = follows_ascii ? _mm512_setzero_si512() : faults_at_start(first);
  if (size <= width) return is_none(faults);

  std::size_t i = width;
  for (; i + width <= size; i += width) {
    while (follows_ascii && i + 5 * width <= size && are_4_ascii(text + i)) i += 4 * width;
    const bool ascii = is_ascii(load(text + i));
    if (!ascii || !follows_ascii) faults = _mm512_or_si512(faults, faults_at(text + i));
    follows_ascii = ascii;
  }
  return is_none(_mm512_or_si512(faults, faults_at_end(text + i, first_octets(size - i))));
}

}  // namespace wolframite::detail

#endif
