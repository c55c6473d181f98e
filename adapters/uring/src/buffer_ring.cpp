#include "buffer_ring.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <new>

namespace wolframite::uring {
namespace {

constexpr std::align_val_t page{4096};
constexpr unsigned most = 32768;  // what a ring of buffers can hold
// The kernel takes the buffers in turn. If it had many, and streams with a lot to receive, each
// would have left the cache by the time it is used again, and so would what was copied from it by
// the time that is sent.
constexpr unsigned fewest = 4;
constexpr std::size_t most_octets = 192 * 1024;  // in a turn; less than the fewest can bring

}  // namespace

void BufferRing::Unmap::operator()(io_uring_buf_ring* ring) const noexcept {
  ::operator delete(ring, page);
}

BufferRing::BufferRing(BufferPool& pool, unsigned count, unsigned max_count)
    : pool_(pool),
      count_(std::clamp(count, 1U, most)),
      min_count_(std::min(count_, fewest)),
      max_count_(std::bit_ceil(std::clamp(max_count, count_, most))) {}

int BufferRing::enrol(io_uring& ring) {
  const std::size_t size = max_count_ * sizeof(io_uring_buf);
  ring_.reset(new (::operator new(size, page)) io_uring_buf_ring);
  io_uring_buf_ring_init(ring_.get());
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_.get());
  registration.ring_entries = max_count_;
  registration.bgid = group;
  if (const int result = io_uring_register_buf_ring(&ring, &registration, 0); result < 0)
    return result;
  by_id_.resize(max_count_);
  free_ids_.reserve(max_count_);
  for (unsigned id = max_count_; id > 0; --id)
    free_ids_.push_back(static_cast<std::uint16_t>(id - 1));
  replenish();
  // Some to spare, which take the places of those that streams hold on to for longer than a turn.
  std::array<std::byte*, 8> spare;
  for (std::byte*& memory : spare) memory = pool_.lend(pool_.withdraw());
  for (std::byte* const memory : spare) pool_.release(memory);
  return 0;
}

// The kernel has unmapped them by now: whoever owns this closes the ring before.
BufferRing::~BufferRing() {
  for (std::byte* const memory : by_id_) {
    if (memory != nullptr) pool_.release(pool_.lend(memory));
  }
}

Buffer& BufferRing::take(unsigned id, int result) {
  std::byte* const memory = by_id_[id];
  by_id_[id] = nullptr;
  free_ids_.push_back(static_cast<std::uint16_t>(id));
  --posted_;
  if (result > 0) octets_ += static_cast<std::size_t>(result);
  return Buffer::in(pool_.lend(memory));
}

void BufferRing::replenish() {
  if (ring_ == nullptr) return;
  adapt();
  int added = 0;
  while (posted_ < count_) {
    std::byte* memory = nullptr;
    try {
      memory = pool_.withdraw();
    } catch (const std::bad_alloc&) {
      ran_out();  // it has fewer, until there is memory again
      break;
    }
    const std::uint16_t id = free_ids_.back();
    free_ids_.pop_back();
    by_id_[id] = memory;
    io_uring_buf_ring_add(ring_.get(), memory + Buffer::header_size,
                          static_cast<unsigned>(pool_.size() - Buffer::header_size), id,
                          io_uring_buf_ring_mask(max_count_), added++);
    ++posted_;
  }
  if (added > 0) io_uring_buf_ring_advance(ring_.get(), added);
}

void BufferRing::adapt() {
  if (octets_ > 2 * most_octets) {
    count_ = std::max(count_ / 2, min_count_);
  } else if (short_ && octets_ < most_octets) {
    count_ = std::min(2 * count_, max_count_);
  }
  short_ = false;
  octets_ = 0;
}

}  // namespace wolframite::uring
