/// @file
/// The bytes a connection has still to send.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <span>

#include "wolframite/bytes.hpp"

#pragma GCC visibility push(default)
namespace wolframite::detail {

/// A list of segments. Small frames fill blocks one after the other; a shared payload is a segment
/// of its own. Bytes once appended neither move nor change, and an empty queue owns no memory.
///
///     head_                                            tail_
///     [block: 81 05 H e l l o 82 7F ..] -> [shared payload] -> [block: 89 00 .....]
///      ^ consumed up to here                                           ^ filled up to here
class OutputQueue {
 public:
  OutputQueue() = default;
  OutputQueue(OutputQueue&& other) noexcept;
  OutputQueue& operator=(OutputQueue&& other) noexcept;
  ~OutputQueue() { clear(); }

  /// Appends `size` bytes to be written by the caller now, in one piece. Their memory comes from
  /// `memory`.
  [[nodiscard]] std::byte* extend(std::size_t size, std::pmr::memory_resource& memory);
  void append(ConstBytes bytes, std::pmr::memory_resource& memory);
  void append(SharedBytes bytes, std::pmr::memory_resource& memory);

  std::size_t gather(std::span<ConstBytes> out) const;
  void consume(std::size_t size);
  void clear();

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t memory_in_use() const;
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  struct Segment;
  struct Block;
  struct Shared;

  void link(Segment* segment);
  static void destroy(Segment* segment);

  Segment* head_ = nullptr;
  Segment* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace wolframite::detail
#pragma GCC visibility pop
