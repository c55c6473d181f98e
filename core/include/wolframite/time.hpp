/// @file
/// Time, as the core is told of it.
#pragma once

#include <chrono>

#pragma GCC visibility push(default)
namespace wolframite {

/// A point on the steady clock. It is passed in; the core never reads a clock.
using Time = std::chrono::steady_clock::time_point;

/// What a `deadline` is that has passed already: before every time that is told, and still near
/// enough that the present can be subtracted from it.
inline constexpr Time at_once{Time::min().time_since_epoch() / 2};

}  // namespace wolframite
#pragma GCC visibility pop
