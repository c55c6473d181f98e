// Invariant: a buffer that grows with the bytes it is given, never with those announced.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "memory.hpp"
#include "wire.hpp"
#include "wolframite/detail/assembly.hpp"

namespace wolframite::test {
namespace {

using detail::Assembly;

constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max() / 4;

void append(Assembly& assembly, std::string_view text, std::size_t remaining,
            CountingResource& memory) {
  std::memcpy(assembly.extend(text.size(), remaining, memory), text.data(), text.size());
}

void append_open(Assembly& assembly, std::string_view text, CountingResource& memory) {
  std::memcpy(assembly.extend_open(text.size(), unknown, memory), text.data(), text.size());
}

}  // namespace

TEST_CASE("an assembly keeps what it was given, and owns nothing once cleared") {
  CountingResource memory;
  Assembly assembly;
  CHECK(assembly.empty());
  CHECK(assembly.bytes().empty());
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    append(assembly, "piece ", unknown, memory);
    expected += "piece ";
  }
  CHECK(text_of(assembly.bytes()) == expected);
  assembly.shrink(6);
  CHECK(assembly.size() == expected.size() - 6);
  assembly.shrink(assembly.size());
  CHECK(assembly.empty());
  CHECK(assembly.memory_in_use() == memory.in_use);
  append(assembly, "x", 0, memory);
  assembly.clear();
  assembly.clear();
  CHECK(memory.in_use == 0);
}

TEST_CASE("an assembly takes a small multiple of what came, and no more than what is announced") {
  for (const bool open : {true, false}) {
    CountingResource memory;
    Assembly assembly;
    const auto add = [&](std::string_view text) {
      open ? append_open(assembly, text, memory) : append(assembly, text, unknown, memory);
    };
    add("x");
    CHECK(memory.in_use < 1024);
    const std::size_t large = open ? 4 : 16;
    for (std::size_t size = 1; size < 1'000'000; size += 1000) {
      add(std::string(1000, 'x'));
      REQUIRE(memory.in_use <= (size < 64'000 ? 2 : large) * (size + 1000) + 1024);
    }
    CHECK(memory.allocations < 15);
  }
  CountingResource memory;
  Assembly assembly;
  append(assembly, std::string(600, 'x'), 400, memory);
  CHECK(memory.in_use <= 1000 + 64);
  memory.reset_counts();
  append(assembly, std::string(400, 'x'), 0, memory);
  CHECK(memory.allocations == 0);
}

TEST_CASE("of a large message that comes in pieces, a fifteenth is copied again at most") {
  constexpr std::size_t large = 64 * 1024;  // up to there it doubles
  struct Pieces {
    std::size_t size, copied_before_large;
  };
  for (const Pieces pieces : {Pieces{66'000, 0}, Pieces{16 * 1024, 2 * large}}) {
    for (const std::size_t size :
         {300'000UL, 1UL << 20U, (1UL << 20U) + 1, 1'400'000UL, 5'500'000UL, 16UL << 20U}) {
      CountingResource memory;
      Assembly assembly;
      std::size_t copied = 0;
      while (assembly.size() < size) {
        const std::size_t held = assembly.size(), before = memory.allocations;
        const std::size_t next = std::min(pieces.size, size - held);
        static_cast<void>(assembly.extend(next, size - held - next, memory));
        if (memory.allocations > before) copied += held;
      }
      CHECK_MESSAGE(copied <= size / 15 + pieces.copied_before_large, size, " in pieces of ",
                    pieces.size);
      CHECK(assembly.memory_in_use() <= size + 64);
    }
  }
}

TEST_CASE("an assembly hands over its bytes when moved") {
  CountingResource memory;
  Assembly one;
  append(one, "one", 0, memory);
  Assembly two;
  append(two, "two", 0, memory);
  two = std::move(one);
  CHECK(text_of(two.bytes()) == "one");
  Assembly three(std::move(two));
  CHECK(text_of(three.bytes()) == "one");
  Assembly& itself = three;
  three = std::move(itself);
  CHECK(text_of(three.bytes()) == "one");
  three.clear();
  CHECK(memory.in_use == 0);
}

}  // namespace wolframite::test
