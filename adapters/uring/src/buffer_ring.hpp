#pragma once

#include <liburing.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "wolframite/memory.hpp"
#include "wolframite/stream_core.hpp"

namespace wolframite::uring {

/// What a receive buffer begins with.
///
///     [ Buffer | octets from the socket ... ]
///     0        header_size              pool.size()
struct Buffer : InputLease {
  static constexpr std::size_t header_size = 80;

  Buffer* next = nullptr;        // in a stream's list of them
  std::uint32_t block_size = 0;  // of one that is a block of the loop's memory; 0 for the pool's

  /// Makes a buffer of lent memory.
  static Buffer& in(std::byte* memory) {
    auto* const buffer = new (memory) Buffer;
    buffer->data = memory + header_size;
    return *buffer;
  }

  /// The size of the block that holds so many bytes: a power of two, hence hardly twice as much.
  static std::size_t block_for(std::size_t bytes) {
    constexpr std::size_t least = 256;
    return std::max(least, std::bit_ceil(header_size + bytes));
  }
};
static_assert(sizeof(Buffer) <= Buffer::header_size);
static_assert(BufferPool::buffer_size >= Buffer::header_size + 64 * 1024 + FrameHeader::max_size,
              "64 KiB and what is around it");

/// The buffers that the kernel receives into, and from which each result names the one it has
/// filled.
///
/// A filled buffer goes to its stream, and another one takes its place before the next wait. So
/// streams that hold on to what they received never leave the others without.
class BufferRing {
 public:
  static constexpr unsigned short group = 0;

  BufferRing(BufferPool& pool, unsigned count, unsigned max_count);
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;
  ~BufferRing();

  /// Makes it known to the kernel. Returns 0, or what is wrong as a negative errno.
  [[nodiscard]] int enrol(io_uring& ring);

  /// The buffer that a result names, which fills this many octets of it, or none if it is negative.
  [[nodiscard]] Buffer& take(unsigned id, int result);

  /// Tells that the kernel ran out: it will have more, unless those it had brought a lot.
  void ran_out() {
    short_ = true;
    ++shortages_;
  }

  /// Fills up what the kernel has, before a turn.
  void replenish();

  [[nodiscard]] std::size_t posted() const { return posted_; }
  [[nodiscard]] std::uint64_t shortages() const { return shortages_; }

 private:
  struct Unmap {
    void operator()(io_uring_buf_ring* ring) const noexcept;
  };

  void adapt();

  BufferPool& pool_;
  std::unique_ptr<io_uring_buf_ring, Unmap> ring_;
  std::vector<std::byte*> by_id_;  // null where the kernel has none of that id
  std::vector<std::uint16_t> free_ids_;
  unsigned posted_ = 0;
  unsigned count_;  // how many the kernel should have
  unsigned min_count_;
  unsigned max_count_;
  bool short_ = false;      // it ran out in this turn
  std::size_t octets_ = 0;  // received in this turn
  std::uint64_t shortages_ = 0;
};

}  // namespace wolframite::uring
