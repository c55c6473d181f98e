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

  /// Adds room for `size` bytes at the end, to be written by the caller. `expected` more are
  /// announced: never a reason to reserve them, but one not to reserve beyond them.
  [[nodiscard]] std::byte* extend(std::size_t size, std::size_t expected,
                                  std::pmr::memory_resource& memory);

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
  static std::byte* data_of(Block* block) { return reinterpret_cast<std::byte*>(block + 1); }

  Block* block_ = nullptr;
};

}  // namespace wolframite::detail
#pragma GCC visibility pop
