// Invariant: whatever two joined connections are told to do, in whatever order, over a link that
// cuts, delays, corrupts or fails, their output stays bounded, messages arrive whole and in order,
// and each tells `Closed` exactly once.
#include "support/pair.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wolframite::fuzz::Reader input(data, size);
  wolframite::fuzz::Pair pair(input);
  while (!input.empty()) pair.step();
  pair.settle();
  pair.check_over();
  return 0;
}
