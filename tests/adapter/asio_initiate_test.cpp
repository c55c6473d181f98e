// Any thread may initiate: what it asks for begins on the stream's executor, in the order of the
// calls and before anything else there; it may be cancelled from where its handler is; and it keeps
// the context running.
#include <array>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "asio_rig.hpp"
#include "wire.hpp"

namespace wolframite::test {
namespace {

namespace ws = wolframite::asio;

/// A context that other threads run, until the end of the test.
class Running {
 public:
  explicit Running(net::io_context& context) : context_(context), work_(context.get_executor()) {
    for (std::thread& each : threads_) each = std::thread([this] { context_.run(); });
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    work_.reset();
    for (std::thread& each : threads_) each.join();
  }

 private:
  net::io_context& context_;
  net::executor_work_guard<net::io_context::executor_type> work_;
  std::array<std::thread, 2> threads_;
};

/// A port of this machine that nobody listens on.
std::string nobodys_url(net::io_context& context) {
  tcp::acceptor bound(context);
  bound.open(tcp::v4());
  bound.bind(tcp::endpoint(net::ip::make_address("127.0.0.1"), 0));
  return "ws://127.0.0.1:" + std::to_string(bound.local_endpoint().port()) + "/";
}

/// What the other end of a socket is told, once that is closed.
error_code end_of(tcp::socket& socket) {
  char octet = 0;
  error_code end;
  socket.read_some(net::buffer(&octet, 1), end);
  return end;
}

TEST_CASE("async_connect from a thread that does not run its executor") {
  net::io_context context{2};
  const std::string url = nobodys_url(context);
  const Running running(context);
  for (int round = 0; round < 500; ++round) {
    std::promise<error_code> told;
    ws::async_connect(net::make_strand(context), url,
                      [&](error_code error, ws::Client<tcp::socket>) { told.set_value(error); });
    CHECK(told.get_future().get());
  }
}

TEST_CASE("one stream is opened, read, written and closed from a thread that is not its own") {
  net::io_context context{2};
  auto [left, right] = connected(net::make_strand(context), net::make_strand(context));
  const Running running(context);
  auto accepted = ws::async_accept(std::move(left), net::use_future);
  auto made = ws::async_client(std::move(right), "ws://peer.test/", net::use_future);
  TcpStream server = accepted.get();
  TcpStream client = std::move(made.get().stream);
  for (int round = 0; round < 300; ++round) {
    auto received = server.async_next(net::use_future);
    auto sent = client.async_send("from " + std::to_string(round), net::use_future);
    sent.get();
    CHECK(received.get().text() == "from " + std::to_string(round));
    client.async_ready(net::use_future).get();
    client.async_flush(net::use_future).get();
  }
  std::promise<error_code> end;
  server.async_next([&](error_code error, Message) { end.set_value(error); });
  auto closed = client.async_close(CloseCode::going_away, std::string("bye"), net::use_future);
  closed.get();
  CHECK(end.get_future().get() == net::error::eof);
  // Moving and destroying are of the executor.
  for (TcpStream* const each : {&server, &client}) {
    const auto executor = each->get_executor();
    std::promise<void> gone;
    net::post(executor, [&] {
      *each = TcpStream();
      gone.set_value();
    });
    gone.get_future().get();
  }
}

TEST_CASE("sends of several threads: those of each are in the order of its calls") {
  constexpr int senders = 3, count = 400;
  net::io_context context{2};
  auto ends = std::make_shared<Joined<tcp::socket>>(joined(
      net::make_strand(context), net::make_strand(context), Config{.write_buffer_size = 1000}));
  std::promise<void> all;
  std::vector<int> next(senders);
  int received = 0;
  std::function<void()> read = [&] {
    ends->server.async_next([&](error_code error, Message message) {
      REQUIRE_FALSE(error);
      const std::string text(message.text());
      CHECK(std::stoi(text.substr(1)) == next.at(static_cast<std::size_t>(text[0] - 'a'))++);
      if (++received == senders * count) return all.set_value();
      read();
    });
  };
  std::promise<void> gone;
  {
    const Running running(context);
    read();
    std::vector<std::thread> threads;
    for (int sender = 0; sender < senders; ++sender) {
      threads.emplace_back([&, sender] {
        for (int i = 0; i < count; ++i) {
          ends->client.async_send(static_cast<char>('a' + sender) + std::to_string(i),
                                  net::detached);
        }
      });
    }
    for (std::thread& each : threads) each.join();
    all.get_future().get();
    net::post(ends->client.get_executor(), [&] { ends->client = TcpStream(); });
    net::post(ends->server.get_executor(), [&] {
      ends->server = TcpStream();
      gone.set_value();
    });
    gone.get_future().get();
  }
}

TEST_CASE("what was initiated before the context runs comes before what is done on it") {
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  std::vector<std::string> got;
  std::function<void()> read = [&] {
    ends.server.async_next([&](error_code error, Message message) {
      if (error) return;
      got.emplace_back(message.text());
      read();
    });
  };
  read();
  net::post(context, [&] {
    ends.client.async_send("third", net::detached);
    CHECK_FALSE(ends.client.feed(Kind::text, bytes_of("fourth")));
  });
  ends.client.async_send("first", net::detached);
  CHECK_FALSE(ends.client.feed(Kind::text, bytes_of("second")));
  settle(context);
  ends.client.async_send("fifth", net::detached);
  ends.client = TcpStream();  // writes what is queued
  settle(context);
  CHECK(got == std::vector<std::string>{"first", "second", "third", "fourth", "fifth"});
}

TEST_CASE("what arrives is cancelled with the rest, or aborted with its stream") {
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  int aborted = 0;
  const auto count = [&](error_code error, const auto&...) {
    aborted += error == net::error::operation_aborted;
  };
  ends.server.async_next(count);
  ends.server.cancel();
  ends.client.async_next(count);
  ends.client = TcpStream();
  CHECK(aborted == 0);  // nor from inside of that
  settle(context);
  CHECK(aborted == 2);
}

TEST_CASE("a context is destroyed with operations that have not arrived") {
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> alive = token;
  net::cancellation_signal signal;
  {
    net::io_context context;
    auto ends = std::make_shared<Joined<tcp::socket>>(joined(context));
    auto [left, right] = connected(context.get_executor(), context.get_executor());
    ends->server.async_next(net::bind_cancellation_slot(
        signal.slot(), [ends, token](error_code, Message) { CHECK(false); }));
    ends->client.async_close([ends, token](error_code) { CHECK(false); });
    ws::async_accept(std::move(left), [ends, token](error_code, TcpStream) { CHECK(false); });
    token.reset();
  }
  CHECK(alive.expired());
  signal.emit(net::cancellation_type::total);  // calls nobody
}

TEST_CASE("a slot is emitted where its handler is, on another executor than the stream's") {
  net::io_context context{2};
  const auto elsewhere = net::make_strand(context);
  const Running running(context);
  for (int round = 0; round < 200; ++round) {
    auto [left, right] = connected(net::make_strand(context), net::make_strand(context));
    auto stream = std::make_shared<TcpStream>(opened(std::move(left), Role::server));
    auto signal = std::make_shared<net::cancellation_signal>();
    std::promise<error_code> told;
    net::post(elsewhere, [&, stream, signal] {
      stream->async_next(net::bind_cancellation_slot(
          signal->slot(), net::bind_executor(elsewhere, [&, signal](error_code error, Message) {
            signal->emit(net::cancellation_type::total);  // too late, and calls nobody
            told.set_value(error);
          })));
      net::post(elsewhere, [signal] { signal->emit(net::cancellation_type::total); });
    });
    CHECK(told.get_future().get() == net::error::operation_aborted);
    std::promise<void> gone;
    net::post(stream->get_executor(), [&] {
      *stream = TcpStream();
      gone.set_value();
    });
    gone.get_future().get();
  }
}

TEST_CASE("async_accept and async_connect are cancelled before they begin") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  const std::string url = nobodys_url(context);
  net::cancellation_signal accepting, connecting;
  std::vector<error_code> errors;
  ws::async_accept(std::move(left), net::bind_cancellation_slot(
                                        accepting.slot(), [&](error_code error, TcpStream none) {
                                          CHECK_FALSE(none);
                                          errors.push_back(error);
                                        }));
  ws::async_connect(context.get_executor(), url,
                    net::bind_cancellation_slot(connecting.slot(),
                                                [&](error_code error, ws::Client<tcp::socket>) {
                                                  errors.push_back(error);
                                                }));
  accepting.emit(net::cancellation_type::terminal);
  connecting.emit(net::cancellation_type::terminal);
  CHECK(errors.empty());
  context.restart();
  context.run();
  REQUIRE(errors.size() == 2);
  for (const error_code& each : errors) CHECK(each == net::error::operation_aborted);
  CHECK(end_of(right) == net::error::eof);
}

/// A socket that is out of memory when its stream is made: the second time it is asked for this.
struct Fragile {
  using executor_type = tcp::socket::executor_type;
  [[nodiscard]] executor_type get_executor() {
    if (++asked == 2) throw_it();
    return socket.get_executor();
  }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return socket.async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return socket.async_write_some(buffers, std::forward<Token>(token));
  }
  void close() { socket.close(); }

  tcp::socket socket;
  std::function<void()> throw_it;
  int asked = 0;
};

TEST_CASE("opening fails by an exception: the handler is told, and the layer is closed") {
  const std::error_code no_memory = std::make_error_code(std::errc::not_enough_memory);
  const std::error_code other = std::make_error_code(std::errc::protocol_error);
  net::io_context context;
  for (const bool memory : {true, false}) {
    const auto throw_it = [&] {
      if (memory) throw std::bad_alloc();
      throw ws::system_error(other);
    };
    int told = 0;
    const auto check = [&](error_code error) {
      ++told;
      CHECK(std::error_code(error) == (memory ? no_memory : other));
    };
    auto [a, b] = connected(context.get_executor(), context.get_executor());
    ws::async_accept(Fragile{std::move(a), throw_it}, ws::AcceptOptions(),
                     [&](error_code error, ws::WebSocketStream<Fragile> none) {
                       CHECK_FALSE(none);
                       check(error);
                     });
    auto [c, d] = connected(context.get_executor(), context.get_executor());
    ws::async_client(Fragile{std::move(c), throw_it}, "ws://peer.test/", ws::ClientOptions(),
                     [&](error_code error, ws::Client<Fragile> none) {
                       CHECK_FALSE(none.stream);
                       check(error);
                     });
    CHECK(told == 0);
    context.restart();
    context.run();
    CHECK(told == 2);
    CHECK(end_of(b) == net::error::eof);
    CHECK(end_of(d) == net::error::eof);
    CHECK(ws::detail::pool_of(context.get_executor()).streams() == 0);
  }
}

TEST_CASE("opening fails by another exception: that comes out of run, and nothing is left") {
  net::io_context context;
  auto [a, b] = connected(context.get_executor(), context.get_executor());
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> alive = token;
  ws::async_accept(Fragile{std::move(a), [] { throw std::runtime_error("the layer's own"); }},
                   ws::AcceptOptions(),
                   [token](error_code, ws::WebSocketStream<Fragile>) { CHECK(false); });
  token.reset();
  CHECK_THROWS_AS(context.run(), std::runtime_error);
  CHECK(alive.expired());
  CHECK(end_of(b) == net::error::eof);
}

TEST_CASE("a context does not run out of work while an answer is pending") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  std::function<void(ws::Answer)> respond;
  ws::AcceptOptions options{.config = Config{.handshake_timeout = 0ms}};
  options.on_request_async = [&](const Request&, std::function<void(ws::Answer)> later) {
    respond = std::move(later);
  };
  TcpStream server;
  error_code error;
  ws::async_accept(std::move(left), options, [&](error_code why, TcpStream stream) {
    error = why;
    server = std::move(stream);
  });
  net::write(right, net::buffer("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"s));
  run_until(context, [&] { return respond != nullptr; });
  context.restart();
  while (context.poll() > 0) {
  }
  CHECK_FALSE(context.stopped());  // as it is where nothing is left to do
  respond(wolframite::Accept());
  run_until(context, [&] { return !!server; });
  CHECK_FALSE(error);
  context.restart();
  context.run();  // nothing is left
}

TEST_CASE("another context does not run out of work while its handler waits to arrive") {
  net::io_context here, elsewhere;
  Joined<tcp::socket> ends = joined(here);
  bool sent = false;
  ends.client.async_send("x", net::bind_executor(elsewhere, [&](error_code error) {
                           CHECK_FALSE(error);
                           sent = true;
                         }));
  elsewhere.poll();
  CHECK_FALSE(elsewhere.stopped());
  settle(here);
  elsewhere.run();
  CHECK(sent);
}

}  // namespace
}  // namespace wolframite::test
