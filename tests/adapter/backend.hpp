// The adapter that a contract test is compiled for: WOLFRAMITE_BACKEND is `epoll`, `uring`, ...
#pragma once

#include WOLFRAMITE_BACKEND_HEADER

namespace wolframite::test {

namespace backend = wolframite::WOLFRAMITE_BACKEND;

// What the tests name without the backend. Another adapter than those over a Loop has its own.
using backend::accept;
using backend::Client;
using backend::client;
using backend::connect;
using backend::connect_socket;
using backend::Operation;
using backend::WebSocketStream;

#ifdef WOLFRAMITE_BACKEND_OF_HANDLERS
/// Asio: handlers never run inside of what began the operation, so no await is ready at once, and
/// the coroutines of these tests allocate what they wait with.
constexpr bool completes_at_once = false;
/// Asio: an io_context has no descriptor, and no deadline, that another loop could watch.
constexpr bool nests = false;
#else
constexpr bool completes_at_once = true;
constexpr bool nests = true;
#endif

}  // namespace wolframite::test
