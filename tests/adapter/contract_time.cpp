// Deadlines hold whatever the peer does, and none of them is missed or met because the loop was
// late to read.
#include "rig.hpp"

namespace wolframite::test {
namespace {

TEST_CASE("SEC-19 a handshake that drips: slow but in time succeeds, the rest is ended") {
  for (const bool in_time : {true, false}) {
    backend::Loop loop;
    auto [ours, theirs] = connected();
    Peer peer(loop, std::move(theirs), new_engine(Role::client));
    std::error_code error;
    bool opened = false;
    auto serve = [](Loop& on, Socket socket, AcceptOptions options, std::error_code& why,
                    bool& open) -> Task<> {
      auto stream = co_await accept(on, std::move(socket), secured(std::move(options)));
      if (stream) {
        open = true;
      } else {
        why = stream.error();
      }
    };
    AcceptOptions options;
    if (!in_time) options.config = Config{.handshake_timeout = 20ms};
    const TaskHandle task = loop.spawn(serve(loop, std::move(ours), options, error, opened));
    const std::string request = upgrade_request();
    for (std::size_t i = 0; !task.done() && (in_time ? i < request.size() : true); ++i) {
      // Out of time, the drip never comes to its end.
      peer.send(in_time ? request.substr(i, 1) : i < 5 ? request.substr(i, 1) : "x");
      loop.run_once(1ms);
    }
    turn_until(loop, [&] { return task.done(); });
    CHECK(opened == in_time);
    if (!in_time) {
      CHECK(error == Error::handshake_timeout);
      CHECK(peer.receive_until("\r\n\r\n").find("HTTP/1.1 408 ") == 0);
    }
  }
}

TEST_CASE("a client gives up on a silent server") {
  backend::Loop loop;
  auto [ours, theirs] = connected();
  std::error_code error;
  auto ask = [](Loop& on, Socket socket, std::error_code& why) -> Task<> {
    ClientOptions options;
    options.config = Config{.handshake_timeout = 5ms};
    auto made = co_await client(on, scheme() + "example.org/", std::move(socket), secured(options));
    if (!made) why = made.error();
  };
  run(loop, ask(loop, std::move(ours), error));
  CHECK(error == Error::handshake_timeout);
}

TEST_CASE("close gives up on a peer that does not answer, and on one that never stops") {
  for (const bool flood : {false, true}) {
    backend::Loop loop;
    Pair pair = open_pair(loop, Role::server, Transport::tcp, Config{.close_timeout = 20ms});
    Outcome outcome;
    auto close_stream = [](WebSocketStream& stream, Outcome& into) -> Task<> {
      into.error = co_await stream.close();
      into.done = true;
    };
    loop.spawn(close_stream(pair.stream, outcome));
    const std::string message = client_frame(final_binary, std::string(60'000, 'x'));
    while (!outcome.done) {
      if (flood) pair.peer.send(message);
      loop.run_once(1ms);
    }
    CHECK(outcome.error == Error::close_timeout);
    turn_until(loop, [&] { return !pair.stream.next_layer().is_open(); });
  }
}

TEST_CASE("the peer has all of close_timeout, however long a message was looked at before") {
  backend::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::tcp, Config{.close_timeout = 500ms});
  Outcome outcome;
  auto work = [](Loop& on, WebSocketStream& stream, Outcome& into) -> Task<> {
    const auto message = co_await stream.next();
    REQUIRE(message);
    co_await on.sleep(600ms);
    CHECK_FALSE(co_await stream.send("answer"));
    into.error = co_await stream.close();
    into.done = true;
  };
  loop.spawn(work(loop, pair.stream, outcome));
  pair.peer.send(client_frame(final_text, "question"));
  const std::string expected =
      server_frame(final_text, "answer") + server_frame(close_frame, close_body(1000, ""));
  CHECK(pair.peer.receive(expected.size()) == expected);
  pair.peer.send(client_frame(close_frame, close_body(1000, "")));
  pair.peer.finish();
  turn_until(loop, [&] { return outcome.done; });
  CHECK_FALSE(outcome.error);
}

TEST_CASE("keepalive: a silent peer is pinged, and given up without a pong") {
  backend::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::tcp,
                        Config{.ping_interval = 2ms, .pong_timeout = 5ms});
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  CHECK(pair.peer.receive(6).substr(0, 2) == octet(ping_frame) + octet(4));
  turn_until(loop, [&] { return outcome.done; });
  CHECK(outcome.why == Error::pong_timeout);
}

TEST_CASE("keepalive: pongs that came while nobody read still count") {
  backend::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::tcp,
                        Config{.ping_interval = 1ms, .pong_timeout = 2ms, .close_timeout = 50ms});
  // Not read: the pong lies in the kernel while the time for it passes many times over.
  pair.peer.send(client_frame(pong_frame, "here") + client_frame(final_text, "alive"));
  for (int i = 0; i < 20; ++i) loop.run_once(1ms);
  auto nap = [](Loop& on) -> Task<> { co_await on.sleep(20ms); };
  run(loop, nap(loop));
  std::string got;
  auto read = [](WebSocketStream& stream, std::string& into) -> Task<> {
    auto message = co_await stream.next();
    if (message) into = message->text();
  };
  run(loop, read(pair.stream, got));
  CHECK(got == "alive");
}

TEST_CASE("an idle stream is closed with 1001, and one that talks is not") {
  backend::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::tcp, Config{.idle_timeout = 30ms});
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  pair.peer.send(client_frame(final_text, "talk"));
  turn_until(loop, [&] { return outcome.done; });
  CHECK(outcome.messages == std::vector{"talk"s});
  CHECK(outcome.why == Error::idle_timeout);
  CHECK(pair.peer.receive_all().substr(0, 1) == octet(close_frame));
}

}  // namespace
}  // namespace wolframite::test
