// An echo server over Asio: each connection is a coroutine.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>

#include <wolframite/asio.hpp>

using asio::ip::tcp;

namespace {

asio::awaitable<void> serve(tcp::socket socket) {
  auto stream = co_await wolframite::asio::async_accept(std::move(socket), asio::use_awaitable);
  std::error_code ended;
  for (;;) {
    const auto message =
        co_await stream.async_next(asio::redirect_error(asio::use_awaitable, ended));
    if (ended) co_return;
    co_await stream.async_send(message.kind, message.data, asio::use_awaitable);
  }
}

// Goes on whatever single connections do, and while descriptors are wanting.
asio::awaitable<void> listen(wolframite::asio::Acceptor& acceptor) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket)), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 9001);
  asio::io_context context{1};
  wolframite::asio::Acceptor acceptor(context.get_executor(),
                                      tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
  asio::co_spawn(context, listen(acceptor), [](std::exception_ptr ended) {
    if (ended) std::rethrow_exception(ended);  // comes out of run: nothing more can be accepted
  });
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { context.stop(); });
  std::printf("listening on ws://127.0.0.1:%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  context.run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "asio_echo_server: %s\n", error.what());
  return 1;
}
