// Invariant: each timer fires at its instant and not a tick before, and a call too many changes
// nothing.
#include <doctest/doctest.h>

#include "support.hpp"

namespace wolframite::test {
namespace {

constexpr auto tick = Time::duration(1);

/// No timers but those that a test switches on.
Config quiet() {
  Config config;
  config.handshake_timeout = 0s;
  config.write_timeout = 0s;
  config.close_timeout = 0s;
  return config;
}

/// Tells the instant before the deadline, which must do nothing, and then the deadline.
Records tell_deadline(Connection& connection, Time expected) {
  REQUIRE(connection.deadline() == expected);
  CHECK(tell(connection, expected - tick).empty());
  CHECK(connection.deadline() == expected);
  return tell(connection, expected);
}

}  // namespace

TEST_CASE("without timers there is no deadline") {
  Connection server = open_server();
  CHECK_FALSE(server.deadline().has_value());
  CHECK(tell(server, at(0s)).empty());
  CHECK(tell(server, at(100h)).empty());
  CHECK_FALSE(server.deadline().has_value());
  CHECK_FALSE(Connection::server(quiet()).deadline().has_value());
}

TEST_CASE("a timer that was never told the time asks for it at once") {
  Connection server = Connection::server();
  CHECK(server.deadline() <= Time{});
  CHECK(tell(server, at(0s)).empty());
  CHECK(server.deadline() == at(30s));
}

TEST_CASE("the server's handshake ends in time with a complete answer") {
  Connection server = Connection::server();
  CHECK(tell(server, at(0s)).empty());
  CHECK(feed(server, "GET / HT").empty());
  CHECK(tell(server, at(10s)).empty());
  CHECK(tell_deadline(server, at(30s)) == Records{failed(Error::handshake_timeout)});
  const std::string answer = take_output(server);
  CHECK(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(server.wants_shutdown());
  CHECK(server.deadline() == at(40s));
  CHECK(tell(server, at(40s)).empty());
  CHECK(server.is_terminated());
}

TEST_CASE("the handshake's time includes the wait for the owner's answer") {
  Connection server = Connection::server();
  CHECK(tell(server, at(0s)).empty());
  CHECK(feed(server, upgrade_request()) == Records{requested("/chat")});
  CHECK(tell_deadline(server, at(30s)) == Records{failed(Error::handshake_timeout)});
  CHECK(server.accept() == Error::no_request);
}

TEST_CASE("a refusal whose body does not end in time is told with what has come") {
  for (const std::string_view framing :
       {"", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"}) {
    TestEntropy entropy;
    Connection client = Connection::client("ws://example.org/", entropy);
    CHECK(tell(client, at(0s)).empty());
    const bool chunked = framing.starts_with("T");
    CHECK(feed(client, std::string("HTTP/1.1 404 No\r\n").append(framing) +
                           (chunked ? "\r\n5\r\nab" : "\r\nab"))
              .empty());
    CHECK(tell_deadline(client, at(30s)) ==
          Records{refused(404, "ab"), closed(Error::refused, 1006)});
    CHECK_FALSE(client.wants_write());
    CHECK(client.is_terminated());
    CHECK_FALSE(client.deadline().has_value());
  }
}

TEST_CASE("the client's handshake ends in time") {
  for (const std::string_view answer : {"", "HTTP/1.1 1", "HTTP/1.1 404 No\r\nContent-Length"}) {
    TestEntropy entropy;
    Connection client = Connection::client("ws://example.org/", entropy);
    CHECK(tell(client, at(0s)).empty());
    CHECK(feed(client, answer).empty());
    CHECK(tell_deadline(client, at(30s)) == Records{failed(Error::handshake_timeout)});
    CHECK_FALSE(client.wants_write());
    CHECK(client.is_terminated());
    CHECK_FALSE(client.deadline().has_value());
  }
}

TEST_CASE("once open, the handshake's timer is gone") {
  Connection server = Connection::server();
  CHECK(tell(server, at(0s)).empty());
  feed(server, upgrade_request());
  CHECK_FALSE(server.accept());
  CHECK(tell(server, at(1s)) == Records{opened()});
  take_output(server);
  CHECK_FALSE(server.deadline().has_value());
  CHECK(tell(server, at(100h)).empty());
}

TEST_CASE("an idle connection is closed with 1001; messages either way keep it, pings do not") {
  Config config = quiet();
  config.idle_timeout = 60s;
  Connection server = open_server(config);
  CHECK(tell(server, at(0s)).empty());
  CHECK(server.deadline() == at(60s));
  CHECK(tell(server, at(30s)).empty());
  feed(server, client_frame(ping_frame) + client_frame(pong_frame));
  CHECK(server.deadline() == at(60s));
  take_output(server);
  CHECK(server.deadline() == at(60s));
  feed(server, client_frame(begin_text, "unfinished"));
  CHECK(server.deadline() == at(90s));
  feed(server, client_frame(final_continuation));
  CHECK(server.deadline() == at(90s));
  CHECK(tell(server, at(70s)).empty());
  CHECK_FALSE(server.send(Kind::text, bytes_of("x")));
  CHECK(server.deadline() == at(130s));
  CHECK(tell(server, at(80s)).empty());
  CHECK_FALSE(server.send(Kind::text, SharedBytes(std::string(4000, 'x'))));
  take_output(server);
  CHECK(tell_deadline(server, at(140s)) == Records{closed(Error::idle_timeout, 1001)});
  CHECK(
      take_output(server) ==
      server_frame(close_frame, close_body(CloseCode::going_away, describe(Error::idle_timeout))));
}

TEST_CASE("a ping goes out when nothing was heard, once, and any octet answers it") {
  Config config = quiet();
  config.ping_interval = 20s;
  config.pong_timeout = 5s;
  Connection server = open_server(config);
  CHECK(tell(server, at(0s)).empty());
  CHECK(tell_deadline(server, at(20s)).empty());
  const std::string first = take_output(server);
  CHECK(first.substr(0, 2) == "\x89\x04");
  CHECK(server.deadline() == at(25s));
  CHECK(tell(server, at(22s)).empty());
  CHECK_FALSE(server.wants_write());
  feed(server, client_frame(pong_frame, first.substr(2)));
  CHECK(server.deadline() == at(42s));
  CHECK(tell(server, at(41s)).empty());
  feed(server, client_frame(final_text, "x").substr(0, 1));
  CHECK(server.deadline() == at(61s));
  CHECK(tell(server, at(61s)).empty());
  const std::string second = take_output(server);
  CHECK(second.size() == 6);
  CHECK(second != first);
  CHECK(tell_deadline(server, at(66s)) == Records{closed(Error::pong_timeout, 1011)});
}

TEST_CASE("a client's keepalive ping is masked, and one without entropy sends none") {
  Config config = quiet();
  config.ping_interval = 1s;
  TestEntropy entropy;
  Connection client = open_client(entropy, config);
  CHECK(tell(client, at(0s)).empty());
  CHECK(tell(client, at(1s)).empty());
  CHECK(take_output(client).substr(0, 2) == "\x89\x84");
  Connection dumb = Connection::from_raw(Role::client, nullptr, config);
  CHECK(tell(dumb, at(0s)).empty());
  CHECK(tell(dumb, at(1s)).empty());
  CHECK_FALSE(dumb.wants_write());
}

TEST_CASE("without a pong timeout, one ping is outstanding for as long as it takes") {
  Config config = quiet();
  config.ping_interval = 1s;
  config.pong_timeout = 0s;
  Connection server = open_server(config);
  CHECK(tell(server, at(0s)).empty());
  CHECK(tell(server, at(1s)).empty());
  CHECK(take_output(server).size() == 6);
  CHECK_FALSE(server.deadline().has_value());
  CHECK(tell(server, at(100h)).empty());
  CHECK_FALSE(server.wants_write());
}

TEST_CASE("keepalive pings do not pile up behind a writer that is blocked") {
  Config config = quiet();
  config.ping_interval = 1s;
  Connection server = open_server(config);
  for (int i = 0; i < 1000; ++i) {
    CHECK(tell(server, at(2s * i)).empty());
    feed(server, client_frame(pong_frame));
  }
  CHECK(server.pending_output() == 6);
}

TEST_CASE("the peer has close_timeout to answer a Close") {
  Connection server = open_server();
  CHECK(tell(server, at(0s)).empty());
  CHECK_FALSE(server.close());
  take_output(server);
  CHECK(tell_deadline(server, at(10s)) == Records{closed(Error::close_timeout, 1006)});
  CHECK(server.is_terminated());
  CHECK_FALSE(server.wants_read());
  CHECK_FALSE(server.deadline().has_value());
  CHECK(feed_eof(server).empty());
}

TEST_CASE("close_timeout bounds the whole close, whatever the peer does meanwhile") {
  SUBCASE("data, pings") {
    Connection server = open_server();
    CHECK(tell(server, at(0s)).empty());
    CHECK_FALSE(server.close());
    take_output(server);
    for (int i = 1; i < 10; ++i) {
      CHECK(tell(server, at(1s * i)).empty());
      feed(server, client_frame(final_text, "still here") + client_frame(ping_frame));
    }
    CHECK(tell(server, at(10s)) == Records{closed(Error::close_timeout, 1006)});
  }
  SUBCASE("a Close at the last moment") {
    Connection server = open_server();
    CHECK(tell(server, at(0s)).empty());
    CHECK_FALSE(server.close());
    take_output(server);
    CHECK(tell(server, at(9s)).empty());
    CHECK(feed(server, client_frame(close_frame, close_body(1000))) == Records{closing(1000)});
    CHECK(tell_deadline(server, at(10s)) == Records{closed(1000)});
  }
  SUBCASE("a violation at the last moment") {
    Connection server = open_server();
    CHECK(tell(server, at(0s)).empty());
    CHECK_FALSE(server.close());
    take_output(server);
    CHECK(tell(server, at(9s)).empty());
    CHECK(feed(server, "\xFF") == Records{failed(Error::reserved_bits_set)});
    CHECK(tell_deadline(server, at(10s)).empty());
    CHECK(server.is_terminated());
  }
}

TEST_CASE("a peer that does not end the stream is left after close_timeout") {
  TestEntropy entropy;
  Connection client = open_client(entropy);
  CHECK(tell(client, at(0s)).empty());
  CHECK(tell(client, at(5s)).empty());
  feed(client, server_frame(close_frame, close_body(1000)));
  take_output(client);
  CHECK(tell_deadline(client, at(15s)) == Records{closed(1000)});
  CHECK(client.is_terminated());
}

TEST_CASE("what cannot be written after the stream's end is dropped after close_timeout") {
  Connection server = open_server();
  CHECK(tell(server, at(0s)).empty());
  feed(server, client_frame(close_frame));
  CHECK(feed_eof(server) == Records{closed(1005)});
  CHECK(server.wants_write());
  CHECK(tell_deadline(server, at(10s)).empty());
  CHECK_FALSE(server.wants_write());
  CHECK(server.is_terminated());
}

TEST_CASE("time that stands still or runs back does nothing") {
  Config config = quiet();
  config.ping_interval = 20s;
  Connection server = open_server(config);
  CHECK(tell(server, at(10s)).empty());
  CHECK(tell(server, at(10s)).empty());
  CHECK(tell(server, at(0s)).empty());
  CHECK(tell(server, Time::min()).empty());
  CHECK(server.deadline() == at(30s));
}

TEST_CASE("the first deadline has passed, and the present can be subtracted from it") {
  constexpr auto century = 24h * 36525;
  Connection server = Connection::server();
  REQUIRE(server.deadline() == at_once);
  CHECK(*server.deadline() - Time(century) < Time::duration::zero());
  CHECK(tell(server, at(0s)).empty());
  CHECK(server.deadline() == at(30s));
}

TEST_CASE("timeouts too long for the clock never fire") {
  const auto forever = std::chrono::milliseconds::max();
  Config config;
  config.handshake_timeout = forever;
  config.idle_timeout = forever;
  config.ping_interval = forever;
  config.pong_timeout = forever;
  config.write_timeout = forever;
  config.message_timeout = forever;
  config.close_timeout = forever;
  Connection handshaking = Connection::server(config);
  CHECK(tell(handshaking, at(0s)).empty());
  CHECK_FALSE(handshaking.deadline().has_value());
  Connection server = open_server(config);
  CHECK(tell(server, at(0s)).empty());
  CHECK_FALSE(server.deadline().has_value());
  CHECK_FALSE(server.close());
  CHECK(tell(server, Time::max() - 1h).empty());
  CHECK_FALSE(server.deadline().has_value());
}

TEST_CASE("a clock may begin before its epoch") {
  Config config = quiet();
  config.idle_timeout = 60s;
  Connection server = open_server(config);
  const Time start = Time::min() + 1h;
  CHECK(tell(server, start).empty());
  CHECK(tell_deadline(server, start + 60s).size() == 1);
}

}  // namespace wolframite::test
