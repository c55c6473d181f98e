// Memory of the limit servers: blocks that are kept for the next one who needs them.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace limit {

inline constexpr std::size_t buffer_size = 66 * 1024;  // of a receive buffer, as in the library

// Memory in the middle of its page, where the kernel never copies it slowly: see decision 014.
inline constexpr std::size_t page = 4096, place_in_page = page / 2;

struct PlacedDelete {
  void operator()(std::byte* bytes) const noexcept {
    ::operator delete (bytes - place_in_page, std::align_val_t{page});
  }
};

struct Block {
  explicit Block(std::size_t size = 0) : capacity(size) {
    if (size == 0) return;
    void* const start = ::operator new (place_in_page + size, std::align_val_t{page});
    bytes.reset(static_cast<std::byte*>(start) + place_in_page);
  }

  std::unique_ptr<std::byte[], PlacedDelete> bytes{};
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
    return Block(size);
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
