// Loads, stores and masking of words and of 16-octet vectors, at any alignment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "mask_kernels.hpp"

namespace wolframite::detail {

/// Two words that every supported machine handles as one, without a flag for the compiler.
using Vector16 [[gnu::vector_size(16)]] = std::uint64_t;

template <typename Word>
[[nodiscard]] inline Word load(const std::byte* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

template <typename Word>
inline void store(std::byte* to, Word word) {
  std::memcpy(to, &word, sizeof word);
}

template <typename Word>
[[nodiscard]] inline Word spread(RepeatedKey key) {
  return static_cast<Word>(key);
}

template <>
[[nodiscard]] inline Vector16 spread<Vector16>(RepeatedKey key) {
  return Vector16{key, key};
}

}  // namespace wolframite::detail
