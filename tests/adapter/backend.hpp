// The adapter that a contract test is compiled for: WOLFRAMITE_BACKEND is `epoll` or `uring`.
#pragma once

#include WOLFRAMITE_BACKEND_HEADER

namespace wolframite::test {

namespace backend = wolframite::WOLFRAMITE_BACKEND;

}  // namespace wolframite::test
