// Invariant: what was appended comes out in order; nothing pending moves; an empty queue owns no
// memory.
#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "memory.hpp"
#include "random.hpp"
#include "wire.hpp"
#include "wolframite/detail/output_queue.hpp"

namespace wolframite::test {
namespace {

using namespace std::string_literals;

using detail::OutputQueue;

std::string text_in(const OutputQueue& queue) {
  std::vector<ConstBytes> gather(1000);
  std::string text;
  for (const ConstBytes segment : std::span(gather).first(queue.gather(gather)))
    text.append(text_of(segment));
  return text;
}

}  // namespace

TEST_CASE("an output queue owns nothing while empty") {
  CountingResource memory;
  OutputQueue queue;
  CHECK(queue.append(ConstBytes{}, memory));
  CHECK(queue.append(SharedBytes(), memory));
  CHECK(queue.empty());
  CHECK(memory.allocations == 0);
  CHECK(queue.append(bytes_of("abc"), memory));
  CHECK(queue.append(SharedBytes("def"s), memory));
  CHECK(queue.size() == 6);
  CHECK(memory.in_use > 0);
  queue.consume(6);
  CHECK(queue.empty());
  CHECK(memory.in_use == 0);
  CHECK(queue.append(bytes_of("abc"), memory));
  queue.drop();
  queue.release();
  CHECK(queue.empty());
  CHECK(memory.in_use == 0);
}

TEST_CASE("an output queue tells what it holds, shared payloads not counted") {
  CountingResource memory;
  OutputQueue queue;
  CHECK(queue.memory_in_use() == 0);
  CHECK(queue.append(bytes_of("abc"), memory));
  CHECK(queue.memory_in_use() == memory.in_use);
  CHECK(queue.append(SharedBytes(std::string(100000, 'd')), memory));
  CHECK(queue.memory_in_use() == memory.in_use);
  queue.drop();
  queue.release();
  CHECK(queue.memory_in_use() == 0);
}

TEST_CASE("an output queue hands over its segments when moved") {
  CountingResource memory;
  OutputQueue queue;
  CHECK(queue.append(bytes_of("abc"), memory));
  OutputQueue other(std::move(queue));
  CHECK(text_in(other) == "abc");
  CHECK(other.append(bytes_of("def"), memory));
  OutputQueue third;
  CHECK(third.append(bytes_of("lost"), memory));
  third = std::move(other);
  CHECK(text_in(third) == "abcdef");
  OutputQueue& itself = third;
  third = std::move(itself);
  CHECK(text_in(third) == "abcdef");
  third.drop();
  third.release();
  CHECK(memory.in_use == 0);
}

TEST_CASE("an output queue gathers as far as the room reaches") {
  CountingResource memory;
  OutputQueue queue;
  for (int i = 0; i < 3; ++i) {
    CHECK(queue.append(bytes_of("ab"), memory));
    CHECK(queue.append(SharedBytes("cd"s), memory));
  }
  std::array<ConstBytes, 4> gather;
  CHECK(queue.gather(gather) == 4);
  CHECK(text_of(gather[3]) == "cd");
  queue.consume(3);
  CHECK(queue.gather(std::span(gather).first(1)) == 1);
  CHECK(text_of(gather[0]) == "d");
  CHECK(text_in(queue) == "dabcdabcd");
}

TEST_CASE("an append larger than any block stays in one piece") {
  CountingResource memory;
  OutputQueue queue;
  CHECK(queue.append(bytes_of("x"), memory));
  const std::string large(100'000, 'l');
  std::memcpy(queue.extend(large.size(), memory), large.data(), large.size());
  CHECK(queue.append(bytes_of("y"), memory));
  CHECK(text_in(queue) == "x" + large + "y");
}

TEST_CASE("random appends and consumption come out in order") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    CountingResource memory;
    OutputQueue queue;
    std::string pending;
    for (int step = 0; step < 300; ++step) {
      const std::string text =
          random.letters(random.one_in(10) ? random.below(20'000) : random.below(300));
      if (random.one_in(3)) {
        CHECK(queue.append(SharedBytes(text), memory));
      } else {
        CHECK(queue.append(bytes_of(text), memory));
      }
      pending += text;
      const std::size_t taken = random.below(std::min<std::size_t>(pending.size(), 1000) + 1);
      queue.consume(taken);
      pending.erase(0, taken);
      REQUIRE(queue.size() == pending.size());
    }
    CHECK(text_in(queue) == pending);
    queue.consume(pending.size());
    CHECK(memory.in_use == 0);
  }
}

TEST_CASE(
    "memory stays within twice the bytes that wait, shared payloads between small frames "
    "included") {
  // A header in front of each shared payload must not cost a block of its own full size.
  CountingResource memory;
  OutputQueue queue;
  const SharedBytes payload(std::string(1024, 's'));
  for (int i = 0; i < 1000; ++i) {
    CHECK(queue.append(bytes_of("head"), memory));
    CHECK(queue.append(payload, memory));
  }
  CHECK(memory.in_use <= queue.size());
  queue.drop();
  queue.release();
  for (const std::size_t size : {2U, 100U, 5'000U, 9'000U, 20'000U}) {
    const std::string text(size, 'x');
    while (queue.size() < 1'000'000) CHECK(queue.append(bytes_of(text), memory));
    CHECK(memory.in_use <= 2 * queue.size() + 16 * 1024);
    queue.drop();
    queue.release();
  }
}

TEST_CASE("an assembly is taken over, in its place and with its memory") {
  CountingResource memory;
  OutputQueue queue;
  CHECK(queue.append_behind({}, detail::Assembly(), memory));
  CHECK(queue.empty());
  CHECK(memory.in_use == 0);
  CHECK(queue.append(bytes_of("head"), memory));
  detail::Assembly assembly;
  std::memcpy(assembly.extend(1000, 0, memory), std::string(1000, 'a').data(), 1000);
  const std::byte* const data = assembly.bytes().data();
  CHECK(queue.append_behind({}, std::move(assembly), memory));
  CHECK(queue.append(bytes_of("tail"), memory));
  std::array<ConstBytes, 4> segments;
  REQUIRE(queue.gather(segments) == 3);
  CHECK(segments[1].data() == data);
  CHECK(queue.memory_in_use() == memory.in_use);
  CHECK(text_in(queue) == "head" + std::string(1000, 'a') + "tail");
  queue.consume(500);
  CHECK(queue.memory_in_use() == memory.in_use);
  CHECK(text_in(queue) == std::string(504, 'a') + "tail");
  queue.drop();
  queue.release();
  CHECK(memory.in_use == 0);
}

}  // namespace wolframite::test
