// How a target says that its invariant does not hold: in every build, and loud enough for a fuzzer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wolframite::fuzz {

using Lines = std::vector<std::string>;

/// Prints what was claimed and where, and aborts.
[[noreturn]] void report_broken(std::string_view claim, const char* file, int line);

/// Aborts unless the lists are the same, and prints both around the first difference.
void require_same(const Lines& found, const Lines& expected, const char* file, int line);

}  // namespace wolframite::fuzz

#define REQUIRE(condition) \
  ((condition) ? void() : ::wolframite::fuzz::report_broken(#condition, __FILE__, __LINE__))
#define REQUIRE_SAME(found, expected) \
  ::wolframite::fuzz::require_same(found, expected, __FILE__, __LINE__)
