// The io_uring adapter; with WOLFRAMITE_TEST_PLAIN in the environment, as it works where the kernel
// lacks what the better way needs.
#pragma once

#include <cstdlib>

#include "wolframite/uring.hpp"

namespace wolframite::uring_backend {

using namespace uring;

class Loop final : public uring::Loop {
 public:
  Loop() : uring::Loop(LoopOptions{.plain = std::getenv("WOLFRAMITE_TEST_PLAIN") != nullptr}) {}
};

}  // namespace wolframite::uring_backend
