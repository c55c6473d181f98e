// Invariant: timers measure what they are named for. A living peer is not given up for being slow
// in a way that the limits allow, a dead one does not escape for what the application is busy with,
// and time ends no view.
#include <doctest/doctest.h>

#include <array>

#include "support.hpp"

namespace wolframite::test {
namespace {

/// No timers but those that a test switches on.
Config quiet() {
  Config config;
  config.handshake_timeout = 0s;
  config.write_timeout = 0s;
  config.close_timeout = 0s;
  return config;
}

/// Consumes up to `size` bytes of the output.
std::string take_some(Connection& connection, std::size_t size) {
  std::array<ConstBytes, 1> part;
  std::string taken;
  while (taken.size() < size && connection.output(part) > 0) {
    const std::size_t some = std::min(size - taken.size(), part[0].size());
    taken += text_of(part[0].first(some));
    connection.consume(some);
  }
  return taken;
}

std::optional<Event> receive(Connection& connection, std::string& bytes) {
  Bytes in(reinterpret_cast<std::byte*>(bytes.data()), bytes.size());
  auto event = connection.receive(in);
  CHECK(in.empty());
  return event;
}

std::error_code end_of(const std::optional<Event>& event) {
  REQUIRE(event);
  REQUIRE(std::holds_alternative<Closed>(*event));
  return std::get<Closed>(*event).why;
}

}  // namespace

TEST_CASE("SEC-35 output of which nothing is written for write_timeout ends the connection") {
  Config config = quiet();
  config.write_timeout = 30s;
  Connection server = open_server(config);
  CHECK(tell(server, at(0s)).empty());
  CHECK_FALSE(server.deadline());
  CHECK(tell(server, at(100s)).empty());
  CHECK_FALSE(server.send(Kind::text, bytes_of(std::string(1000, 'x'))));
  CHECK(server.deadline() == at(130s));
  CHECK(tell(server, at(120s)).empty());
  take_some(server, 1);
  CHECK(server.deadline() == at(150s));
  CHECK_FALSE(server.send(Kind::text, bytes_of("more")));
  feed(server, client_frame(final_text, "the peer talks, and reads nothing"));
  CHECK(server.deadline() == at(150s));
  CHECK(tell(server, at(150s) - Time::duration(1)).empty());
  const Records end = tell(server, at(150s));
  CHECK(end == Records{closed(Error::write_timeout, 1006)});
  CHECK(server.is_terminated());
  CHECK_FALSE(server.deadline());
}

TEST_CASE("SEC-35 whoever takes a byte now and then is not given up for what is written") {
  Config config = quiet();
  config.write_timeout = 30s;
  Connection server = open_server(config);
  CHECK(tell(server, at(0s)).empty());
  CHECK_FALSE(server.send(Kind::text, bytes_of(std::string(1000, 'x'))));
  for (int i = 1; i < 900; ++i) {
    REQUIRE(tell(server, at(29s * i)).empty());
    take_some(server, 1);
  }
}

TEST_CASE("idle is when no byte of a message moves, in or out") {
  Config config = quiet();
  config.idle_timeout = 1s;
  SUBCASE("a message that comes in parts") {
    Connection server = open_server(config);
    CHECK(tell(server, at(0s)).empty());
    feed(server, header(final_binary, 20'000, 0x80) + std::string(4, '\0'));
    for (int i = 1; i < 40; ++i) {
      REQUIRE(tell(server, at(900ms * i)).empty());
      feed(server, std::string(500, 'x'));
    }
    CHECK(tell(server, at(900ms * 39 + 1s)) == Records{closed(Error::idle_timeout, 1001)});
  }
  SUBCASE("a message that is written in parts") {
    Connection server = open_server(config);
    CHECK(tell(server, at(0s)).empty());
    CHECK_FALSE(server.send(Kind::binary, bytes_of(std::string(1'000'000, 'x'))));
    for (int i = 1; i < 40; ++i) {
      REQUIRE(tell(server, at(900ms * i)).empty());
      take_some(server, 25'000);
    }
    CHECK(tell(server, at(900ms * 39 + 1s)) == Records{closed(Error::idle_timeout, 1001)});
  }
  SUBCASE("control frames are not messages") {
    Connection server = open_server(config);
    CHECK(tell(server, at(0s)).empty());
    CHECK(tell(server, at(500ms)).empty());
    feed(server, client_frame(ping_frame, "x"));
    take_output(server);
    CHECK(server.deadline() == at(1s));
  }
}

TEST_CASE("a pong is waited for from when the ping was written") {
  Config config = quiet();
  config.ping_interval = 500ms;
  config.pong_timeout = 1s;
  Connection server = open_server(config);
  CHECK(tell(server, at(0s)).empty());
  CHECK_FALSE(server.send(Kind::binary, bytes_of(std::string(1'000'000, 'x'))));
  int i = 1;
  std::size_t written = 0;
  for (; written < 1'000'010; ++i) {
    REQUIRE(tell(server, at(100ms * i)).empty());
    written += take_some(server, 25'000).size();
    REQUIRE(i < 100);
  }
  CHECK(written == 1'000'010 + 6);  // the ping at its end
  const Time at_end = at(100ms * (i - 1));
  CHECK(server.deadline() == at_end + 1s);
  SUBCASE("and comes") {
    feed(server, client_frame(pong_frame));
    CHECK(server.deadline() == at_end + 500ms);
  }
  SUBCASE("and does not") {
    CHECK(tell(server, at_end + 1s) == Records{closed(Error::pong_timeout, 1011)});
  }
  SUBCASE("or from when a layer below has written it") {
    CHECK(tell(server, at_end + 500ms).empty());
    server.set_output_in_transit(true);
    CHECK_FALSE(server.deadline());
    CHECK(tell(server, at_end + 10s).empty());
    server.set_output_in_transit(false);
    CHECK(server.deadline() == at_end + 11s);
  }
}

TEST_CASE("a message that has begun has message_timeout") {
  Config config = quiet();
  config.message_timeout = 10s;
  Connection server = open_server(config);
  CHECK(tell(server, at(0s)).empty());
  CHECK(tell(server, at(100s)).empty());
  CHECK_FALSE(server.deadline());
  feed(server, client_frame(begin_text, "a"));
  CHECK(server.deadline() == at(110s));
  CHECK(tell(server, at(105s)).empty());
  feed(server, client_frame(more, "b"));
  CHECK(server.deadline() == at(110s));
  feed(server, client_frame(final_continuation, "c"));
  CHECK_FALSE(server.deadline());
  feed(server, client_frame(begin_text, "a"));
  CHECK(tell(server, at(115s)) == Records{closed(Error::message_timeout, 1008)});
}

TEST_CASE("close_timeout counts from when our Close was written") {
  Connection server = open_server();
  CHECK(tell(server, at(0s)).empty());
  CHECK_FALSE(server.send(Kind::binary, bytes_of(std::string(1000, 'x'))));
  CHECK_FALSE(server.close());
  std::size_t written = 0;
  int i = 1;
  for (; server.wants_write(); ++i) {
    REQUIRE(tell(server, at(9s * i)).empty());
    written += take_some(server, 100).size();
  }
  CHECK(written == 1000 + 4 + 4);
  const Time at_end = at(9s * (i - 1));
  CHECK(server.deadline() == at_end + 10s);
  CHECK(tell(server, at_end + 10s) == Records{closed(Error::close_timeout, 1006)});
}

TEST_CASE(
    "a Close of which nothing can be written for close_timeout ends the connection, or before") {
  for (const auto write_timeout : {0s, 5s, 30s}) {
    Config config;
    config.write_timeout = write_timeout;
    Connection server = open_server(config);
    CHECK(tell(server, at(0s)).empty());
    CHECK_FALSE(server.close());
    const bool before = write_timeout == 5s;
    const Time due = before ? at(5s) : at(10s);
    CHECK(server.deadline() == due);
    CHECK(tell(server, due) ==
          Records{closed(before ? Error::write_timeout : Error::close_timeout, 1006)});
  }
}

TEST_CASE("time ends no view, and what fails for it ends none either") {
  Config config = quiet();
  config.idle_timeout = 10s;
  config.ping_interval = 1s;
  for (const bool in_parts : {false, true}) {
    CAPTURE(in_parts);
    Connection server = open_server(config);
    CHECK(tell(server, at(0s)).empty());
    std::string bytes =
        in_parts ? client_frame(begin_text, "looked ") + client_frame(final_continuation, "at")
                 : client_frame(final_text, "looked at");
    const auto event = receive(server, bytes);
    REQUIRE(event);
    const auto& message = std::get<Message>(*event);
    CHECK(tell(server, at(1s)).empty());
    CHECK(server.wants_write());  // the ping
    CHECK(message.text() == "looked at");
    take_output(server);
    CHECK(end_of(server.advance(at(10s))) == Error::idle_timeout);
    CHECK(message.text() == "looked at");
    CHECK_FALSE(server.advance(at(100s)));
    CHECK(message.text() == "looked at");
  }
}

TEST_CASE("a request lives until its answer, also when time has ended the handshake") {
  Connection server = Connection::server();
  CHECK(tell(server, at(0s)).empty());
  std::string bytes = upgrade_request();
  const auto event = receive(server, bytes);
  REQUIRE(event);
  const Request& request = std::get<Requested>(*event).request;
  CHECK(end_of(server.advance(at(30s))) == Error::handshake_timeout);
  feed(server, "more of it, which is discarded");
  while (server.receive_eof()) {
  }
  CHECK(request.target == "/chat");
  CHECK(server.accept() == Error::no_request);
}

TEST_CASE("SEC-35 input that the owner leaves unread keeps the peer from being taken for silent") {
  Config config = quiet();
  config.idle_timeout = 10s;
  config.ping_interval = 2s;
  config.pong_timeout = 1s;
  config.message_timeout = 3s;
  config.write_timeout = 40s;
  constexpr auto some = Connection::Unread::some;
  SUBCASE("whatever it is that would be due") {
    Connection server = open_server(config);
    CHECK(tell(server, at(0s)).empty());
    feed(server, client_frame(begin_text, "a"));
    for (int i = 1; i < 100; ++i) REQUIRE_FALSE(server.advance(at(1s * i), some));
    CHECK_FALSE(server.wants_write());
    // From when it was read.
    CHECK(tell(server, at(99s + 2s)).empty());
    CHECK(server.wants_write());
  }
  SUBCASE("a pong may be among it") {
    Connection server = open_server(config);
    CHECK(tell(server, at(0s)).empty());
    CHECK(tell(server, at(2s)).empty());
    CHECK(take_output(server).size() == 6);
    REQUIRE_FALSE(server.advance(at(3s), some));
    CHECK(tell(server, at(4s)) == Records{closed(Error::pong_timeout, 1011)});
  }
  SUBCASE("but not from being found to read nothing") {
    Connection server = open_server(config);
    CHECK(tell(server, at(0s)).empty());
    CHECK_FALSE(server.send(Kind::text, bytes_of("x")));
    for (int i = 1; i < 10; ++i) REQUIRE_FALSE(server.advance(at(1s * i), some));
    CHECK(end_of(server.advance(at(10s), some)) == Error::idle_timeout);
  }
}

TEST_CASE(
    "what was shown stays until it is consumed or released, though the connection has ended") {
  CountingResource memory;
  Config config = quiet();
  config.write_timeout = 1s;
  Connection server = Connection::from_raw(Role::server, nullptr, config, &memory);
  CHECK(tell(server, at(0s)).empty());
  CHECK_FALSE(server.send(Kind::binary, bytes_of(std::string(100'000, 'x'))));
  std::array<ConstBytes, 1> shown;
  REQUIRE(server.output(shown) == 1);
  CHECK_FALSE(server.holds_dropped_output());
  CHECK(tell(server, at(1s)).size() == 1);
  CHECK(server.is_terminated());
  CHECK_FALSE(server.wants_write());
  std::array<ConstBytes, 1> nothing;
  CHECK(server.output(nothing) == 0);
  REQUIRE(server.holds_dropped_output());
  CHECK(text_of(shown[0]).substr(10) == std::string(shown[0].size() - 10, 'x'));
  server.release_output();
  CHECK_FALSE(server.holds_dropped_output());
  CHECK(memory.in_use == 0);
}

}  // namespace wolframite::test
