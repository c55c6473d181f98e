// Cancelling loses nothing and leaves nothing half done, and a message's octets stay as they are
// until the next one is asked for.
#include <sys/socket.h>

#include "rig.hpp"

namespace wolframite::test {
namespace {

Task<> read_one(WebSocketStream& stream, std::string& into) {
  auto message = co_await stream.next();
  REQUIRE(message);
  into = message->text();
}

TEST_CASE("cancelling next loses no bytes") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  std::string got;
  TaskHandle waiting = loop.spawn(read_one(pair.stream, got));
  settle(loop);
  const std::string frame = client_frame(final_text, "hello");
  pair.peer.send(frame.substr(0, 8));
  settle(loop);
  waiting.cancel();
  pair.peer.send(frame.substr(8) + client_frame(final_text, "again"));
  settle(loop);
  CHECK(got.empty());
  run(loop, read_one(pair.stream, got));
  CHECK(got == "hello");
  run(loop, read_one(pair.stream, got));
  CHECK(got == "again");
}

TEST_CASE("cancelling next at every octet of two messages loses none of them") {
  const std::string octets = client_frame(final_text, "first") + client_frame(ping_frame, "p") +
                             client_frame(final_text, "second");
  for (std::size_t cut = 0; cut < octets.size(); ++cut) {
    CAPTURE(cut);
    backend::Loop loop;
    Pair pair = open_pair(loop);
    Outcome outcome;
    TaskHandle reader = loop.spawn(read_all(pair.stream, outcome));
    settle(loop);
    pair.peer.send(std::string_view(octets).substr(0, cut));
    settle(loop);
    reader.cancel();
    pair.peer.send(std::string_view(octets).substr(cut));
    loop.spawn(read_all(pair.stream, outcome));
    turn_until(loop, [&] { return outcome.messages.size() == 2; });
    CHECK(outcome.messages == std::vector{"first"s, "second"s});
  }
}

TEST_CASE("a send that waits and is cancelled is not sent at all, those around it are whole") {
  backend::Loop loop;
  const Config config{.write_buffer_size = 1000, .max_write_buffer_size = 1'000'000};
  Pair pair = open_pair(loop, Role::server, Transport::local, config);
  CHECK_FALSE(pair.stream.next_layer().set_option(SOL_SOCKET, SO_SNDBUF, 4096));
  auto send = [](WebSocketStream& stream, int number) -> Task<> {
    CHECK_FALSE(co_await stream.send(std::to_string(number) + std::string(400, '.')));
  };
  std::vector<TaskHandle> tasks;
  for (int i = 0; i < 60; ++i) tasks.push_back(loop.spawn(send(pair.stream, i)));
  settle(loop);
  std::string expected;
  int cancelled = 0;
  for (int i = 0; i < 60; ++i) {
    auto& task = tasks[static_cast<std::size_t>(i)];
    if (!task.done() && i % 3 == 0) {
      task.cancel();
      ++cancelled;
    } else {
      expected += server_frame(final_text, std::to_string(i) + std::string(400, '.'));
    }
  }
  CHECK(cancelled > 5);
  CHECK(pair.peer.receive(expected.size()) == expected);
  settle(loop);
  CHECK(pair.peer.receive_now().empty());
  CHECK(loop.memory().counters().in_use == 0);
}

TEST_CASE("an operation may be begun now, and awaited later or never") {
  backend::Loop loop;
  const Config config{.write_buffer_size = 1000, .max_write_buffer_size = 1'000'000};
  Pair pair = open_pair(loop, Role::server, Transport::local, config);
  CHECK_FALSE(pair.stream.next_layer().set_option(SOL_SOCKET, SO_SNDBUF, 4096));
  auto talk = [](WebSocketStream& stream) -> Task<> {
    const std::string text(800, 'x');
    std::vector<Operation> sends;
    for (int i = 0; i < 50; ++i) sends.push_back(stream.send(text));
    for (Operation& each : sends) CHECK_FALSE(co_await each);
  };
  const TaskHandle task = loop.spawn(talk(pair.stream));
  CHECK(pair.peer.receive(50 * 804).size() == 50 * 804);
  turn_until(loop, [&] { return task.done(); });
}

TEST_CASE("a view lives until the next call of next, whatever happens on the stream meanwhile") {
  // In debug and sanitizer builds, buffers that were given back are scribbled over.
  for (const std::size_t size : {std::size_t{5}, std::size_t{60'000}, std::size_t{200'000}}) {
    backend::Loop loop;
    Pair pair = open_pair(loop, Role::server, Transport::tcp, Config{.ping_interval = 1ms});
    const std::string text(size, 'v');
    bool go_on = false, done = false;
    auto hold = [](WebSocketStream& stream, const std::string& expected, bool& flag, Loop& on,
                   bool& finished) -> Task<> {
      auto message = co_await stream.next();
      REQUIRE(message);
      while (!flag) co_await on.sleep(1ms);
      CHECK(message->text() == expected);
      CHECK_FALSE(co_await stream.send(message->text()));
      CHECK_FALSE(co_await stream.flush());
      CHECK(message->text() == expected);
      message = co_await stream.next();
      REQUIRE(message);
      CHECK(message->text() == "next");
      finished = true;
    };
    loop.spawn(hold(pair.stream, text, go_on, loop, done));
    pair.peer.send(client_frame(final_text, text) + client_frame(final_text, "next"));
    // Another stream on the same loop uses buffers of the same pool.
    Pair other = open_pair(loop);
    loop.spawn(echo(std::move(other.stream)));
    for (int i = 0; i < 20; ++i) {
      other.peer.send(client_frame(final_binary, std::string(size, 'o')));
      CHECK(other.peer.receive(size).size() >= size);
      CHECK_FALSE(pair.stream.ping());
    }
    go_on = true;
    while (!done) {
      pair.peer.receive_now();
      loop.run_once(1ms);
    }
  }
}

TEST_CASE("an owned copy outlives the stream") {
  backend::Loop loop;
  std::optional<OwnedMessage> kept;
  {
    Pair pair = open_pair(loop);
    auto read = [](WebSocketStream& stream, std::optional<OwnedMessage>& into) -> Task<> {
      auto message = co_await stream.next();
      REQUIRE(message);
      into = message->to_owned();
    };
    pair.peer.send(client_frame(final_text, "kept"));
    run(loop, read(pair.stream, kept));
  }
  settle(loop);
  REQUIRE(kept);
  CHECK(kept->text() == "kept");
  CHECK(kept->kind == Kind::text);
}

TEST_CASE("cancelling close leaves the Close sent, and the stream ends by itself") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  auto close_stream = [](WebSocketStream& stream) -> Task<> {
    static_cast<void>(co_await stream.close());
  };
  TaskHandle closing = loop.spawn(close_stream(pair.stream));
  CHECK(pair.peer.receive(4) == server_frame(close_frame, close_body(1000)));
  closing.cancel();
  pair.peer.send(client_frame(close_frame, close_body(1000)));
  pair.peer.finish();
  turn_until(loop, [&] { return pair.stream.is_terminated(); });
  CHECK(pair.stream.closed()->clean);
}

}  // namespace
}  // namespace wolframite::test
