// A list hands each stream out once, in order, whichever of them leave, die or throw meanwhile.
#include "wolframite/detail/stream_list.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <new>
#include <string>

namespace wolframite::detail {
namespace {

struct Stream {
  char name = 'a';
  int number = 0;
};
using List = StreamList<Stream>;

/// The names of those that are handed out now.
std::string names(List& list) {
  std::string all;
  list.hand_out([&](Stream& stream) { all += stream.name; });
  return all;
}

TEST_CASE("streams are handed out once, in their order") {
  Stream a{'a'}, b{'b'}, c{'c'};
  List list;
  CHECK(list.empty());
  for (Stream* const each : {&b, &a, &c}) list.add(*each);
  CHECK_FALSE(list.empty());
  CHECK(names(list) == "bac");
  CHECK(list.empty());
  CHECK(names(list).empty());
}

TEST_CASE("one that is added again waits for the next time") {
  Stream a{'a'}, b{'b'};
  List list;
  list.add(a);
  list.add(b);
  std::string all;
  list.hand_out([&](Stream& stream) {
    all += stream.name;
    if (stream.name == 'a') list.add(stream);
  });
  CHECK(all == "ab");
  CHECK(names(list) == "a");
}

TEST_CASE("SEC-26 one that leaves is handed out no more, whether its turn has begun or not") {
  Stream a{'a'}, b{'b'};
  auto c = std::make_unique<Stream>(Stream{'c'});
  List list;
  list.add(a);
  list.add(*c);
  list.add(b);
  std::string all;
  list.hand_out([&](Stream& stream) {
    all += stream.name;
    if (stream.name != 'a') return;
    list.remove(*c);
    c.reset();
    list.add(a);
  });
  CHECK(all == "ab");
  list.remove(b);  // is not there
  list.add(b);
  list.remove(a);
  CHECK(names(list) == "b");
}

TEST_CASE("SEC-33 what one throws leaves the others in the list, in their order") {
  Stream a{'a'}, b{'b'}, c{'c'}, d{'d'};
  List list;
  for (Stream* const each : {&a, &b, &c}) list.add(*each);
  std::string all;
  const auto fail_at_b = [&](Stream& stream) {
    all += stream.name;
    if (stream.name == 'a') list.add(d);
    if (stream.name == 'b') throw std::bad_alloc();
  };
  CHECK_THROWS_AS(list.hand_out(fail_at_b), std::bad_alloc);
  CHECK(all == "ab");
  CHECK_FALSE(list.empty());
  list.add(b);
  CHECK(names(list) == "cdb");
  CHECK(list.empty());
}

TEST_CASE("SEC-33 one that dies after another has thrown is not handed out") {
  Stream a{'a'}, b{'b'};
  List list;
  list.add(a);
  list.add(b);
  CHECK_THROWS_AS(list.hand_out([](Stream&) { throw std::bad_alloc(); }), std::bad_alloc);
  list.remove(b);
  CHECK(names(list).empty());
  CHECK(list.empty());
}

TEST_CASE("notice is given of each that has others before it") {
  std::vector<Stream> streams(5);
  List list;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    streams[i].number = static_cast<int>(i);
    list.add(streams[i]);
  }
  int noticed = 1, handed_out = -1;
  list.hand_out([&](Stream& stream) { CHECK(stream.number == ++handed_out); },
                [&](Stream& stream) { CHECK(stream.number == ++noticed); });
  CHECK(noticed == 4);
  CHECK(handed_out == 4);
}

}  // namespace
}  // namespace wolframite::detail
