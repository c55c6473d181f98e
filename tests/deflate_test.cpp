// What the deflater writes, the inflater reads back, in whatever pieces of input and room; and
// nothing else passes.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "memory.hpp"
#include "random.hpp"
#include "wire.hpp"
#include "wolframite/deflate.hpp"

namespace wolframite::test {
namespace {

std::string compress(Deflater& deflater, std::string_view text, std::size_t room_size = 4096) {
  std::string out;
  ConstBytes in = bytes_of(text);
  for (DeflateStatus status = DeflateStatus::needs_room; status == DeflateStatus::needs_room;) {
    std::vector<std::byte> buffer(room_size);
    Bytes room(buffer);
    status = deflater.compress(in, room);
    out.append(text_of(ConstBytes(buffer).first(room_size - room.size())));
  }
  CHECK(out.ends_with(text_of(deflate_tail)));
  return out;
}

struct Inflated {
  std::string text;
  bool failed = false;
};

Inflated inflate(Inflater& inflater, std::string_view compressed, std::size_t piece = 1 << 20,
                 std::size_t room_size = 4096) {
  Inflated out;
  for (std::size_t at = 0; at < compressed.size(); at += piece) {
    ConstBytes in = bytes_of(compressed.substr(at, piece));
    for (DeflateStatus status = DeflateStatus::needs_room; status == DeflateStatus::needs_room;) {
      std::vector<std::byte> buffer(room_size);
      Bytes room(buffer);
      status = inflater.decompress(in, room);
      out.text.append(text_of(ConstBytes(buffer).first(room_size - room.size())));
      out.failed = out.failed || status == DeflateStatus::failed;
    }
    if (out.failed) return out;
    CHECK(in.empty());
  }
  return out;
}

std::string sample(Random& random, std::size_t size) {
  std::string text = random.letters(size);
  for (std::size_t at = 0; at + 64 < size; at += 1 + random.below(400)) {
    text.replace(at, 32, text, random.below(at + 1), 32);
    text.resize(size);
  }
  return text;
}

TEST_CASE("every window size and memory level comes back, with and without a piece of room") {
  CountingResource memory;
  Random random(7);
  for (int bits = 9; bits <= 15; ++bits) {
    for (const int level : {1, 6, 9}) {
      Deflater deflater({.window_bits = bits, .level = level, .memory_level = 1 + bits % 9},
                        memory);
      Inflater inflater(bits, memory);
      for (const std::size_t size : {1U, 100U, 5000U, 200'000U}) {
        const std::string text = sample(random, size);
        const std::string compressed = compress(deflater, text, 7 + random.below(3000));
        const Inflated back =
            inflate(inflater, compressed, 1 + random.below(2000), 1 + random.below(3000));
        CHECK_FALSE(back.failed);
        CHECK(back.text == text);
        CHECK(inflater.is_at_boundary());
      }
      CHECK(deflater.memory_in_use() + inflater.memory_in_use() == memory.in_use);
    }
  }
  CHECK(memory.in_use == 0);
}

TEST_CASE("SEC-15 a final block ends nothing, and the window outlives it") {
  CountingResource memory;
  Inflater inflater(15, memory);
  // "Hello" in a final block, an empty stored block after it; then a copy of what lies five octets
  // back.
  CHECK(inflate(inflater, hex("f348cdc9c90700 00") + hex("0000ffff")).text == "Hello");
  CHECK(inflater.is_at_boundary());
  CHECK(inflate(inflater, hex("f200110000") + hex("0000ffff")).text == "Hello");
  CHECK(inflater.is_at_boundary());
}

TEST_CASE("SEC-15 a million final blocks cost no more than their octets") {
  Inflater inflater(15, *std::pmr::new_delete_resource());
  std::string blocks = hex("f348cdc9c90700");
  const std::string empty_final_block = hex("0300");
  for (int i = 0; i < 1'000'000; ++i) blocks.append(empty_final_block);
  CHECK(inflate(inflater, blocks).text == "Hello");
}

TEST_CASE("SEC-15 what is no deflate stream fails, at once and for good") {
  for (const std::string_view bad :
       {"07", "ff", "00 05 00 00 00", "f2 48 cd c9 c9 03 ff ff ff", "4b 04 7e"}) {
    CAPTURE(bad);
    Inflater inflater(15, *std::pmr::new_delete_resource());
    const Inflated result = inflate(inflater, hex(bad) + std::string(64, '\xFF'));
    CHECK(result.failed);
    CHECK(inflate(inflater, hex("0000ffff")).failed);
  }
}

TEST_CASE("a message cut off is not at a boundary") {
  for (std::size_t size = 1; size < 6; ++size) {
    Inflater inflater(15, *std::pmr::new_delete_resource());
    const Inflated result =
        inflate(inflater, hex("f248cdc9c90700").substr(0, size) + hex("0000ffff"));
    CHECK((result.failed || !inflater.is_at_boundary()));
  }
}

TEST_CASE("a reference beyond the window that was agreed fails") {
  Deflater deflater({.window_bits = 15}, *std::pmr::new_delete_resource());
  Random random(3);
  const std::string far = random.letters(300);
  const std::string compressed = compress(deflater, far + random.letters(2000) + far);
  Inflater wide(15, *std::pmr::new_delete_resource());
  CHECK_FALSE(inflate(wide, compressed, 100, 64).failed);
  Inflater narrow(8, *std::pmr::new_delete_resource());
  CHECK(inflate(narrow, compressed, 100, 64).failed);
}

/// A resource that has so many blocks to give and no more.
class Rationed final : public std::pmr::memory_resource {
 public:
  explicit Rationed(std::size_t blocks) : left(blocks) {}
  std::size_t left;
  std::size_t lent = 0;

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    if (left == 0) throw std::bad_alloc();
    --left;
    ++lent;
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override {
    --lent;
    std::pmr::new_delete_resource()->deallocate(block, size, alignment);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }
};

TEST_CASE("a deflater without memory says so, and does not go on for ever") {
  std::size_t blocks = 0;
  for (bool ready = false; !ready; ++blocks) {
    REQUIRE(blocks < 20);
    CAPTURE(blocks);
    Rationed memory(blocks);
    {
      Deflater deflater({}, memory);
      ready = deflater.is_ready();
      ConstBytes in = bytes_of("Hello");
      std::vector<std::byte> buffer(64);
      Bytes room(buffer);
      CHECK(deflater.compress(in, room) ==
            (ready ? DeflateStatus::needs_input : DeflateStatus::no_memory));
      if (!ready) CHECK(in.size() == 5);
      if (!ready) CHECK(room.size() == 64);
    }
    CHECK(memory.lent == 0);
  }
  CHECK(blocks > 5);  // its own and zlib's
}

TEST_CASE("an inflater without memory says so, wherever it runs out, and leaks nothing") {
  Deflater deflater({}, *std::pmr::new_delete_resource());
  Random random(5);
  const std::string text = sample(random, 3000);
  const std::string first = compress(deflater, text);
  const std::string second = compress(deflater, text);
  bool whole = false;
  std::size_t blocks = 0;
  for (; !whole; ++blocks) {
    REQUIRE(blocks < 20);
    CAPTURE(blocks);
    Rationed memory(blocks);
    {
      Inflater inflater(15, memory);
      const auto status_of = [&](std::string_view compressed) {
        ConstBytes in = bytes_of(compressed);
        std::vector<std::byte> buffer(100);
        for (;;) {
          Bytes room(buffer);
          const DeflateStatus status = inflater.decompress(in, room);
          if (status != DeflateStatus::needs_room) return status;
        }
      };
      const DeflateStatus before = status_of(first);
      if (before == DeflateStatus::needs_input) inflater.pack();
      const DeflateStatus after = status_of(second);
      for (const DeflateStatus status : {before, after}) {
        const bool known =
            status == DeflateStatus::needs_input || status == DeflateStatus::no_memory;
        CHECK(known);
      }
      if (before == DeflateStatus::no_memory) CHECK(after == DeflateStatus::no_memory);
      whole = after == DeflateStatus::needs_input;
    }
    CHECK(memory.lent == 0);
  }
  CHECK(blocks > 3);
}

TEST_CASE("a packed inflater keeps the history it was sent, and no more") {
  CountingResource memory;
  Deflater deflater({}, memory);
  Inflater inflater(15, memory);
  const std::size_t deflating = memory.in_use - inflater.memory_in_use();
  const std::string greeting = "a greeting that is referred back to";
  CHECK(inflate(inflater, compress(deflater, greeting)).text == greeting);
  const std::size_t running = inflater.memory_in_use();
  for (int round = 0; round < 3; ++round) {
    inflater.pack();
    CHECK(inflater.memory_in_use() < 1000);
    CHECK(inflater.memory_in_use() + deflating == memory.in_use);
    const std::string again = compress(deflater, greeting);
    CHECK(again.size() < greeting.size() / 2);
    CHECK(inflate(inflater, again).text == greeting);
    CHECK(inflater.memory_in_use() == running);
  }
}

}  // namespace

TEST_CASE("a boundary is one still after a call that had nothing to do") {
  Inflater inflater(15, *std::pmr::new_delete_resource());
  const std::string hello = hex("f248cdc9c90700");
  const std::string message = hello + std::string(text_of(deflate_tail));
  ConstBytes in = bytes_of(message);
  std::vector<std::byte> buffer(5);
  Bytes room(buffer);
  CHECK(inflater.decompress(in, room) == DeflateStatus::needs_room);
  CHECK(in.empty());
  Bytes next(buffer);
  CHECK(inflater.decompress(in, next) == DeflateStatus::needs_input);
  CHECK(next.size() == buffer.size());
  CHECK(inflater.is_at_boundary());
  ConstBytes part = bytes_of(hello).first(3);
  CHECK(inflater.decompress(part, next) == DeflateStatus::needs_input);
  CHECK_FALSE(inflater.is_at_boundary());
}

TEST_CASE("a context moves with what it has seen, and leaves nothing behind") {
  CountingResource memory;
  {
    Random random(3);
    const std::string seen = sample(random, 2000);
    Deflater first({}, memory);
    Inflater reader(15, memory);
    CHECK(inflate(reader, compress(first, seen)).text == seen);
    Deflater second(std::move(first));
    Inflater other(std::move(reader));
    const std::string repeated = compress(second, seen);
    CHECK(repeated.size() < 60);  // it refers back to what `first` wrote
    CHECK(inflate(other, repeated).text == seen);

    Deflater third({}, memory);
    Inflater another(15, memory);
    third = std::move(second);
    another = std::move(other);
    const std::string again = compress(third, seen);
    CHECK(again.size() < 60);
    CHECK(inflate(another, again).text == seen);
  }
  CHECK(memory.in_use == 0);
}

}  // namespace wolframite::test
