// Streams whose executors are strands may be used on an io_context that several threads run.
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/dispatch.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "asio_rig.hpp"
#include "wire.hpp"

namespace wolframite::test {
namespace {

namespace ws = wolframite::asio;

void run_in_threads(net::io_context& context, int count) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&] { context.run(); });
  for (std::thread& each : threads) each.join();
}

net::awaitable<void> serve(tcp::socket socket) {
  auto [error, stream] = co_await ws::async_accept(std::move(socket), as_tuple(net::use_awaitable));
  for (;;) {
    auto [ended, message] = co_await stream.async_next(as_tuple(net::use_awaitable));
    if (ended) co_return;
    co_await stream.async_send(message.kind, message.data, as_tuple(net::use_awaitable));
  }
}

TEST_CASE("connections on four threads, each on a strand: accept, connect, talk, close") {
  constexpr int connections = 24, messages = 40;
  net::io_context context{4};
  tcp::acceptor acceptor(context, tcp::endpoint(net::ip::make_address("127.0.0.1"), 0));
  const std::string url = "ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  std::atomic<int> done = 0;
  auto listen = [&]() -> net::awaitable<void> {
    for (int i = 0; i < connections; ++i) {
      const auto strand = net::make_strand(context);
      tcp::socket socket = co_await acceptor.async_accept(strand, net::use_awaitable);
      net::co_spawn(strand, serve(std::move(socket)), net::detached);
    }
  };
  auto talk = [&](net::any_io_executor strand) -> net::awaitable<void> {
    auto [stream, response] = co_await ws::async_connect(strand, url, net::use_awaitable);
    for (int i = 0; i < messages; ++i) {
      const std::string text(static_cast<std::size_t>(i * 100), 'x');
      co_await stream.async_send(text, net::use_awaitable);
      if ((co_await stream.async_next(net::use_awaitable)).text() != text) co_return;
    }
    co_await stream.async_close(net::use_awaitable);
    ++done;
  };
  net::co_spawn(context, listen(), net::detached);
  for (int i = 0; i < connections; ++i) {
    const auto strand = net::make_strand(context);
    net::co_spawn(strand, talk(strand), net::detached);
  }
  run_in_threads(context, 4);
  CHECK(done == connections);
}

TEST_CASE("handlers of one stream on other strands, beside its own") {
  constexpr int count = 500;
  net::io_context context{4};
  Joined<tcp::socket> ends = joined(net::make_strand(context), net::make_strand(context));
  TcpStream& server = ends.server;
  TcpStream& client = ends.client;
  start_echo(std::move(server));
  const auto elsewhere = net::make_strand(context);
  int sent = 0, received = 0;
  std::function<void()> send, read;
  // Handlers run elsewhere, and what they begin is begun at home.
  send = [&] {
    client.async_send("ball", net::bind_executor(elsewhere, [&](error_code error) {
                        if (!error && ++sent < count) net::dispatch(client.get_executor(), send);
                      }));
  };
  read = [&] {
    client.async_next(net::bind_executor(elsewhere, [&](error_code error, Message message) {
      if (error || message.text() != "ball") return;
      if (++received < count) {
        net::dispatch(client.get_executor(), read);
      } else {
        net::dispatch(client.get_executor(), [&] { client.async_close(net::detached); });
      }
    }));
  };
  net::dispatch(client.get_executor(), send);
  net::dispatch(client.get_executor(), read);
  run_in_threads(context, 4);
  CHECK(sent == count);
  CHECK(received == count);
}

TEST_CASE("cancelled and destroyed from the strand while other threads are at work") {
  net::io_context context{4};
  std::atomic<int> aborted = 0;
  for (int i = 0; i < 50; ++i) {
    const auto strand = net::make_strand(context);
    auto streams = std::make_shared<Joined<tcp::socket>>(joined(strand, strand));
    net::post(strand, [streams, strand, &aborted] {
      streams->server.async_next([&](error_code error, Message) { aborted += !!error; });
      streams->client.async_next([&](error_code error, Message) { aborted += !!error; });
      net::post(strand, [streams] {
        streams->client.cancel();
        streams->server = TcpStream();
        streams->client = TcpStream();
      });
    });
  }
  run_in_threads(context, 4);
  CHECK(aborted == 100);
}

TEST_CASE("servers on four threads send one payload, whose header one of them writes") {
  for (int round = 0; round < 200; ++round) {
    const std::string text(2000, 'x');
    const SharedBytes shared = SharedBytes::copy_of(bytes_of(text));
    std::atomic<int> ready = 0;
    std::vector<std::string> sent(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      threads.emplace_back([&, i] {
        auto server = Connection::from_partially_read({}, Role::server, nullptr, SharedConfig());
        for (++ready; ready < 4;) std::this_thread::yield();
        static_cast<void>(server.send(i % 2 == 0 ? Kind::text : Kind::binary, shared));
        std::array<ConstBytes, 4> gather;
        const std::size_t count = server.output(gather);
        for (std::size_t j = 0; j < count; ++j) sent[i] += text_of(gather[j]);
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < sent.size(); ++i) {
      CHECK(sent[i] == server_frame(i % 2 == 0 ? final_text : final_binary, text));
    }
  }
}

}  // namespace
}  // namespace wolframite::test
