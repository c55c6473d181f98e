// Memory that was given back is handed out again without a malloc, up to the bound of the cache.
#include "wolframite/memory.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "wolframite/connection.hpp"

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

TEST_CASE("large blocks are kept up to a bound of their own, the largest not at all") {
  constexpr std::size_t large = (1U << 20U) + 1024;  // all of its block
  LoopMemory memory(1024, 2 * large);
  std::vector<void*> blocks;
  for (int i = 0; i < 3; ++i) blocks.push_back(memory.allocate(large));
  CHECK(memory.counters().in_use == 3 * large);
  for (void* const block : blocks) memory.deallocate(block, large);
  CHECK(memory.counters().cached == 2 * large);
  CHECK(memory.counters().in_use == 0);

  // They leave the small ones theirs.
  void* const small = memory.allocate(1024);
  memory.deallocate(small, 1024);
  CHECK(memory.counters().cached == 2 * large + 1024);

  const auto fetched = memory.counters().fetched;
  memory.deallocate(memory.allocate(large), large);
  CHECK(memory.counters().fetched == fetched);

  constexpr std::size_t largest = (64U << 20U) + 1024;
  LoopMemory generous(0, 4 * largest);
  generous.deallocate(generous.allocate(largest), largest);
  CHECK(generous.large_cached() == largest);
  void* const block = generous.allocate(largest + 1);
  CHECK(generous.counters().in_use == largest + 1);
  generous.deallocate(block, largest + 1);
  CHECK(generous.large_cached() == largest);
  CHECK(generous.counters().in_use == 0);
}

TEST_CASE("a message of 64 MiB, what stands before it, and what it grew out of stay") {
  LoopMemory memory;
  constexpr std::size_t before = 24;
  std::vector<std::size_t> sizes;
  for (std::size_t size = 256U << 10U; size <= 64U << 20U; size *= 4)
    sizes.push_back(size + before);
  for (int message = 0; message < 3; ++message) {
    for (const std::size_t size : sizes) memory.deallocate(memory.allocate(size), size);
  }
  CHECK(memory.counters().fetched == sizes.size());
}

TEST_CASE("large blocks can be given back, small ones stay") {
  LoopMemory memory;
  constexpr std::size_t small = 256U << 10U;
  memory.deallocate(memory.allocate(small), small);
  CHECK(memory.large_cached() == 0);
  for (const std::size_t size : {small + 1, std::size_t{1} << 20U, std::size_t{64} << 20U}) {
    memory.deallocate(memory.allocate(size), size);
    CHECK(memory.large_cached() >= size);
  }
  memory.release_large();
  CHECK(memory.large_cached() == 0);
  CHECK(memory.counters().cached == small);
  const auto fetched = memory.counters().fetched;
  memory.deallocate(memory.allocate(small), small);
  CHECK(memory.counters().fetched == fetched);
  memory.release_unused();
  CHECK(memory.counters().cached == small);
}

TEST_CASE("of the large blocks no more stay than are used") {
  LoopMemory memory;
  constexpr std::size_t one = (1U << 20U) + 1024,
                        other = (4U << 20U) + 1024;  // all of their blocks
  const auto use = [&](std::size_t size, std::size_t count) {
    std::vector<void*> blocks(count);
    for (void*& block : blocks) block = memory.allocate(size);
    for (void* const block : blocks) memory.deallocate(block, size);
  };
  use(one, 5);
  use(other, 3);
  memory.release_unused();  // all were used
  CHECK(memory.large_cached() == 5 * one + 3 * other);
  use(one, 2);
  use(one, 1);
  memory.release_unused();
  CHECK(memory.large_cached() == 2 * one);
  CHECK(memory.counters().cached == 2 * one);
  const auto fetched = memory.counters().fetched;
  use(one, 2);
  CHECK(memory.counters().fetched == fetched);

  // One that is out all the time is no reason to keep others.
  void* const out = memory.allocate(one);
  memory.release_unused();
  use(one, 1);
  memory.release_unused();
  CHECK(memory.large_cached() == one);
  memory.release_unused();
  CHECK(memory.large_cached() == 0);
  memory.deallocate(out, one);
  CHECK(memory.large_cached() == one);
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

TEST_CASE("compression contexts come and go without a malloc, and fill their blocks") {
  if (!is_deflate_available()) return;
  LoopMemory memory;
  Negotiated agreed;
  agreed.deflate = {
      .enabled = true, .server_no_context_takeover = true, .client_no_context_takeover = true};
  Connection server = Connection::from_raw(Role::server, nullptr, {}, &memory, agreed);
  const std::vector<std::byte> payload(100'000, std::byte{'x'});
  const auto exchange = [&] {
    REQUIRE_FALSE(server.send(Kind::binary, payload));
    server.consume(server.pending_output());
    // "Hello" as RFC 7692 §7.2.3.1 has it, masked with zeros.
    std::vector<std::uint8_t> frame{0xC1, 0x87, 0,    0,    0,    0,   0xF2,
                                    0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00};
    Bytes in = std::as_writable_bytes(std::span(frame));
    REQUIRE(server.receive(in));
    REQUIRE_FALSE(server.receive(in));
  };
  exchange();
  const auto fetched = memory.counters().fetched;
  for (int i = 0; i < 10; ++i) exchange();
  CHECK(memory.counters().fetched == fetched);
  CHECK(memory.counters().in_use <= 128);  // what the connection notes of them

  Deflater deflater({}, memory);
  ConstBytes in = payload;
  std::vector<std::byte> out(1000);
  Bytes room(out);
  REQUIRE(deflater.compress(in, room) == DeflateStatus::needs_input);
  CHECK(deflater.memory_in_use() > 200'000);
  CHECK(memory.counters().in_use < deflater.memory_in_use() + deflater.memory_in_use() / 8);
}

TEST_CASE("what holds many octets begins in the middle of a page, where copying is never slow") {
  const auto place = [](const void* bytes) {
    return reinterpret_cast<std::uintptr_t>(bytes) % 4096;
  };
  LoopMemory memory;
  constexpr std::size_t smallest = 16U << 10U, largest = 64U << 20U;
  for (std::size_t size = smallest; size <= largest; size *= 4) {
    void* const block = memory.allocate(size);
    CHECK(place(block) == 2048);
    memory.deallocate(block, size);
  }
  void* const aligned = memory.allocate(smallest, 4096);
  CHECK(place(aligned) == 0);
  memory.deallocate(aligned, smallest, 4096);

  BufferPool pool;
  std::byte* const buffer = pool.acquire();
  CHECK(place(buffer) == 2048);
  pool.release(buffer);
}

TEST_CASE("the buffer given back last goes out first, and few stay idle") {
  BufferPool pool(BufferPool::buffer_size, 2);
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
