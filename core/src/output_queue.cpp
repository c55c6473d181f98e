#include "wolframite/detail/output_queue.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

namespace wolframite::detail {

struct OutputQueue::Segment {
  Segment* next = nullptr;
  const std::byte* data = nullptr;
  std::size_t begin = 0;  // consumed up to here
  std::size_t end = 0;    // filled up to here
  std::pmr::memory_resource* memory = nullptr;
  std::size_t capacity = 0;  // 0 in a Shared

  [[nodiscard]] ConstBytes pending() const { return {data + begin, end - begin}; }
};

struct OutputQueue::Block : Segment {
  [[nodiscard]] std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
};

struct OutputQueue::Shared : Segment {
  SharedBytes owner;
};

namespace {

// A connection that writes little and often should cost one small block; one that is behind, few
// large ones.
constexpr std::size_t first_allocation = 4 * 1024;
constexpr std::size_t next_allocation = 16 * 1024;
// What follows a shared payload is, more often than not, the header of the next one and nothing
// else.
constexpr std::size_t allocation_after_shared = 256;

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

std::byte* OutputQueue::extend(std::size_t size, std::pmr::memory_resource& memory) {
  if (tail_ == nullptr || tail_->capacity - tail_->end < size || tail_->capacity == 0) {
    const std::size_t usual = head_ == nullptr       ? first_allocation
                              : tail_->capacity == 0 ? allocation_after_shared
                                                     : next_allocation;
    const std::size_t capacity = std::max(size, usual - sizeof(Block));
    auto* block = new (memory.allocate(sizeof(Block) + capacity, alignof(Block))) Block{};
    block->data = block->bytes();
    block->memory = &memory;
    block->capacity = capacity;
    link(block);
  }
  auto* block = static_cast<Block*>(tail_);
  std::byte* room = block->bytes() + block->end;
  block->end += size;
  size_ += size;
  return room;
}

void OutputQueue::append(ConstBytes bytes, std::pmr::memory_resource& memory) {
  if (!bytes.empty()) std::memcpy(extend(bytes.size(), memory), bytes.data(), bytes.size());
}

void OutputQueue::append(SharedBytes bytes, std::pmr::memory_resource& memory) {
  if (bytes.size() == 0) return;
  auto* segment = new (memory.allocate(sizeof(Shared), alignof(Shared))) Shared{};
  segment->data = bytes.bytes().data();
  segment->end = bytes.size();
  segment->memory = &memory;
  segment->owner = std::move(bytes);
  link(segment);
  size_ += segment->end;
}

std::size_t OutputQueue::gather(std::span<ConstBytes> out) const {
  std::size_t used = 0;
  for (const Segment* segment = head_; segment != nullptr && used < out.size();
       segment = segment->next) {
    out[used++] = segment->pending();
  }
  return used;
}

void OutputQueue::consume(std::size_t size) {
  assert(size <= size_);
  size_ -= size;
  while (head_ != nullptr) {
    const std::size_t taken = std::min(size, head_->end - head_->begin);
    head_->begin += taken;
    size -= taken;
    if (head_->begin < head_->end) return;
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
    total += segment->capacity == 0 ? sizeof(Shared) : sizeof(Block) + segment->capacity;
  }
  return total;
}

void OutputQueue::link(Segment* segment) {
  (tail_ == nullptr ? head_ : tail_->next) = segment;
  tail_ = segment;
}

void OutputQueue::destroy(Segment* segment) {
  std::pmr::memory_resource* memory = segment->memory;
  if (segment->capacity == 0) {
    auto* shared = static_cast<Shared*>(segment);
    shared->~Shared();
    memory->deallocate(shared, sizeof(Shared), alignof(Shared));
  } else {
    auto* block = static_cast<Block*>(segment);
    const std::size_t size = sizeof(Block) + block->capacity;
    block->~Block();
    memory->deallocate(block, size, alignof(Block));
  }
}

}  // namespace wolframite::detail
