#include "wolframite/memory.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "wolframite/poison.hpp"

// AddressSanitizer's, where the program runs under it: the program, and not only this library.
extern "C" {
[[gnu::weak]] void __asan_poison_memory_region(const volatile void* block, std::size_t size);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* block, std::size_t size);
}

namespace wolframite {
namespace detail {

void poison(void* block, std::size_t size) noexcept {
#ifdef WOLFRAMITE_SCRIBBLE
  std::memset(block, 0xDB, size);
#endif
  if (__asan_poison_memory_region != nullptr) __asan_poison_memory_region(block, size);
}

void unpoison(void* block, std::size_t size) noexcept {
  if (__asan_unpoison_memory_region != nullptr) __asan_unpoison_memory_region(block, size);
}

}  // namespace detail

using detail::poison;
using detail::unpoison;

namespace {

std::byte* after(void* block, std::size_t offset) {
  return static_cast<std::byte*>(block) + offset;
}

constexpr std::size_t cache_line = 64;

// Where what holds many octets begins in its page. Some processors copy as the kernel has them copy
// ("rep movs") sixteen times as slowly where the target lies 1 to 15 octets further into its page
// than the source does. The kernel fills pages from their beginning, a header first; so a payload
// at the beginning of a page would be copied like that over and over.
constexpr std::size_t page = 4096, place_in_page = page / 2;
constexpr std::size_t smallest_placed = 16U << 10U;

void* fetch(std::size_t size) {
  if (size < smallest_placed) return ::operator new (size, std::align_val_t{cache_line});
  return after(::operator new (place_in_page + size, std::align_val_t{page}), place_in_page);
}

void give_up(void* block, std::size_t size) noexcept {
  if (size < smallest_placed) return ::operator delete (block, std::align_val_t{cache_line});
  ::operator delete (static_cast<std::byte*>(block) - place_in_page, std::align_val_t{page});
}

}  // namespace

inline std::size_t LoopMemory::class_of(std::size_t size) {
  const bool large = size > max_small_block;
  const std::size_t last = (large ? size - headroom : std::max<std::size_t>(size, 1)) - 1;
  return static_cast<std::size_t>(std::bit_width(last / min_block)) + (large ? 1 : 0);
}

inline std::size_t LoopMemory::size_of_class(std::size_t index) {
  return index < small_classes ? min_block << index : (min_block << (index - 1)) + headroom;
}

// A free block keeps its link in front; the rest is poisoned.
void* LoopMemory::do_allocate(std::size_t size, std::size_t alignment) {
  if (size > max_block || alignment > min_block) {
    ++counters_.fetched;
    counters_.in_use += size;
    return alignment > min_block ? ::operator new (size, std::align_val_t{alignment}) : fetch(size);
  }
  const std::size_t index = class_of(size), block_size = size_of_class(index);
  Free*& list = free_[index];
  counters_.in_use += block_size;
  if (list == nullptr) {
    ++counters_.fetched;
    return fetch(block_size);
  }
  ++counters_.reused;
  counters_.cached -= block_size;
  if (block_size > max_small_block) {
    large_cached_ -= block_size;
    Stock& stock = stock_of(index);
    stock.unused = std::min(stock.unused, --stock.blocks);
  }
  Free* const block = list;
  list = block->next;
  unpoison(block, block_size);
  return block;
}

void LoopMemory::do_deallocate(void* block, std::size_t size, std::size_t alignment) {
  if (size > max_block || alignment > min_block) {
    counters_.in_use -= size;
    if (alignment <= min_block) return give_up(block, size);
    return ::operator delete (block, std::align_val_t{alignment});
  }
  const std::size_t index = class_of(size), block_size = size_of_class(index);
  counters_.in_use -= block_size;
  const bool large = block_size > max_small_block;
  const std::size_t cached = large ? large_cached_ : counters_.cached - large_cached_;
  if (cached + block_size > (large ? large_cache_limit_ : cache_limit_)) {
    return give_up(block, block_size);
  }
  free_[index] = new (block) Free{free_[index]};
  counters_.cached += block_size;
  if (large) {
    large_cached_ += block_size;
    ++stock_of(index).blocks;
  }
  // Not the rest of the block, which may be far larger and was never touched.
  if (size > sizeof(Free)) poison(after(block, sizeof(Free)), size - sizeof(Free));
}

void LoopMemory::release_unused() noexcept {
  for (std::size_t i = small_classes; i < classes; ++i) {
    Stock& stock = stock_of(i);
    for (; stock.unused > 0; --stock.unused, --stock.blocks) {
      large_cached_ -= size_of_class(i);
      counters_.cached -= size_of_class(i);
      release_first(i);
    }
    stock.unused = stock.blocks;
  }
}

void LoopMemory::release_large() noexcept {
  release_from(small_classes);
  counters_.cached -= large_cached_;
  large_cached_ = 0;
  large_stock_ = {};
}

void LoopMemory::release_first(std::size_t index) noexcept {
  Free* const block = free_[index];
  free_[index] = block->next;
  unpoison(block, size_of_class(index));
  give_up(block, size_of_class(index));
}

void LoopMemory::release_from(std::size_t first_class) noexcept {
  for (std::size_t i = first_class; i < classes; ++i) {
    while (free_[i] != nullptr) release_first(i);
  }
}

LoopMemory::~LoopMemory() { release_from(0); }

std::byte* BufferPool::withdraw() {
  if (free_ == nullptr) {
    auto* const buffer = static_cast<std::byte*>(fetch(size_));
    poison(buffer, size_);
    return buffer;
  }
  --idle_;
  Free* const buffer = free_;
  free_ = buffer->next;
  return reinterpret_cast<std::byte*>(buffer);
}

std::byte* BufferPool::lend(std::byte* buffer) noexcept {
  ++lent_;
  unpoison(buffer, size_);
  return buffer;
}

void BufferPool::release(std::byte* buffer) noexcept {
  --lent_;
  if (idle_ == cache_limit_) {
    unpoison(buffer, size_);
    give_up(buffer, size_);
    return;
  }
  ++idle_;
  free_ = new (buffer) Free{free_};
  poison(after(buffer, sizeof(Free)), size_ - sizeof(Free));
}

BufferPool::~BufferPool() {
  while (free_ != nullptr) {
    Free* const next = free_->next;
    unpoison(free_, size_);
    give_up(free_, size_);
    free_ = next;
  }
}

}  // namespace wolframite
