// Masking of short payloads, where a call would cost as much as the work.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mask_words.hpp"

namespace wolframite::detail {

// Masks from `Word` to two of them with both loads before both stores, as the kernels do.
template <typename Word>
inline void mask_ends(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key) {
  const std::size_t last = size - sizeof(Word);
  const Word head = load<Word>(from) ^ spread<Word>(key);
  const Word tail = load<Word>(from + last) ^ spread<Word>(rotated(key, last));
  store(to, head);
  store(to + last, tail);
}

inline void mask_up_to_3(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key) {
  if (size == 0) return;
  const auto masked = [&](std::size_t i) { return from[i] ^ first_byte(rotated(key, i)); };
  const std::size_t middle = size / 2;
  const std::size_t last = size - 1;
  const std::byte at_0 = masked(0);
  const std::byte at_middle = masked(middle);
  const std::byte at_last = masked(last);
  to[0] = at_0;
  to[middle] = at_middle;
  to[last] = at_last;
}

inline void mask_33_to_64(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key) {
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

/// Masks at most `mask_kernel_threshold` octets of `from` into `to`, which is the same place or
/// does not overlap.
inline void mask_up_to_64(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key) {
  if (size > 32) {
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

}  // namespace wolframite::detail
