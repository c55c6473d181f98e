// Options in braces inside `co_await` are made once and destroyed once, over Asio's coroutines too.
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/use_awaitable.hpp>
#include <memory>
#include <string>

#include "asio_rig.hpp"
#include "wire.hpp"

namespace wolframite::test {
namespace {

namespace ws = wolframite::asio;
using net::use_awaitable;

/// Runs a coroutine three times, which is to fail. What its options are copied from must still be
/// whole after that.
template <class Function>
void three_failures(Function function) {
  for (int i = 0; i < 3; ++i) {
    net::io_context context;
    auto [ours, theirs] = connected(context.get_executor(), context.get_executor());
    theirs.close();
    bool failed = false;
    net::co_spawn(context, function(std::move(ours)),
                  [&](const std::exception_ptr& exception) { failed = exception != nullptr; });
    context.run();
    CHECK(failed);
  }
}

SharedConfig limited() {
  Config config;
  config.max_message_size = 1000;
  return config;
}

TEST_CASE("async_accept takes its options in braces") {
  const SharedConfig config = limited();
  const auto owner = std::make_shared<int>(1);
  const ws::OnRequest on_request = [owner](const Request&) -> Answer { return Accept{}; };
  const ws::OnRequestAsync later = [owner](const Request&, auto respond) { respond(Accept{}); };
  const auto context = TlsContext::client();
  REQUIRE(context);
  const long owners = owner.use_count();
  three_failures([&](tcp::socket socket) -> net::awaitable<void> {
    co_await ws::async_accept(std::move(socket), {.config = config}, use_awaitable);
  });
  three_failures([&](tcp::socket socket) -> net::awaitable<void> {
    co_await ws::async_accept(
        std::move(socket),
        {.config = config, .on_request = on_request, .on_request_async = later, .tls = *context},
        use_awaitable);
  });
  three_failures([&](tcp::socket socket) -> net::awaitable<void> {
    co_await ws::async_accept(std::move(socket), ws::AcceptOptions{.on_request = on_request},
                              use_awaitable);
  });
  three_failures([&](tcp::socket socket) -> net::awaitable<void> {
    co_await ws::async_accept(std::move(socket), {}, use_awaitable);
  });
  CHECK(owner.use_count() == owners);
  CHECK(config->max_message_size == 1000);
}

TEST_CASE("async_client takes its options in braces") {
  const SharedConfig config = limited();
  const auto context = TlsContext::client();
  REQUIRE(context);
  three_failures([&](tcp::socket socket) -> net::awaitable<void> {
    co_await ws::async_client(std::move(socket), "ws://localhost/", {.config = config},
                              use_awaitable);
  });
  three_failures([&](tcp::socket socket) -> net::awaitable<void> {
    co_await ws::async_client_tls(std::move(socket), "wss://localhost/",
                                  {.config = config, .connector = *context}, use_awaitable);
  });
  CHECK(config->max_message_size == 1000);
}

TEST_CASE("async_connect takes its options in braces") {
  const SharedConfig config = limited();
  const auto context = TlsContext::client();
  REQUIRE(context);
  three_failures([&](tcp::socket socket) -> net::awaitable<void> {
    tcp::acceptor acceptor(socket.get_executor(), {net::ip::make_address("127.0.0.1"), 0});
    const std::string url = "ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
    acceptor.close();
    co_await ws::async_connect(socket.get_executor(), url,
                               {.config = config, .connector = *context}, use_awaitable);
  });
  CHECK(config->max_message_size == 1000);
}

TEST_CASE("what has been opened with options in braces has them") {
  net::io_context context;
  auto [server, client] = connected(context.get_executor(), context.get_executor());
  const SharedConfig config = limited();
  std::size_t sizes = 0;
  auto serve = [&](tcp::socket socket) -> net::awaitable<void> {
    auto stream = co_await ws::async_accept(std::move(socket), {.config = config}, use_awaitable);
    sizes += stream.config().max_message_size;
  };
  auto ask = [&](tcp::socket socket) -> net::awaitable<void> {
    auto opened = co_await ws::async_client(std::move(socket), "ws://localhost/",
                                            {.config = config}, use_awaitable);
    sizes += opened.stream.config().max_message_size;
  };
  net::co_spawn(context, serve(std::move(server)), net::detached);
  net::co_spawn(context, ask(std::move(client)), net::detached);
  context.run();
  CHECK(sizes == 2000);
}

}  // namespace
}  // namespace wolframite::test
