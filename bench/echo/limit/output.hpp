// What one write of a limit server consists of, and the memory that has to stay until it is done.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "memory.hpp"

namespace limit {

class Output {
 public:
  /// Room for `size` octets, at most `buffer_size`, to be filled by the caller. Behind one another
  /// in memory they are one segment.
  [[nodiscard]] std::byte* extend(std::size_t size) {
    if (arenas_.empty() || arenas_.back().capacity - used_ < size) {
      arenas_.push_back(buffers.acquire(buffer_size));
      used_ = 0;
    }
    std::byte* const room = arenas_.back().bytes.get() + used_;
    used_ += size;
    add(room, size);
    return room;
  }

  /// Appends octets where they are.
  void add(std::byte* bytes, std::size_t size) {
    if (!segments_.empty()) {
      iovec& last = segments_.back();
      if (static_cast<std::byte*>(last.iov_base) + last.iov_len == bytes) {
        last.iov_len += size;
        return;
      }
    }
    segments_.push_back({bytes, size});
  }

  /// Keeps memory that segments lie in.
  void keep_buffer(Block buffer) { held_.push_back(std::move(buffer)); }
  void keep_message(Block message) { messages_.push_back(std::move(message)); }

  [[nodiscard]] bool empty() const { return first_ == segments_.size(); }
  /// The segments, as many as one system call takes.
  [[nodiscard]] std::span<iovec> pending() {
    constexpr std::size_t most = 1024;  // UIO_MAXIOV
    return {segments_.data() + first_, std::min(segments_.size() - first_, most)};
  }
  void consume(std::size_t size) {
    while (size > 0) {
      iovec& segment = segments_[first_];
      const std::size_t part = std::min(size, segment.iov_len);
      segment.iov_base = static_cast<std::byte*>(segment.iov_base) + part;
      segment.iov_len -= part;
      size -= part;
      if (segment.iov_len == 0) ++first_;
    }
  }

  void clear() {
    segments_.clear();
    first_ = 0;
    for (auto* const list : {&arenas_, &held_}) {
      for (Block& buffer : *list) buffers.release(std::move(buffer));
      list->clear();
    }
    for (Block& message : messages_) messages.release(std::move(message));
    messages_.clear();
  }

 private:
  std::vector<iovec> segments_;
  std::size_t first_ = 0;      // those before are written
  std::vector<Block> arenas_;  // `extend` fills the last
  std::size_t used_ = 0;       // octets of that
  std::vector<Block> held_;    // receive buffers
  std::vector<Block> messages_;
};

}  // namespace limit
