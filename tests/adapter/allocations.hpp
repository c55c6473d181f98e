// Counts what the program takes from the global heap.
#pragma once

#include <cstdint>

namespace wolframite::test {

/// Calls of the global operator new, all forms of it, in the whole program so far.
std::uint64_t allocations();

}  // namespace wolframite::test
