// Memory of the limit servers: blocks that are kept for the next one who needs them.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace limit {

inline constexpr std::size_t buffer_size = 64 * 1024;  // of a receive buffer, as in the library

struct Block {
  std::unique_ptr<std::byte[]> bytes{};
  std::size_t capacity = 0;
};

class BlockPool {
 public:
  [[nodiscard]] Block acquire(std::size_t size) {
    if (!free_.empty() && free_.back().capacity >= size) {
      Block block = std::move(free_.back());
      free_.pop_back();
      return block;
    }
    return {std::make_unique_for_overwrite<std::byte[]>(size), size};
  }
  void release(Block block) {
    constexpr std::size_t kept = 64;
    if (free_.size() < kept) free_.push_back(std::move(block));
  }

 private:
  std::vector<Block> free_;
};

/// Pools of the one thread there is: receive buffers, and messages larger than those.
inline BlockPool buffers;
inline BlockPool messages;

}  // namespace limit
