#include "mask_kernels.hpp"
#include "mask_words.hpp"

namespace wolframite::detail {

void mask_baseline(const std::byte* from, std::byte* to, std::size_t size, RepeatedKey key) {
  const std::size_t end = size - sizeof(Vector16);
  const Vector16 head = load<Vector16>(from);
  const Vector16 tail = load<Vector16>(from + end);

  std::size_t i = distance_to_aligned(to, sizeof(Vector16));
  const Vector16 aligned_key = spread<Vector16>(rotated(key, i));
  for (; i + 64 <= size; i += 64) {
    const Vector16 a = load<Vector16>(from + i);
    const Vector16 b = load<Vector16>(from + i + 16);
    const Vector16 c = load<Vector16>(from + i + 32);
    const Vector16 d = load<Vector16>(from + i + 48);
    store(to + i, a ^ aligned_key);
    store(to + i + 16, b ^ aligned_key);
    store(to + i + 32, c ^ aligned_key);
    store(to + i + 48, d ^ aligned_key);
  }
  for (; i < end; i += 16) store(to + i, load<Vector16>(from + i) ^ aligned_key);

  store(to, head ^ spread<Vector16>(key));
  store(to + end, tail ^ spread<Vector16>(rotated(key, end)));
}

}  // namespace wolframite::detail
