// However long or short a duration is, the time it leads to is one, and in the right order.
#include "wolframite/time.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <ostream>

namespace wolframite {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration;
using std::chrono::hours;
using std::chrono::milliseconds;

TEST_CASE("later adds what fits") {
  const Time from(1h);
  CHECK(later(from, 5ms) == from + 5ms);
  CHECK(later(from, -5ms) == from - 5ms);
  CHECK(later(from, 0s) == from);
  CHECK(later(from, duration<int, std::milli>(7)) == from + 7ms);
  CHECK(later(from, duration<unsigned>(7)) == from + 7s);
}

TEST_CASE("later stops at the ends of the clock, whatever the unit") {
  for (const Time from : {Time::min(), at_once, Time(-1h), Time(), Time(1h), Time::max()}) {
    CHECK(later(from, milliseconds::max()) == Time::max());
    CHECK(later(from, hours::max()) == Time::max());
    CHECK(later(from, duration<std::uint64_t, std::milli>(~0ULL)) == Time::max());
    CHECK(later(from, milliseconds::min()) == Time::min());
    CHECK(later(from, hours::min()) == Time::min());
  }
  CHECK(later(Time(), Time::duration::max()) == Time::max());
  CHECK(later(Time(1ns), Time::duration::max()) == Time::max());
  CHECK(later(Time(-1ns), Time::duration::max()) == Time::max() - 1ns);
  CHECK(later(Time(-1ns), Time::duration::min()) == Time::min());
  CHECK(later(Time::max() - 5ms, 5ms) == Time::max());
  CHECK(later(Time::max() - 5ms, 6ms) == Time::max());
  CHECK(later(Time::min() + 5ms, -5ms) == Time::min());
  CHECK(later(Time::min() + 5ms, -6ms) == Time::min());
}

// Exactly the most that the clock's range holds, and one more, in a unit that does not divide it.
TEST_CASE("later is exact at the bound of what a unit can hold") {
  constexpr auto most = std::chrono::duration_cast<milliseconds>(Time::duration::max());
  CHECK(later(Time(), most) == Time(most));
  CHECK(later(Time(), most + 1ms) == Time::max());
  CHECK(later(Time(), -most) == Time(-most));
  CHECK(later(Time(), -most - 1ms) == Time::min());
  static_assert(later(Time(), milliseconds::max()) == Time::max());
}

}  // namespace
}  // namespace wolframite
