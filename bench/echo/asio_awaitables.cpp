// The smallest echo server over Asio that is made of coroutines.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/use_awaitable.hpp>

#include "asio_server.hpp"

#if __has_include(<asio/as_tuple.hpp>)
#include <asio/as_tuple.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#endif

namespace {

using namespace bench;
#if __has_include(<asio/as_tuple.hpp>)
constexpr auto token = net::as_tuple(net::use_awaitable);
#else
constexpr auto token = net::experimental::as_tuple(net::use_awaitable);
#endif

net::awaitable<void> echo(Server& server, tcp::socket socket) {
  auto [failed, stream] =
      co_await wolframite::asio::async_accept(std::move(socket), server.options, token);
  if (failed) co_return;
  for (;;) {
    auto [ended, message] = co_await stream.async_next(token);
    if (ended) co_return;
    const auto [unsent] = co_await stream.async_send(std::move(message), token);
    if (unsent) co_return;
  }
}

net::awaitable<void> serve(Server& server) {
  for (;;) {
    auto [error, socket] = co_await server.acceptor.async_accept(token);
    if (error) co_return;
    net::co_spawn(server.context, echo(server, std::move(socket)), net::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             [](Server& server) { net::co_spawn(server.context, serve(server), net::detached); });
}
