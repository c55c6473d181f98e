/// @file
/// The bytes a connection has still to send.
#pragma once

#include <cassert>
#include <cstddef>
#include <memory_resource>
#include <span>
#include <utility>

#include "wolframite/bytes.hpp"
#include "wolframite/detail/assembly.hpp"

#pragma GCC visibility push(default)
namespace wolframite::detail {

/// A list of segments. Small frames fill blocks one after the other; a payload that is shared or
/// taken over is a segment of its own. Bytes once appended neither move nor change, and an empty
/// queue owns no memory. Where there is no memory for something, nothing of it is queued. What is
/// dropped keeps its memory until it is released: who was shown it may
/// still be writing it.
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
  /// `memory`; returns null where that has none.
  [[nodiscard]] std::byte* extend(std::size_t size, std::pmr::memory_resource& memory) {
    return extend(size, size, memory);
  }
  /// Each `append` returns whether there was memory.
  [[nodiscard]] bool append(ConstBytes bytes, std::pmr::memory_resource& memory);
  /// Appends `bytes`, which live as long as `owner`.
  [[nodiscard]] bool append(ConstBytes bytes, SharedBytes owner, std::pmr::memory_resource& memory);
  [[nodiscard]] bool append(SharedBytes bytes, std::pmr::memory_resource& memory) {
    return append_behind({}, std::move(bytes), memory);
  }
  /// Appends a copy of `front`, which is short, and behind it all bytes of `payload`, as a segment
  /// of its own.
  [[nodiscard]] bool append_behind(ConstBytes front, SharedBytes payload,
                                   std::pmr::memory_resource& memory);
  /// The same with a payload whose memory is taken over; it is left as it was where there is none.
  [[nodiscard]] bool append_behind(ConstBytes front, Assembly&& payload,
                                   std::pmr::memory_resource& memory);

  std::size_t gather(std::span<ConstBytes> out) const;
  void consume(std::size_t size);
  /// Has nothing to show any more, but keeps the memory. Nothing may be appended after this.
  void drop() { size_ = 0; }
  /// Frees what was dropped: nobody looks at it any more.
  void release() {
    if (holds_dropped()) clear();
  }
  [[nodiscard]] bool holds_dropped() const { return size_ == 0 && head_ != nullptr; }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t memory_in_use() const;
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  enum class Holds : unsigned char { block, shared, taken };
  struct Segment {
    Segment* next = nullptr;
    std::byte* begin = nullptr;  // consumed up to here
    std::byte* end = nullptr;    // filled up to here
    std::size_t room = 0;        // octets behind `end` that can be filled; none but in a Block
    std::pmr::memory_resource* memory = nullptr;
    std::size_t capacity = 0;  // of a Block
    Holds holds = Holds::block;
  };
  struct Block;
  struct Shared;
  struct Taken;

  /// Appends `size` bytes. Of a block that has to be added for them, `usual` is the size of those
  /// that will follow.
  [[nodiscard]] std::byte* extend(std::size_t size, std::size_t usual,
                                  std::pmr::memory_resource& memory) {
    assert(!holds_dropped());
    if ((tail_ == nullptr || tail_->room < size) && !add_block(size, usual, memory)) return nullptr;
    std::byte* const room = tail_->end;
    tail_->end += size;
    tail_->room -= size;
    size_ += size;
    return room;
  }
  bool add_block(std::size_t size, std::size_t usual, std::pmr::memory_resource& memory);
  bool append_front(ConstBytes front, std::pmr::memory_resource& memory);
  void clear();
  void link(Segment* segment);
  static void destroy(Segment* segment);

  Segment* head_ = nullptr;
  Segment* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace wolframite::detail
#pragma GCC visibility pop
