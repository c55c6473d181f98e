/// @file
/// Time, as the core is told of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace wolframite {

/// A point on the steady clock. It is passed in; the core never reads a clock.
using Time = std::chrono::steady_clock::time_point;

/// What a `deadline` is that has passed already: before every time that is told, and still near
/// enough that the present can be subtracted from it.
inline constexpr Time at_once{Time::min().time_since_epoch() / 2};

/// The time `duration` after `from`, or before it if that is negative. Where the clock's range ends
/// before that, the last or the first time there is: `milliseconds::max()` means without end.
template <class Rep, class Period>
requires std::is_convertible_v<std::chrono::duration<Rep, Period>, Time::duration>
[[nodiscard]] constexpr Time later(Time from, std::chrono::duration<Rep, Period> duration) {
  // Compared in the unit that was given: the clock's is finer, and may not hold it.
  using Given = std::chrono::duration<std::intmax_t, Period>;
  constexpr auto most = std::chrono::duration_cast<Given>(Time::duration::max()).count();
  if (std::cmp_greater(duration.count(), most)) return Time::max();
  if (std::cmp_less(duration.count(), -most)) return Time::min();
  const Time::duration ticks = duration;
  if (ticks > ticks.zero() && from > Time::max() - ticks) return Time::max();
  if (ticks < ticks.zero() && from < Time::min() - ticks) return Time::min();
  return from + ticks;
}

}  // namespace wolframite
#pragma GCC visibility pop
