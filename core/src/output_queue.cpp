#include "wolframite/detail/output_queue.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "wolframite/detail/try_allocate.hpp"

namespace wolframite::detail {

struct OutputQueue::Block : Segment {
  [[nodiscard]] std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
};

struct OutputQueue::Shared : Segment {
  Shared() { holds = Holds::shared; }
  void hold(ConstBytes bytes, SharedBytes from) {
    // Never written to, whatever the type says: there is no room.
    begin = const_cast<std::byte*>(bytes.data());
    end = begin + bytes.size();
    owner = std::move(from);
  }

  SharedBytes owner;
};

struct OutputQueue::Taken : Segment {
  Taken() { holds = Holds::taken; }
  void hold(Assembly&& from) {
    owner = std::move(from);
    begin = owner.bytes().data();
    end = begin + owner.size();
  }

  Assembly owner;
};

namespace {

// A connection that writes little and often should cost one small block, and many of them few lines
// of the cache; one that is behind, few large ones.
constexpr std::size_t smallest_allocation = 512, largest_first_allocation = 4 * 1024;
constexpr std::size_t next_allocation = 16 * 1024;
// What follows a payload that is a segment of its own is, more often than not, the header of the
// next one and nothing else; so is what stands before it.
constexpr std::size_t allocation_beside_payload = 256;

/// Null where `memory` has none.
template <class Segment>
Segment* make(std::pmr::memory_resource& memory, std::size_t more = 0) {
  void* const allocation = try_allocate(memory, sizeof(Segment) + more, alignof(Segment));
  if (allocation == nullptr) return nullptr;
  auto* const segment = new (allocation) Segment{};
  segment->memory = &memory;
  return segment;
}

template <class Segment>
void destroy_as(void* segment, std::pmr::memory_resource& memory, std::size_t more = 0) {
  static_cast<Segment*>(segment)->~Segment();
  memory.deallocate(segment, sizeof(Segment) + more, alignof(Segment));
}

}  // namespace

OutputQueue::OutputQueue(OutputQueue&& other) noexcept
    : head_(std::exchange(other.head_, nullptr)),
      tail_(std::exchange(other.tail_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

OutputQueue& OutputQueue::operator=(OutputQueue&& other) noexcept {
  if (this != &other) {
    clear();
    head_ = std::exchange(other.head_, nullptr);
    tail_ = std::exchange(other.tail_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

/// Adds a block with room for `size` octets, and for some more like the `usual` ones. Returns
/// whether there was memory.
bool OutputQueue::add_block(std::size_t size, std::size_t usual,
                            std::pmr::memory_resource& memory) {
  std::size_t allocation = next_allocation;
  if (usual == 0 || (tail_ != nullptr && tail_->holds != Holds::block)) {
    allocation = allocation_beside_payload;
  } else if (head_ == nullptr) {
    constexpr std::size_t messages = 16;
    const std::size_t few = std::min(sizeof(Block) + usual * messages, largest_first_allocation);
    allocation = std::max(std::bit_ceil(few), smallest_allocation);
  }
  const std::size_t capacity = std::max(size, allocation - sizeof(Block));
  auto* const block = make<Block>(memory, capacity);
  if (block == nullptr) return false;
  block->begin = block->end = block->bytes();
  block->room = block->capacity = capacity;
  link(block);
  return true;
}

bool OutputQueue::append(ConstBytes bytes, std::pmr::memory_resource& memory) {
  if (bytes.empty()) return true;
  std::byte* const room = extend(bytes.size(), memory);
  if (room == nullptr) return false;
  std::memcpy(room, bytes.data(), bytes.size());
  return true;
}

/// Appends what a payload of its own segment will follow.
bool OutputQueue::append_front(ConstBytes front, std::pmr::memory_resource& memory) {
  if (front.empty()) return true;
  std::byte* const room = extend(front.size(), 0, memory);
  if (room == nullptr) return false;
  std::copy(front.begin(), front.end(), room);
  return true;
}

bool OutputQueue::append(ConstBytes bytes, SharedBytes owner, std::pmr::memory_resource& memory) {
  if (bytes.empty()) return true;
  assert(!holds_dropped());
  auto* const segment = make<Shared>(memory);
  if (segment == nullptr) return false;
  segment->hold(bytes, std::move(owner));
  link(segment);
  return true;
}

bool OutputQueue::append_behind(ConstBytes front, SharedBytes payload,
                                std::pmr::memory_resource& memory) {
  if (payload.size() == 0) return append_front(front, memory);
  auto* const segment = make<Shared>(memory);
  if (segment == nullptr) return false;
  if (!append_front(front, memory)) {
    destroy(segment);
    return false;
  }
  const ConstBytes bytes = payload.bytes();
  segment->hold(bytes, std::move(payload));
  link(segment);
  return true;
}

bool OutputQueue::append_behind(ConstBytes front, Assembly&& payload,
                                std::pmr::memory_resource& memory) {
  if (payload.empty()) return append_front(front, memory);
  auto* const segment = make<Taken>(memory);
  if (segment == nullptr) return false;
  if (!append_front(front, memory)) {
    destroy(segment);
    return false;
  }
  segment->hold(std::move(payload));
  link(segment);
  return true;
}

std::size_t OutputQueue::gather(std::span<ConstBytes> out) const {
  std::size_t used = 0;
  if (size_ == 0) return used;  // empty, or dropped
  for (const Segment* segment = head_; segment != nullptr && used < out.size();
       segment = segment->next) {
    out[used++] = {segment->begin, segment->end};
  }
  return used;
}

void OutputQueue::consume(std::size_t size) {
  assert(size <= size_);
  if (size_ == 0) return;
  size_ -= size;
  while (head_ != nullptr) {
    const auto pending = static_cast<std::size_t>(head_->end - head_->begin);
    if (size < pending) {
      head_->begin += size;
      return;
    }
    size -= pending;
    destroy(std::exchange(head_, head_->next));
  }
  tail_ = nullptr;
}

void OutputQueue::clear() {
  while (head_ != nullptr) destroy(std::exchange(head_, head_->next));
  tail_ = nullptr;
  size_ = 0;
}

std::size_t OutputQueue::memory_in_use() const {
  std::size_t total = 0;
  for (const Segment* segment = head_; segment != nullptr; segment = segment->next) {
    switch (segment->holds) {
      case Holds::block:
        total += sizeof(Block) + segment->capacity;
        break;
      case Holds::shared:
        total += sizeof(Shared);
        break;
      case Holds::taken:
        total += sizeof(Taken) + static_cast<const Taken*>(segment)->owner.memory_in_use();
        break;
    }
  }
  return total;
}

/// Adds a segment and the bytes that it holds already.
void OutputQueue::link(Segment* segment) {
  size_ += static_cast<std::size_t>(segment->end - segment->begin);
  (tail_ == nullptr ? head_ : tail_->next) = segment;
  tail_ = segment;
}

void OutputQueue::destroy(Segment* segment) {
  std::pmr::memory_resource& memory = *segment->memory;
  switch (segment->holds) {
    case Holds::block:
      return destroy_as<Block>(static_cast<Block*>(segment), memory, segment->capacity);
    case Holds::shared:
      return destroy_as<Shared>(static_cast<Shared*>(segment), memory);
    case Holds::taken:
      return destroy_as<Taken>(static_cast<Taken*>(segment), memory);
  }
}

}  // namespace wolframite::detail
