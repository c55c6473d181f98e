// Invariant: whatever a client sends to an open server, and however it is cut, the server tells and
// answers what a naive reading of the whole finds, and its memory follows the octets received.
#include "support/owner.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wolframite::fuzz::converse(wolframite::Role::server, {data, size});
  return 0;
}
