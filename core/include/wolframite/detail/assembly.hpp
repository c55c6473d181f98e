/// @file
/// The buffer in which the parts of a message come together.
#pragma once

#include <cstddef>
#include <memory_resource>

#include "wolframite/bytes.hpp"

#pragma GCC visibility push(default)
namespace wolframite::detail {

/// A byte buffer of one pointer, that owns no memory while empty. It grows with the bytes it is
/// given.
class Assembly {
 public:
  Assembly() = default;
  Assembly(Assembly&& other) noexcept;
  Assembly& operator=(Assembly&& other) noexcept;
  ~Assembly() { clear(); }

  /// Adds room for `size` bytes at the end, to be written by the caller. `remaining` more are
  /// announced, and the message ends there: no reason to reserve them all, but one to reserve
  /// generously, and not to go beyond them. Returns null, and has changed nothing, where `memory`
  /// has none.
  [[nodiscard]] std::byte* extend(std::size_t size, std::size_t remaining,
                                  std::pmr::memory_resource& memory) {
    return extend(size, remaining, generous, memory);
  }
  /// The same for a message whose end is not known. `most` is how much more it may become.
  [[nodiscard]] std::byte* extend_open(std::size_t size, std::size_t most,
                                       std::pmr::memory_resource& memory) {
    return extend(size, most, careful, memory);
  }

  /// Cuts the last `size` bytes off, and keeps their memory.
  void shrink(std::size_t size);

  /// Gives the memory back.
  void clear();

  [[nodiscard]] std::size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] Bytes bytes() const;
  [[nodiscard]] std::size_t memory_in_use() const {
    return block_ == nullptr ? 0 : sizeof(Block) + block_->capacity;
  }

 private:
  struct Block {
    std::pmr::memory_resource* memory;
    std::size_t capacity;
    std::size_t size;
  };
  // By what factor it grows at most, once it is large.
  static constexpr std::size_t generous = 16, careful = 4;

  [[nodiscard]] std::byte* extend(std::size_t size, std::size_t expected, std::size_t growth,
                                  std::pmr::memory_resource& memory);
  static std::byte* data_of(Block* block) { return reinterpret_cast<std::byte*>(block + 1); }

  Block* block_ = nullptr;
};

}  // namespace wolframite::detail
#pragma GCC visibility pop
