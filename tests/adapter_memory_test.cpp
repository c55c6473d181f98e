// Memory that was given back is handed out again without a malloc, up to the bound of the cache.
#include "wolframite/memory.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace wolframite {
namespace {

TEST_CASE("a freed block serves the next request of its size") {
  LoopMemory memory;
  for (const std::size_t size : {1UL, 64UL, 65UL, 1000UL, 4096UL, 100'000UL, 262'144UL}) {
    const auto fetched = memory.counters().fetched;
    void* const first = memory.allocate(size);
    std::memset(first, 0x5A, size);
    memory.deallocate(first, size);
    void* const second = memory.allocate(size);
    CHECK(first == second);
    CHECK(reinterpret_cast<std::uintptr_t>(second) % alignof(std::max_align_t) == 0);
    std::memset(second, 0xA5, size);
    memory.deallocate(second, size);
    CHECK(memory.counters().fetched <= fetched + 1);
  }
  CHECK(memory.counters().in_use == 0);
}

TEST_CASE("large blocks are not kept") {
  LoopMemory memory;
  void* const block = memory.allocate(1U << 20U);
  CHECK(memory.counters().in_use == 1U << 20U);
  memory.deallocate(block, 1U << 20U);
  CHECK(memory.counters().cached == 0);
  CHECK(memory.counters().in_use == 0);
}

TEST_CASE("the cache is bounded") {
  LoopMemory memory(10 * 1024);
  std::vector<void*> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(memory.allocate(1024));
  for (void* const block : blocks) memory.deallocate(block, 1024);
  CHECK(memory.counters().cached == 10 * 1024);
  CHECK(memory.counters().in_use == 0);
}

TEST_CASE("the buffer given back last goes out first, and few stay idle") {
  BufferPool pool(2);
  std::byte* const a = pool.acquire();
  std::byte* const b = pool.acquire();
  std::byte* const c = pool.acquire();
  std::memset(a, 1, BufferPool::buffer_size);
  CHECK(pool.lent() == 3);
  pool.release(c);
  pool.release(a);
  pool.release(b);
  CHECK(pool.lent() == 0);
  CHECK(pool.idle() == 2);
  std::byte* const again = pool.acquire();
  CHECK(again == a);
  std::memset(again, 2, BufferPool::buffer_size);
  pool.release(again);
}

}  // namespace
}  // namespace wolframite
