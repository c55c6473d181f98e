#include "wolframite/mask.hpp"

namespace wolframite {

void copy_masked(ConstBytes from, std::byte* to, MaskKey key, std::size_t offset) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i] ^ key[(offset + i) % 4];
}

void apply_mask(Bytes data, MaskKey key, std::size_t offset) {
  copy_masked(data, data.data(), key, offset);
}

}  // namespace wolframite
