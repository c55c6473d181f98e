// The io_uring adapter as it works where the kernel lacks what the better way needs.
#pragma once

#include "wolframite/uring.hpp"

namespace wolframite::uring_plain {

using namespace uring;

class Loop final : public uring::Loop {
 public:
  Loop() : uring::Loop(LoopOptions{.plain = true}) {}
};

}  // namespace wolframite::uring_plain
