// However a connection ends, its stream says so once with the right reason, writers and readers are
// let go, and nothing is sent on a broken pipe or lost to a reset that our own side caused.
#include <sys/socket.h>

#include <optional>
#include <span>

#include "rig.hpp"

namespace wolframite::test {
namespace {

Task<> close_stream(WebSocketStream& stream, Outcome& outcome, CloseCode code = CloseCode::normal) {
  outcome.error = co_await stream.close(code, "bye");
  outcome.done = true;
}

TEST_CASE("our close: Close, the peer's answer, and the end, server first") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome outcome;
  loop.spawn(close_stream(pair.stream, outcome));
  CHECK(pair.peer.receive(7) == server_frame(close_frame, close_body(1000, "bye")));
  settle(loop);
  CHECK_FALSE(outcome.done);
  pair.peer.send(client_frame(final_text, "late") +
                 client_frame(close_frame, close_body(1000, "bye")));
  CHECK(pair.peer.receive_all().empty());
  if (over_tls()) {  // our close_notify is still to come
    CHECK_FALSE(outcome.done);
    pair.peer.finish();
  }
  turn_until(loop, [&] { return outcome.done; });
  CHECK_FALSE(outcome.error);
  REQUIRE(pair.stream.closed() != nullptr);
  CHECK(pair.stream.closed()->clean);
  CHECK(pair.stream.closed()->code == CloseCode::normal);
  turn_until(loop, [&] { return !pair.stream.next_layer().is_open(); });
}

TEST_CASE("a server does not wait for the end of a peer that has answered its Close") {
  if (over_tls()) return;
  for (const bool abandoned : {false, true}) {
    backend::Loop loop;
    Pair pair = open_pair(loop, Role::server, Transport::tcp, Config{.close_timeout = 24h});
    Outcome outcome;
    loop.spawn(close_stream(pair.stream, outcome));
    CHECK(pair.peer.receive(7) == server_frame(close_frame, close_body(1000, "bye")));
    if (abandoned) {
      WebSocketStream(std::move(pair.stream));
      turn_until(loop, [&] { return outcome.done; });
    }
    pair.peer.send(client_frame(close_frame, close_body(1000, "bye")));
    CHECK(pair.peer.receive_all().empty());
    CHECK(pair.peer.error() == 0);
    turn_until(loop, [&] {
      const bool over = abandoned ? loop.stream_count() == 0 : !pair.stream.next_layer().is_open();
      return over && outcome.done;
    });
    if (!abandoned) CHECK(pair.stream.closed()->clean);
  }
}

TEST_CASE("our Close is not lost to a reset where the peer has more to say after its own") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  const std::string body = close_body(1000, "enough");
  // More than is read at once.
  pair.peer.send(client_frame(close_frame, body) + std::string(1'000'000, 'x'));
  CHECK(pair.peer.receive_all() == server_frame(close_frame, body));
  CHECK(pair.peer.error() == 0);
  pair.peer.finish();
  turn_until(loop, [&] { return outcome.done; });
  CHECK(outcome.clean);
}

TEST_CASE("the peer's close is answered, and told by next") {
  for (const Role role : {Role::server, Role::client}) {
    backend::Loop loop;
    Pair pair = open_pair(loop, role);
    Outcome outcome;
    loop.spawn(read_all(pair.stream, outcome));
    const std::string body = close_body(4001, "why not");
    pair.peer.send(role == Role::server
                       ? client_frame(final_text, "last") + client_frame(close_frame, body)
                       : server_frame(final_text, "last") + server_frame(close_frame, body));
    if (role == Role::client) pair.peer.finish();
    const std::string answer = pair.peer.receive_all();
    CHECK(answer.size() == body.size() + (role == Role::server ? 2 : 6));
    pair.peer.finish();
    turn_until(loop, [&] { return outcome.done; });
    CHECK(outcome.messages == std::vector{"last"s});
    CHECK(outcome.clean);
    CHECK(outcome.code == static_cast<CloseCode>(4001));
    CHECK(pair.stream.closed()->reason == "why not");
    CHECK(outcome.why == Error::closed_with_error);
    CHECK(pair.stream.is_terminated());
  }
}

TEST_CASE("both sides close at once") {
  backend::Loop loop;
  auto [server, client] = open_streams(loop);
  Outcome a, b;
  loop.spawn(close_stream(server, a));
  loop.spawn(close_stream(client, b));
  turn_until(loop, [&] { return a.done && b.done; });
  CHECK_FALSE(a.error);
  CHECK_FALSE(b.error);
  CHECK(server.closed()->clean);
  CHECK(client.closed()->clean);
}

TEST_CASE("close may be called again and after the end, and send after close is misuse") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome first, second;
  loop.spawn(close_stream(pair.stream, first));
  loop.spawn(close_stream(pair.stream, second));
  settle(loop);
  auto send = [](WebSocketStream& stream) -> Task<> {
    CHECK(co_await stream.send("x") == ErrorClass::misuse);
  };
  run(loop, send(pair.stream));
  CHECK(pair.stream.feed(Kind::text, bytes_of("x")) == Error::send_after_close);
  pair.peer.send(client_frame(close_frame, close_body(1000)));
  pair.peer.finish();
  turn_until(loop, [&] { return first.done && second.done; });
  CHECK_FALSE(first.error);
  CHECK_FALSE(second.error);
  Outcome third;
  run(loop, close_stream(pair.stream, third));
  CHECK(third.done);
  CHECK_FALSE(third.error);
  run(loop, send(pair.stream));
}

TEST_CASE("close reads what comes until the peer's Close, and drops it") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome outcome;
  loop.spawn(close_stream(pair.stream, outcome));
  const std::string message = client_frame(final_binary, std::string(60'000, 'x'));
  for (int i = 0; i < 100; ++i) pair.peer.send(message);
  pair.peer.send(client_frame(close_frame, close_body(1000)));
  pair.peer.finish();
  turn_until(loop, [&] { return outcome.done; });
  CHECK_FALSE(outcome.error);
  CHECK(pair.stream.closed()->clean);
}

TEST_CASE("next gives the messages that come while close waits") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome reader, closer;
  loop.spawn(read_all(pair.stream, reader));
  loop.spawn(close_stream(pair.stream, closer));
  pair.peer.send(client_frame(final_text, "late") + client_frame(close_frame, close_body(1000)));
  pair.peer.finish();
  turn_until(loop, [&] { return reader.done && closer.done; });
  CHECK(reader.messages == std::vector{"late"s});
  CHECK(reader.clean);
  CHECK_FALSE(closer.error);
}

TEST_CASE("closing goes on while somebody looks at a message that came meanwhile") {
  backend::Loop loop;
  // Nobody waits for it.
  Pair pair = open_pair(loop, Role::server, Transport::tcp, Config{.close_timeout = 1h});
  Received seen;
  auto read_one = [](WebSocketStream& stream, Received& message) -> Task<> {
    message = co_await stream.next();
  };
  loop.spawn(read_one(pair.stream, seen));
  settle(loop);
  Outcome outcome;
  loop.spawn(close_stream(pair.stream, outcome));
  settle(loop);
  const std::string text(1000, 'x');
  pair.peer.send(client_frame(final_text, text) + client_frame(final_text, "discarded"));
  settle(loop);
  pair.peer.send(client_frame(final_text, "discarded") +
                 client_frame(close_frame, close_body(1000, "bye")));
  CHECK(pair.peer.receive_all() == server_frame(close_frame, close_body(1000, "bye")));
  pair.peer.finish();
  turn_until(loop, [&] { return outcome.done; });
  CHECK_FALSE(outcome.error);
  REQUIRE(seen);
  CHECK(seen->text() == text);
  run(loop, read_one(pair.stream, seen));
  CHECK_FALSE(seen);
  CHECK(pair.stream.closed()->clean);
}

TEST_CASE("SEC-27 the stream ends without a Close: idle, inside a header, inside a payload") {
  const std::string frame = client_frame(final_text, "hello");
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{4}, frame.size() - 1}) {
    for (const Transport transport : {Transport::tcp, Transport::local}) {
      CAPTURE(cut);
      backend::Loop loop;
      Pair pair = open_pair(loop, Role::server, transport);
      Outcome outcome;
      loop.spawn(read_all(pair.stream, outcome));
      pair.peer.send(client_frame(final_text, "whole") + frame.substr(0, cut));
      pair.peer.finish();
      turn_until(loop, [&] { return outcome.done; });
      CHECK(outcome.messages == std::vector{"whole"s});
      CHECK(outcome.why == Error::connection_reset);
      CHECK(outcome.code == CloseCode::abnormal);
      CHECK_FALSE(outcome.clean);
      // The end stays the end.
      Outcome again;
      run(loop, read_all(pair.stream, again));
      CHECK(again.ended);
      CHECK(again.messages.empty());
    }
  }
}

TEST_CASE("SEC-27 a reset while next waits") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  settle(loop);
  pair.peer.reset();
  turn_until(loop, [&] { return outcome.done; });
  CHECK(outcome.why == std::errc::connection_reset);
  CHECK_FALSE(outcome.clean);
}

TEST_CASE("SEC-27 a reset while nobody reads is told to the next reader and to writers") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  settle(loop);
  pair.peer.reset();
  settle(loop);
  std::error_code error;
  auto write = [](WebSocketStream& stream, std::error_code& into) -> Task<> {
    while (!into) {
      into = co_await stream.send("x");
      if (!into) into = co_await stream.flush();
    }
  };
  run(loop, write(pair.stream, error));
  CHECK((error == std::errc::connection_reset || error == std::errc::broken_pipe));
  Outcome outcome;
  run(loop, read_all(pair.stream, outcome));
  CHECK(outcome.ended);
  CHECK(outcome.why);
  CHECK_FALSE(outcome.clean);
}

TEST_CASE("SEC-27 a reset lets go of senders, flush and close that wait") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  std::vector<Outcome> outcomes(4);
  const std::string big(4U << 20U, 'x');
  auto send = [](WebSocketStream& stream, const std::string& text, Outcome& outcome) -> Task<> {
    while (!outcome.error) outcome.error = co_await stream.send(text);
    outcome.done = true;
  };
  auto flush = [](WebSocketStream& stream, Outcome& outcome) -> Task<> {
    outcome.error = co_await stream.flush();
    outcome.done = true;
  };
  loop.spawn(send(pair.stream, big, outcomes[0]));
  loop.spawn(send(pair.stream, big, outcomes[1]));
  loop.spawn(flush(pair.stream, outcomes[2]));
  settle(loop);
  loop.spawn(close_stream(pair.stream, outcomes[3]));
  settle(loop);
  for (const Outcome& outcome : outcomes) CHECK_FALSE(outcome.done);
  pair.peer.reset();
  for (const Outcome& outcome : outcomes) turn_until(loop, [&] { return outcome.done; });
  for (const Outcome& outcome : outcomes) CHECK(outcome.error);
  CHECK_FALSE(pair.stream.closed()->clean);
}

TEST_CASE("SEC-27 a reset in the middle of closing") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome outcome;
  loop.spawn(close_stream(pair.stream, outcome));
  CHECK(pair.peer.receive(7).size() == 7);
  pair.peer.reset();
  turn_until(loop, [&] { return outcome.done; });
  CHECK(outcome.error == std::errc::connection_reset);
}

TEST_CASE("SEC-27 a half-closed peer still gets what is sent before its Close is missed") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  auto work = [](WebSocketStream& stream, Outcome& outcome) -> Task<> {
    auto message = co_await stream.next();
    REQUIRE(message);
    outcome.error = co_await stream.send(std::string(500'000, 'y'));
    if (!outcome.error) outcome.error = co_await stream.flush();
    outcome.done = true;
  };
  Outcome outcome;
  loop.spawn(work(pair.stream, outcome));
  pair.peer.send(client_frame(final_text, "one"));
  pair.peer.finish();
  CHECK(pair.peer.receive(500'000).size() >= 500'000);
  turn_until(loop, [&] { return outcome.done; });
  CHECK_FALSE(outcome.error);
}

TEST_CASE("SEC-27 a peer that reads no more, and sends on: who waits to send is told") {
  backend::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::local);
  CHECK_FALSE(pair.stream.feed(Kind::binary, SharedBytes(std::string(4U << 20U, 'x'))));
  std::vector<Outcome> outcomes(3);
  auto send = [](WebSocketStream& stream, Outcome& outcome) -> Task<> {
    outcome.error = co_await stream.send("waits");
    outcome.done = true;
  };
  auto flush = [](WebSocketStream& stream, Outcome& outcome) -> Task<> {
    outcome.error = co_await stream.flush();
    outcome.done = true;
  };
  loop.spawn(send(pair.stream, outcomes[0]));
  loop.spawn(flush(pair.stream, outcomes[1]));
  settle(loop);
  for (const Outcome& outcome : outcomes) CHECK_FALSE(outcome.done);
  CHECK(::shutdown(pair.peer.socket().fd(), SHUT_RD) == 0);
  static_cast<void>(pair.peer.receive_now());  // which makes room, and so the next write be tried
  turn_until(loop, [&] { return outcomes[0].done && outcomes[1].done; });
  for (const Outcome& outcome : std::span(outcomes).first(2)) {
    CHECK(outcome.error == std::errc::broken_pipe);
  }
  CHECK_FALSE(pair.stream.is_terminated());
  loop.spawn(read_all(pair.stream, outcomes[2]));
  pair.peer.send(client_frame(final_text, "on"));
  turn_until(loop, [&] { return !outcomes[2].messages.empty(); });
  CHECK(outcomes[2].messages.front() == "on");
}

TEST_CASE("SEC-27 a reset behind the peer's Close and end: who sends after that gets an error") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  // More than the kernel takes, so that our Close waits behind it.
  CHECK_FALSE(pair.stream.feed(Kind::binary, SharedBytes(std::string(12U << 20U, 'x'))));
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  settle(loop);
  pair.peer.send(client_frame(close_frame, close_body(1000, "")));
  pair.peer.finish();
  turn_until(loop, [&] { return outcome.done; });
  CHECK(pair.stream.pending_output() > 0);
  pair.peer.reset();
  turn_until(loop, [&] { return pair.stream.pending_output() == 0; });
  std::vector<std::error_code> errors;
  auto write = [](WebSocketStream& stream, std::vector<std::error_code>& into) -> Task<> {
    into.push_back(co_await stream.send("x"));
    into.push_back(co_await stream.ready());
    into.push_back(stream.feed(Kind::text, bytes_of("x")));
    into.push_back(stream.ping());
  };
  run(loop, write(pair.stream, errors));
  for (const std::error_code& error : errors) CHECK(error);
}

TEST_CASE("SEC-27 no SIGPIPE: writing to a peer that is gone is an error code") {
  // The default action of SIGPIPE would end this program.
  backend::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::local);
  pair.peer.close();
  std::error_code error;
  auto write = [](WebSocketStream& stream, std::error_code& into) -> Task<> {
    into = co_await stream.send("x");
    if (!into) into = co_await stream.flush();
  };
  run(loop, write(pair.stream, error));
  CHECK(error == std::errc::broken_pipe);
}

TEST_CASE("after a violation the Close reaches a peer that goes on sending") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  pair.peer.send("\xFF\xFF" + std::string(1000, 'x'));
  turn_until(loop, [&] { return outcome.done; });
  CHECK(outcome.why == ErrorClass::protocol);
  CHECK(outcome.code == CloseCode::protocol_error);
  // The handle goes; the stream lingers until the peer has had its say.
  { const WebSocketStream gone = std::move(pair.stream); }
  settle(loop);
  for (int i = 0; i < 20; ++i) pair.peer.send(std::string(50'000, 'x'));
  const std::string got = pair.peer.receive_all();
  CHECK(got.substr(0, 1) == octet(close_frame));
  CHECK(pair.peer.error() == 0);
  CHECK(loop.stream_count() == 1);
  pair.peer.finish();
  turn_until(loop, [&] { return loop.stream_count() == 0; });
}

TEST_CASE("several streams finish their closing handshakes without their handles") {
  backend::Loop loop;
  std::vector<Pair> pairs;
  for (int i = 0; i < 4; ++i) pairs.push_back(open_pair(loop));
  for (Pair& pair : pairs) {
    Outcome outcome;
    TaskHandle closing = loop.spawn(close_stream(pair.stream, outcome));
    settle(loop);
    closing.cancel();
    const WebSocketStream gone = std::move(pair.stream);
  }
  settle(loop);
  CHECK(loop.stream_count() == 4);
  // Out of order, so that each place in the loop's list is left by another.
  for (const std::size_t i : {std::size_t{1}, std::size_t{3}, std::size_t{0}, std::size_t{2}}) {
    Peer& peer = pairs[i].peer;
    peer.send(client_frame(close_frame, close_body(1000)));
    CHECK(peer.receive_all() == server_frame(close_frame, close_body(1000, "bye")));
    CHECK(peer.error() == 0);
    peer.finish();
  }
  turn_until(loop, [&] { return loop.stream_count() == 0; });
  loop.run();
}

TEST_CASE("a handle that is dropped writes once what is queued, and closes the socket") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  CHECK_FALSE(pair.stream.feed(Kind::text, bytes_of("hello")));
  { const WebSocketStream gone = std::move(pair.stream); }
  CHECK(pair.peer.receive_all() == server_frame(final_text, "hello"));
  turn_until(loop, [&] { return loop.stream_count() == 0; });
}

TEST_CASE("SEC-26 a stream is destroyed inside its own handler") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  auto own = [](WebSocketStream stream, bool& done) -> Task<> {
    auto message = co_await stream.next();
    REQUIRE(message);
    { const WebSocketStream gone = std::move(stream); }
    done = true;
  };
  bool done = false;
  loop.spawn(own(std::move(pair.stream), done));
  pair.peer.send(client_frame(final_text, "a") + client_frame(final_text, "b"));
  turn_until(loop, [&] { return done; });
  pair.peer.receive_all();
  turn_until(loop, [&] { return loop.stream_count() == 0; });
}

TEST_CASE("SEC-26 a stream is destroyed while others wait on it") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  const std::string big(8U << 20U, 'x');
  auto stream = std::make_unique<WebSocketStream>(std::move(pair.stream));
  Outcome reader, first, second;
  auto read = [](WebSocketStream& from, Outcome& outcome) -> Task<> {
    outcome.ended = !(co_await from.next()).has_value();
    outcome.done = true;
  };
  auto send = [](WebSocketStream& to, const std::string& text, Outcome& outcome) -> Task<> {
    outcome.error = co_await to.send(text);
    outcome.done = true;
  };
  loop.spawn(read(*stream, reader));
  loop.spawn(send(*stream, big, first));
  loop.spawn(send(*stream, big, second));
  settle(loop);
  CHECK(first.done);
  CHECK_FALSE(second.done);
  stream.reset();
  CHECK_FALSE(reader.done);  // later, from the loop
  turn_until(loop, [&] { return reader.done && second.done; });
  CHECK(reader.ended);
  CHECK(second.error == std::errc::operation_canceled);
  turn_until(loop, [&] { return loop.stream_count() == 0; });
}

TEST_CASE("SEC-26 a loop is destroyed with streams in every state") {
  auto [a, b] = connected();
  auto [c, d] = connected();
  auto [e, f] = connected();
  {
    backend::Loop loop;
    auto idle = WebSocketStream::from_raw_socket(loop, std::move(a), Role::server, {},
                                                 joined_engines(loop, Role::server).first);
    REQUIRE(idle);
    auto accepting = [](Loop& on, Socket socket) -> Task<> {
      static_cast<void>(co_await accept(on, std::move(socket), secured()));
    };
    auto full = [](WebSocketStream stream) -> Task<> {
      const std::string big(8U << 20U, 'x');
      for (;;) static_cast<void>(co_await stream.send(big));
    };
    loop.spawn(echo(std::move(*idle)));
    loop.spawn(accepting(loop, std::move(c)));
    auto stream = WebSocketStream::from_raw_socket(loop, std::move(e), Role::server, {},
                                                   joined_engines(loop, Role::server).first);
    REQUIRE(stream);
    loop.spawn(full(std::move(*stream)));
    settle(loop);
  }
  char octet = 0;
  CHECK(::recv(b.fd(), &octet, 1, 0) == 0);
  CHECK(::recv(d.fd(), &octet, 1, 0) == 0);
}

}  // namespace
}  // namespace wolframite::test
