// The Asio adapter keeps Asio's promises: any completion token, handlers on their executor and
// never inside of what began them, and nothing left behind.
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <string>
#include <vector>

#include "asio_rig.hpp"
#include "wire.hpp"

namespace wolframite::test {
namespace {

using namespace std::string_literals;
namespace ws = wolframite::asio;

TEST_CASE("callbacks: an echo of messages of all sizes") {
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  TcpStream& server = ends.server;
  TcpStream& client = ends.client;
  start_echo(std::move(server));
  for (const std::size_t size : {0UL, 1UL, 125UL, 126UL, 65'535UL, 65'536UL, 1'000'003UL}) {
    CAPTURE(size);
    const std::string text(size, 'x');
    bool sent = false, received = false;
    client.async_send(text, [&](error_code error) {
      CHECK_FALSE(error);
      sent = true;
    });
    client.async_next([&](error_code error, Message message) {
      CHECK_FALSE(error);
      CHECK(message.text() == text);
      received = true;
    });
    CHECK_FALSE(sent);
    run_until(context, [&] { return sent && received; });
  }
  bool closed = false;
  client.async_close([&](error_code error) {
    CHECK_FALSE(error);
    closed = true;
  });
  context.restart();
  context.run();  // nothing is left
  CHECK(closed);
  CHECK(client.closed()->clean);
}

TEST_CASE("use_awaitable, as_tuple, deferred and detached") {
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  TcpStream& server = ends.server;
  TcpStream& client = ends.client;
  start_echo(std::move(server));
  bool done = false;
  auto talk = [&]() -> net::awaitable<void> {
    co_await client.async_send("one", net::use_awaitable);
    CHECK((co_await client.async_next(net::use_awaitable)).text() == "one");
    client.async_send(Kind::binary, bytes_of("two"), net::detached);
    auto [error, message] = co_await client.async_next(as_tuple(net::use_awaitable));
    CHECK_FALSE(error);
    CHECK(message.text() == "two");
    CHECK(message.kind == Kind::binary);
    auto later = client.async_send(Kind::text, bytes_of("three"), deferred);
    co_await std::move(later)(net::use_awaitable);
    CHECK((co_await client.async_next(net::use_awaitable)).text() == "three");
    co_await client.async_send(Kind::text, bytes_of("fo"), false, net::use_awaitable);
    co_await client.async_send(Kind::text, bytes_of("ur"), true, Compression::never,
                               net::use_awaitable);
    CHECK((co_await client.async_next(net::use_awaitable)).text() == "four");
    co_await client.async_send(Kind::text, SharedBytes("five"), net::use_awaitable);
    CHECK((co_await client.async_next(net::use_awaitable)).text() == "five");
    CHECK_FALSE(client.feed(Kind::text, bytes_of("six")));
    co_await client.async_ready(net::use_awaitable);
    co_await client.async_flush(net::use_awaitable);
    CHECK(client.pending_output() == 0);
    CHECK((co_await client.async_next(net::use_awaitable)).text() == "six");
    co_await client.async_close(CloseCode::going_away, "bye", net::use_awaitable);
    CHECK_THROWS_AS(co_await client.async_next(net::use_awaitable), wolframite::asio::system_error);
    auto [end, none] = co_await client.async_next(as_tuple(net::use_awaitable));
    CHECK(end == net::error::eof);
    CHECK(none.data.empty());
    done = true;
  };
  net::co_spawn(context, talk(), net::detached);
  context.run();
  CHECK(done);
  CHECK(client.closed()->code == CloseCode::going_away);
  CHECK(client.is_terminated());
}

TEST_CASE("use_future") {
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  TcpStream& server = ends.server;
  TcpStream& client = ends.client;
  start_echo(std::move(server));
  auto sent = client.async_send("text", net::use_future);
  auto received = client.async_next(net::use_future);
  run_until(context, [&] { return received.wait_for(0s) == std::future_status::ready; });
  sent.get();
  CHECK(received.get().text() == "text");
  auto closed = client.async_close(net::use_future);
  context.restart();
  context.run();
  closed.get();
}

TEST_CASE("the end is told by async_next for ever, with its reason") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  TcpStream stream = opened(std::move(left), Role::server);
  net::write(right, net::buffer("\xFF\xFF", 2));  // no frame begins like this
  for (int i = 0; i < 2; ++i) {
    error_code error;
    stream.async_next([&](error_code why, Message) { error = why; });
    run_until(context, [&] { return !!error; });
    CHECK(error == ErrorClass::protocol);
    CHECK(error == stream.closed()->why);
  }
}

TEST_CASE("handlers never run inside of what began the operation, outcome at hand or not") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  TcpStream stream = opened(std::move(left), Role::server);
  std::string frames;
  for (int i = 0; i < 10; ++i) frames += client_frame(final_text, "m");
  net::write(right, net::buffer(frames));
  int depth = 0, messages = 0, sends = 0;
  struct Inside {
    int& depth;
    explicit Inside(int& d) : depth(d) { CHECK(++depth == 1); }
    ~Inside() { --depth; }
  };
  std::function<void()> read = [&] {
    const Inside inside(depth);
    stream.async_next([&](error_code error, Message message) {
      CHECK(depth == 0);
      if (error) return;
      CHECK(message.text() == "m");
      {
        const Inside sending(depth);
        stream.async_send("answer", [&](error_code) {
          CHECK(depth == 0);
          ++sends;
        });
        stream.async_flush([&](error_code) { CHECK(depth == 0); });
        stream.async_ready([&](error_code) { CHECK(depth == 0); });
        stream.async_send(Kind::binary, bytes_of("no"), false, [&](error_code) {});
        // Misuse as well.
        stream.async_send(Kind::text, bytes_of("other"), [&](error_code failed) {
          CHECK(depth == 0);
          CHECK(failed == ErrorClass::misuse);
        });
        stream.async_send(Kind::binary, bytes_of("end"), true, [&](error_code) {});
      }
      if (++messages < 10) read();
    });
  };
  read();
  run_until(context, [&] { return sends == 10; });
  CHECK(messages == 10);
}

TEST_CASE("messages that came together are answered in one write") {
  net::io_context context;
  net::local::stream_protocol::socket left(context), right(context);
  net::local::connect_pair(left, right);
  start_echo(opened(std::move(left), Role::server));
  settle(context);
  std::string frames, answers;
  for (int i = 0; i < 16; ++i) {
    frames += client_frame(final_text, "ping pong");
    answers += server_frame(final_text, "ping pong");
  }
  net::write(right, net::buffer(frames));
  std::size_t handlers = 0;
  context.restart();
  while (right.available() == 0) handlers += context.run_one();
  // The first thing that can be read is all of it.
  CHECK(right.available() == answers.size());
  CHECK(handlers <= 3);
}

TEST_CASE("a second async_next is misuse, and leaves the first alone") {
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  TcpStream& server = ends.server;
  TcpStream& client = ends.client;
  error_code first, second;
  std::string got;
  server.async_next([&](error_code error, Message message) {
    first = error;
    got = message.text();
  });
  server.async_next([&](error_code error, Message) { second = error; });
  settle(context);
  CHECK(second == Error::already_reading);
  CHECK(second == ErrorClass::misuse);
  client.async_send("for the first", net::detached);
  run_until(context, [&] { return !got.empty(); });
  CHECK_FALSE(first);
  CHECK(got == "for the first");
}

TEST_CASE("sends outnumber the room: all arrive, in the order of their calls") {
  net::io_context context;
  Joined<tcp::socket> ends = joined(context, Config{.write_buffer_size = 1000});
  TcpStream& server = ends.server;
  TcpStream& client = ends.client;
  constexpr int count = 3000;
  std::vector<std::string> texts;
  int done = 0, received = 0;
  for (int i = 0; i < count; ++i) texts.push_back(std::to_string(i) + std::string(500, '.'));
  for (int i = 0; i < count; ++i) {
    client.async_send(texts[static_cast<std::size_t>(i)], [&, i](error_code error) {
      CHECK_FALSE(error);
      CHECK(done++ == i);
    });
  }
  settle(context);
  CHECK(client.pending_output() < 2000);
  std::function<void()> read = [&] {
    server.async_next([&](error_code error, Message message) {
      REQUIRE_FALSE(error);
      CHECK(message.text() == texts[static_cast<std::size_t>(received)]);
      if (++received < count) read();
    });
  };
  read();
  run_until(context, [&] { return done == count && received == count; });
}

TEST_CASE("handlers run on their associated executor") {
  net::thread_pool pool(1);
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  TcpStream& client = ends.client;
  std::promise<std::thread::id> where;
  client.async_send("x", net::bind_executor(pool, [&](error_code error) {
                      CHECK_FALSE(error);
                      where.set_value(std::this_thread::get_id());
                    }));
  settle(context);
  std::promise<std::thread::id> home;
  net::post(pool, [&] { home.set_value(std::this_thread::get_id()); });
  CHECK(where.get_future().get() == home.get_future().get());
}

TEST_CASE("a stream is destroyed inside its own handler, with others waiting") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  auto stream = std::make_unique<TcpStream>(
      opened(std::move(left), Role::server, Config{.write_buffer_size = 100}));
  const std::string big(8U << 20U, 'x');
  int aborted = 0;
  bool destroyed = false;
  const auto count = [&](error_code error, const auto&...) {
    CHECK(destroyed);
    aborted += error == net::error::operation_aborted;
  };
  stream->async_send(big, net::detached);
  stream->async_send(big, count);
  stream->async_flush(count);
  stream->async_next([&](error_code error, Message message) {
    CHECK_FALSE(error);
    CHECK(message.text() == "a");
    stream->async_next(count);  // its message is there, and dies with the stream
    stream.reset();
    destroyed = true;
    CHECK(aborted == 0);
  });
  net::write(right, net::buffer(client_frame(final_text, "a") + client_frame(final_text, "b")));
  context.restart();
  context.run();
  CHECK(aborted == 3);
}

TEST_CASE("a dropped handle writes once what is queued, and closes the socket") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  {
    TcpStream stream = opened(std::move(left), Role::server);
    CHECK_FALSE(stream.feed(Kind::text, bytes_of("last words")));
  }
  std::string got;
  error_code end;
  net::read(right, net::dynamic_buffer(got), end);
  CHECK(end == net::error::eof);
  CHECK(got == server_frame(final_text, "last words"));
}

TEST_CASE("a context is destroyed with streams that own themselves: nothing is left behind") {
  std::weak_ptr<int> alive;
  {
    net::io_context context;
    Joined<tcp::socket> ends = joined(context);
    TcpStream& server = ends.server;
    auto [left, right] = connected(context.get_executor(), context.get_executor());
    auto token = std::make_shared<int>(1);
    alive = token;
    auto owner = std::make_shared<std::pair<TcpStream, std::shared_ptr<int>>>(std::move(server),
                                                                              std::move(token));
    owner->first.async_next([owner](error_code, Message) { CHECK(false); });
    owner->first.async_close([owner](error_code) { CHECK(false); });
    ws::async_accept(std::move(left), [owner](error_code, TcpStream) { CHECK(false); });
    ws::async_connect(context.get_executor(), "ws://127.0.0.1:1/",
                      [owner](error_code, ws::Client<tcp::socket>) { CHECK(false); });
    owner.reset();
    context.poll_one();
  }
  CHECK(alive.expired());
}

TEST_CASE("a socket that somebody else closes ends its stream") {
  net::io_context context;
  for (const bool waiting : {true, false}) {
    Joined<tcp::socket> ends = joined(context);
    TcpStream& server = ends.server;
    error_code error;
    const auto read = [&] { server.async_next([&](error_code why, Message) { error = why; }); };
    if (waiting) read();
    settle(context);
    server.next_layer().close();
    if (!waiting) read();
    run_until(context, [&] { return !!error; });
    CHECK(server.is_terminated());
  }
}

TEST_CASE("accept and connect: request, answer, refusal") {
  net::io_context context;
  tcp::acceptor acceptor(context, tcp::endpoint(net::ip::make_address("127.0.0.1"), 0));
  const std::string url = "ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  auto serve = [&](bool late) -> net::awaitable<void> {
    ws::AcceptOptions options;
    const auto decide = [](const Request& request) -> Answer {
      if (request.target == "/secret") return Response{.status = 403, .body = "no"};
      return Accept{.headers = {{"X-Seen", request.target}}};
    };
    options.on_request = decide;
    if (late) {
      options.on_request_async = [&](const Request& request, std::function<void(Answer)> respond) {
        net::post(context, [respond, answer = decide(request)] {
          respond(answer);
          respond(answer);  // once is enough, twice does nothing
        });
      };
    }
    tcp::socket socket = co_await acceptor.async_accept(net::use_awaitable);
    auto [error, stream] = co_await ws::async_accept(std::move(socket), std::move(options),
                                                     as_tuple(net::use_awaitable));
    CHECK((error == Error::refused || !error));
    if (stream) start_echo(std::move(stream));
  };
  for (const bool late : {false, true}) {
    bool done = false;
    auto ask = [&]() -> net::awaitable<void> {
      net::co_spawn(context, serve(late), net::detached);
      auto [stream, response] =
          co_await ws::async_connect(context.get_executor(), url + "/open", net::use_awaitable);
      CHECK(response->status == 101);
      CHECK(response->headers.find("X-Seen") == "/open");
      co_await stream.async_send("through", net::use_awaitable);
      CHECK((co_await stream.async_next(net::use_awaitable)).text() == "through");
      co_await stream.async_close(net::use_awaitable);
      net::co_spawn(context, serve(late), net::detached);
      auto [error, refused] = co_await ws::async_connect(context.get_executor(), url + "/secret",
                                                         as_tuple(net::use_awaitable));
      CHECK(error == Error::refused);
      CHECK_FALSE(refused.stream);
      REQUIRE(refused.response);
      CHECK(refused.response->status == 403);
      CHECK(refused.response->body == "no");
      done = true;
    };
    net::co_spawn(context, ask(), net::detached);
    run_until(context, [&] { return done; });
  }
}

TEST_CASE("what an application throws leaves its handshake answered, and comes out of run") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  net::write(right, net::buffer("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"s));
  ws::AcceptOptions options;
  options.on_request = [](const Request&) -> Answer { throw std::runtime_error("application"); };
  error_code error;
  ws::async_accept(std::move(left), options, [&](error_code why, TcpStream) { error = why; });
  CHECK_THROWS_AS(context.run(), std::runtime_error);
  run_until(context, [&] { return !!error; });
  settle(context);
  std::string answer(12, ' ');
  net::read(right, net::buffer(answer));
  CHECK(answer == "HTTP/1.1 500");
}

}  // namespace
}  // namespace wolframite::test
