// Whoever waits for a buffer gets one, however many others have more to receive than there is room
// for.
#include "starved.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace wolframite::uring {
namespace {

/// Addresses that stand for streams; nobody looks at what is there.
class Streams {
 public:
  [[nodiscard]] Stream& operator[](char name) {
    return reinterpret_cast<Stream&>(places_[static_cast<std::size_t>(name - 'A')]);
  }
  [[nodiscard]] char name_of(const Stream& stream) const {
    return static_cast<char>('A' + (reinterpret_cast<const char*>(&stream) - places_.data()));
  }

 private:
  std::array<char, 26> places_{};
};

/// The names of all that wait, in their order, who then wait no more.
std::string take_all(Starved& starved, const Streams& streams) {
  std::string names;
  while (!starved.empty()) names += streams.name_of(starved.take());
  return names;
}

TEST_CASE("first come, first served") {
  Streams streams;
  Starved starved;
  for (const char name : {'A', 'B', 'C'}) starved.add(streams[name], false);
  CHECK(take_all(starved, streams) == "ABC");
}

TEST_CASE("those that were fed in vain keep their places, those that were not go to the end") {
  Streams streams;
  Starved starved;
  for (const char name : {'A', 'B', 'C', 'D', 'E'}) starved.add(streams[name], false);
  starved.begin_turn();
  for (const char name : {'A', 'B', 'C'}) CHECK(streams.name_of(starved.take()) == name);
  starved.add(streams['B'], true);
  starved.add(streams['F'], false);
  starved.add(streams['C'], true);
  CHECK(take_all(starved, streams) == "BCDEF");
}

TEST_CASE("the one that has received last goes on, but not for ever") {
  Streams streams;
  Starved starved;
  starved.add(streams['A'], false);
  starved.add(streams['B'], false);
  int buffers = 0;
  // A has always more than the one buffer there is.
  for (starved.begin_turn(); &starved.take() == &streams['A']; starved.begin_turn()) {
    starved.received(streams['A']);
    starved.add(streams['A'], false);
    REQUIRE(++buffers < 100);
  }
  CHECK(buffers == 16);
  starved.received(streams['B']);
  starved.add(streams['B'], false);
  CHECK(take_all(starved, streams) == "BA");
}

// Each has always more than all four buffers: whoever comes first takes them.
TEST_CASE("nobody waits longer than all others together have their turns") {
  Streams streams;
  Starved starved;
  const std::string names = "ABCDEFGH";
  for (const char name : names) starved.add(streams[name], false);
  std::string served;
  for (int turn = 0; turn < 4 * 16 * 8; ++turn) {
    starved.begin_turn();
    std::string fed;
    for (int i = 0; i < 4; ++i) fed += streams.name_of(starved.take());
    for (int i = 0; i < 4; ++i) starved.received(streams[fed[0]]);
    if (served.empty() || served.back() != fed[0]) served += fed[0];
    starved.add(streams[fed[0]], false);
    for (const char name : fed.substr(1)) starved.add(streams[name], true);
  }
  REQUIRE(served.size() >= 16);
  for (std::size_t i = 0; i < served.size(); ++i) CHECK(served[i] == names[i % names.size()]);
}

TEST_CASE("one that ends is forgotten, wherever it waits") {
  Streams streams;
  Starved starved;
  for (const char name : {'A', 'B', 'C', 'D'}) starved.add(streams[name], false);
  starved.begin_turn();
  static_cast<void>(starved.take());
  static_cast<void>(starved.take());
  starved.add(streams['A'], true);
  starved.add(streams['B'], true);
  starved.remove(streams['A']);
  starved.remove(streams['D']);
  starved.remove(streams['E']);
  starved.add(streams['F'], true);  // behind the others that were fed in vain
  CHECK(take_all(starved, streams) == "BFC");

  starved.received(streams['A']);
  starved.remove(streams['A']);
  starved.add(streams['B'], false);
  starved.add(streams['A'], false);  // another one at that address
  CHECK(take_all(starved, streams) == "BA");
}

}  // namespace
}  // namespace wolframite::uring
