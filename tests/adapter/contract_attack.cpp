// Invariant: whatever the application is busy with, time goes on; whatever a peer sends, the others
// have their turn; whatever fails, nothing has changed; and ends tell the truth.
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "rig.hpp"

namespace wolframite::test {
namespace {

/// Takes one message and keeps it, or finds that there is none.
Task<> take_one(WebSocketStream& stream, std::optional<Message>& into) {
  const auto message = co_await stream.next();
  into = message ? std::optional<Message>(*message) : std::nullopt;
}

Task<> close_with(WebSocketStream& stream, CloseCode code, std::string reason, Outcome& into) {
  into.error = co_await stream.close(code, reason);
  into.done = true;
}

Task<> send_on(WebSocketStream& stream, Message message, Outcome& into) {
  into.error = co_await stream.send(std::move(message));
  into.done = true;
}

/// Has `peer` send messages that are echoed until the stream has to wait for room; returns how
/// many.
std::size_t stuff(backend::Loop& loop, Peer& peer, const std::string& frame) {
  std::size_t sent = 0;
  for (int idle = 0; idle < 20;) {
    const std::size_t size = peer.send_now(frame);
    sent += size;
    idle = size > 0 ? 0 : idle + 1;
    loop.run_once(0ms);
  }
  return sent;
}

/// Sends back what comes, and notes how far something else was when it came.
Task<> echo_and_note(WebSocketStream stream, std::function<std::size_t()> how_far,
                     std::size_t& noted) {
  while (auto message = co_await stream.next()) {
    noted = how_far();
    if (const auto error = co_await stream.send(std::move(*message))) co_return;
  }
}

Config small_buffers() {
  Config config;
  config.write_buffer_size = 64 * 1024;
  return config;
}

TEST_CASE("SEC-34 a close that cannot be sent changes nothing for a send that waits") {
  backend::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::tcp, small_buffers());
  auto echo_all = [](WebSocketStream& stream) -> Task<> {
    while (auto message = co_await stream.next()) {
      if (co_await stream.send(std::move(*message))) co_return;
    }
  };
  TaskHandle echoing = loop.spawn(echo_all(pair.stream));
  const std::string payload(50'000, 'x');
  const std::string frame = client_frame(final_binary, payload);
  const std::size_t sent = stuff(loop, pair.peer, frame);
  REQUIRE(sent > 2 * frame.size());
  for (const auto& [code, reason] : {std::pair{CloseCode::internal_error, std::string(200, 'r')},
                                     std::pair{CloseCode::abnormal, std::string()},
                                     std::pair{CloseCode::normal, std::string("\xFF")}}) {
    Outcome outcome;
    loop.spawn(close_with(pair.stream, code, reason, outcome));
    turn_until(loop, [&] { return outcome.done; });
    CHECK(outcome.error == ErrorClass::misuse);
  }
  // What it reads is what it has sent, all of it that was whole.
  const std::string whole = server_frame(final_binary, payload);
  const std::size_t messages = sent / frame.size();
  std::string expected;
  for (std::size_t i = 0; i < messages; ++i) expected += whole;
  CHECK(pair.peer.receive(expected.size()) == expected);
  echoing.cancel();
}

TEST_CASE(
    "SEC-34 a message that a waiting send reads outlives the call of next that ends its view") {
  for (const std::size_t size : {40'000UL, 300'000UL}) {
    backend::Loop loop;
    Pair pair = open_pair(loop, Role::server, Transport::tcp, small_buffers());
    const std::string large(8'000'000, 'l');
    CHECK_FALSE(pair.stream.feed(Kind::binary, bytes_of(large)));
    settle(loop);
    const std::string text(size, 't');
    pair.peer.send(client_frame(final_binary, text));
    std::optional<Message> seen;
    run(loop, take_one(pair.stream, seen));
    REQUIRE(seen);
    Outcome sending;
    loop.spawn(send_on(pair.stream, *seen, sending));
    settle(loop);
    REQUIRE_FALSE(sending.done);
    pair.peer.send(client_frame(final_binary, std::string(size, 'o')));
    std::optional<Message> other;
    run(loop, take_one(pair.stream, other));
    REQUIRE(other);
    CHECK(other->text() == std::string(size, 'o'));
    const std::string expected =
        server_frame(final_binary, large) + server_frame(final_binary, text);
    CHECK(pair.peer.receive(expected.size()) == expected);
    turn_until(loop, [&] { return sending.done; });
    CHECK_FALSE(sending.error);
  }
}

TEST_CASE("SEC-35 a peer that never reads is given up, while a send waits") {
  struct Limit {
    Config config;
    Error why;
  };
  Config write = small_buffers(), idle = small_buffers();
  write.write_timeout = 30ms;
  idle.idle_timeout = 30ms;
  idle.write_timeout = 100ms;
  idle.ping_interval = 5ms;
  for (const auto& [config, why] :
       {Limit{write, Error::write_timeout}, Limit{idle, Error::idle_timeout}}) {
    for (const bool trickles : {false, true}) {
      CAPTURE(trickles);
      backend::Loop loop;
      Pair pair = open_pair(loop, Role::server, Transport::tcp, config);
      Outcome outcome;
      auto serve = [](WebSocketStream& stream, Outcome& into) -> Task<> {
        while (auto message = co_await stream.next()) {
          into.error = co_await stream.send(std::move(*message));
          if (into.error) break;
        }
        into.done = true;
      };
      loop.spawn(serve(pair.stream, outcome));
      const std::string frame = client_frame(final_binary, std::string(60'000, 'x'));
      stuff(loop, pair.peer, frame);
      while (!outcome.done) {
        if (trickles) static_cast<void>(pair.peer.send_now(client_frame(ping_frame)));
        loop.run_once(1ms);
      }
      REQUIRE(pair.stream.closed());
      CHECK(pair.stream.closed()->why == why);
      CHECK(outcome.error == why);
    }
  }
}

TEST_CASE("SEC-35 a peer that reads slowly is not given up for that") {
  backend::Loop loop;
  Config config;
  config.write_timeout = 1s;
  Pair pair = open_pair(loop, Role::server, Transport::local, config);
  const std::string text(15'000'000, 'x');
  CHECK_FALSE(pair.stream.feed(Kind::binary, bytes_of(text)));
  Outcome outcome;
  auto flush = [](WebSocketStream& stream, Outcome& into) -> Task<> {
    into.error = co_await stream.flush();
    into.done = true;
  };
  loop.spawn(flush(pair.stream, outcome));
  // All of it takes longer than nothing may, a tenth of it does not.
  auto nap = [](Loop& on) -> Task<> { co_await on.sleep(20ms); };
  std::size_t got = 0;
  while (got < text.size()) {
    run(loop, nap(loop));
    got += pair.peer.receive(std::min<std::size_t>(150'000, text.size() + 10 - got)).size();
  }
  turn_until(loop, [&] { return outcome.done; });
  CHECK_FALSE(outcome.error);
}

TEST_CASE("SEC-35 timers act while a message is looked at, which stays as it is") {
  Config idle, ping;
  idle.idle_timeout = 20ms;
  ping.ping_interval = 5ms;
  ping.pong_timeout = 10ms;
  for (const Config& config : {idle, ping}) {
    for (const std::size_t size : {100UL, 200'000UL}) {
      backend::Loop loop;
      Pair pair = open_pair(loop, Role::server, Transport::tcp, config);
      const std::string text(size, 't');
      pair.peer.send(client_frame(final_text, text));
      std::optional<Message> seen;
      run(loop, take_one(pair.stream, seen));
      REQUIRE(seen);
      turn_until(loop, [&] { return pair.stream.is_terminated(); });
      CHECK(pair.stream.closed()->why == ErrorClass::timeout);
      for (int i = 0; i < 5; ++i) settle(loop);
      CHECK(seen->text() == text);
      run(loop, take_one(pair.stream, seen));
      CHECK_FALSE(seen);
    }
  }
}

TEST_CASE("SEC-35 a message that came in time is handed out, although time has run out since") {
  backend::Loop loop;
  Config config;
  config.idle_timeout = 10ms;
  Pair pair = open_pair(loop, Role::server, Transport::tcp, config);
  std::optional<Message> first, second;
  pair.peer.send(client_frame(final_text, "first") + client_frame(final_text, "second"));
  run(loop, take_one(pair.stream, first));
  REQUIRE(first);
  run(loop, take_one(pair.stream, second));
  REQUIRE(second);
  CHECK(second->text() == "second");
  turn_until(loop, [&] { return pair.stream.is_terminated(); });
  CHECK(second->text() == "second");
}

TEST_CASE(
    "SEC-35 a server's answer is bounded by handshake_timeout, and by the client's patience") {
  for (const bool leaves : {false, true}) {
    CAPTURE(leaves);
    backend::Loop loop;
    auto [ours, theirs] = connected();
    Peer peer(loop, std::move(theirs), new_engine(Role::client));
    bool asked = false;
    auto serve = [](Loop& on, Socket socket, AcceptOptions options, Outcome& into) -> Task<> {
      auto stream = co_await accept(on, std::move(socket), secured(std::move(options)));
      if (!stream) into.error = stream.error();
      into.done = true;
    };
    AcceptOptions options;
    Config config;
    config.handshake_timeout = leaves ? 1h : 50ms;
    options.config = config;
    options.on_request_async = [&](const Request&) -> Task<Answer> {
      asked = true;
      co_await loop.sleep(1h);
      co_return Accept{};
    };
    Outcome outcome;
    loop.spawn(serve(loop, std::move(ours), options, outcome));
    peer.send(upgrade_request());
    turn_until(loop, [&] { return asked; });
    if (leaves) peer.finish();
    turn_until(loop, [&] { return outcome.done; });
    CHECK(outcome.error == (leaves ? Error::handshake_incomplete : Error::handshake_timeout));
    if (!leaves) {
      CHECK(peer.receive_until("\r\n\r\n").find("HTTP/1.1 408 ") == 0);
      peer.finish();
    }
    turn_until(loop, [&] { return loop.stream_count() == 0; });
  }
}

TEST_CASE("SEC-36 empty messages leave the other streams their turn") {
  backend::Loop loop;
  Pair attacker = open_pair(loop), other = open_pair(loop);
  std::size_t taken = 0;
  auto count = [](WebSocketStream& stream, std::size_t& into) -> Task<> {
    while (auto message = co_await stream.next()) ++into;
  };
  std::size_t at_echo = 0;
  loop.spawn(count(attacker.stream, taken));
  loop.spawn(echo_and_note(
      std::move(other.stream), [&] { return taken; }, at_echo));
  settle(loop);
  std::string flood;
  for (int i = 0; i < 20'000; ++i) flood += client_frame(final_binary);
  while (attacker.peer.send_now(flood) > 0) {
  }
  other.peer.send(client_frame(final_text, "echo"));
  const std::string expected = server_frame(final_text, "echo");
  std::string got;
  int turns = 0;
  for (; got.size() < expected.size(); ++turns) {
    loop.run_once(0ms);
    got += other.peer.receive_now();
  }
  CHECK(got == expected);
  CHECK(at_echo <= 1500);
  CHECK(turns <= 5);
  turn_until(loop, [&] { return taken >= 20'000; });
}

TEST_CASE("SEC-36 control frames without end leave the other streams their turn") {
  backend::Loop loop;
  Pair attacker = open_pair(loop), other = open_pair(loop);
  Counters counters;
  attacker.stream.observe(&counters);
  Outcome outcome;
  const TaskHandle task = loop.spawn(read_all(attacker.stream, outcome));
  std::size_t at_echo = 0;
  const auto frames = [&] { return static_cast<std::size_t>(counters.received().frames); };
  loop.spawn(echo_and_note(std::move(other.stream), frames, at_echo));
  settle(loop);
  std::string flood;
  for (int i = 0; i < 20'000; ++i) flood += client_frame(pong_frame);
  while (attacker.peer.send_now(flood) > 0) {
  }
  other.peer.send(client_frame(final_text, "echo"));
  std::string got;
  for (int turns = 0; got.empty(); ++turns) {
    REQUIRE(turns < 6);
    loop.run_once(0ms);
    got += other.peer.receive_now();
  }
  CHECK(got == server_frame(final_text, "echo"));
  CHECK(at_echo <= 3000);
  attacker.peer.close();
  turn_until(loop, [&] { return task.done(); });
}

TEST_CASE("SEC-40 a Close of the peer's with an error is one to who sends, flushes and closes") {
  for (const bool reads : {false, true}) {
    CAPTURE(reads);
    backend::Loop loop;
    Pair pair = open_pair(loop);
    Outcome reading;
    if (reads) loop.spawn(read_all(pair.stream, reading));
    pair.peer.send(client_frame(close_frame, close_body(1009, "too much")));
    settle(loop);
    auto end = [](WebSocketStream& stream, std::error_code& sent, std::error_code& flushed,
                  Outcome& into) -> Task<> {
      sent = co_await stream.send("lost");
      flushed = co_await stream.flush();
      into.error = co_await stream.close();
      into.done = true;
    };
    std::error_code sent, flushed;
    Outcome outcome;
    loop.spawn(end(pair.stream, sent, flushed, outcome));
    settle(loop);
    pair.peer.finish();
    turn_until(loop, [&] { return outcome.done; });
    // Who does not read cannot know before it closes.
    CHECK(sent == (reads ? make_error_code(Error::closed_with_error) : std::error_code()));
    CHECK(flushed == (reads ? make_error_code(Error::closed_with_error) : std::error_code()));
    CHECK(outcome.error == Error::closed_with_error);
    REQUIRE(pair.stream.closed());
    CHECK(pair.stream.closed()->code == CloseCode::message_too_big);
    CHECK(pair.stream.closed()->reason == "too much");
    CHECK(pair.stream.closed()->clean);
  }
}

TEST_CASE("SEC-40 what was queued before the peer's end is written, whatever comes first") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  loop.spawn(echo(std::move(pair.stream)));
  const std::string text(200'000, 'x');
  pair.peer.send(client_frame(final_text, text) + client_frame(final_text, "and"));
  if (over_tls()) {
    pair.peer.finish();
  } else {
    ::shutdown(pair.peer.socket().fd(), SHUT_WR);
  }
  CHECK(pair.peer.receive_all().substr(0, text.size() + 10 + 5) ==
        server_frame(final_text, text) + server_frame(final_text, "and"));
}

}  // namespace
}  // namespace wolframite::test
