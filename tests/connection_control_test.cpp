// Invariant: each ping is answered in order with its own payload, or by the newest alone when many
// wait.
#include <doctest/doctest.h>

#include "support.hpp"

namespace wolframite::test {

TEST_CASE("a ping is answered with its payload, between the fragments of a message too") {
  Connection server = open_server();
  CHECK(feed(server, client_frame(begin_text, "a") + client_frame(ping_frame, "one")) ==
        Records{pinged("one")});
  CHECK(take_output(server) == server_frame(pong_frame, "one"));
  CHECK(feed(server, client_frame(ping_frame, std::string(125, 'x'))).size() == 1);
  CHECK(take_output(server) == server_frame(pong_frame, std::string(125, 'x')));
  CHECK(feed(server, client_frame(final_continuation, "b")) == Records{text("ab")});
}

TEST_CASE("a client's pong is masked") {
  TestEntropy entropy(7);
  Connection client = open_client(entropy);
  CHECK(feed(client, server_frame(ping_frame, "one")) == Records{pinged("one")});
  std::string key(4, '\0');
  TestEntropy(7).fill(writable(key));
  CHECK(take_output(client) == client_frame(pong_frame, "one", key));
}

TEST_CASE("ten quick pings get ten pongs") {
  Connection server = open_server();
  std::string pings;
  std::string pongs;
  for (int i = 0; i < 10; ++i) {
    pings += client_frame(ping_frame, std::to_string(i));
    pongs += server_frame(pong_frame, std::to_string(i));
  }
  CHECK(feed(server, pings).size() == 10);
  CHECK(take_output(server) == pongs);
}

TEST_CASE("with automatic_pong off the application answers") {
  Config config;
  config.automatic_pong = false;
  Connection server = open_server(config);
  CHECK(feed(server, client_frame(ping_frame, "p")) == Records{pinged("p")});
  CHECK(server.pending_output() == 0);
  CHECK_FALSE(server.pong(bytes_of("p")));
  CHECK(take_output(server) == server_frame(pong_frame, "p"));
}

TEST_CASE("no pong follows a Close") {
  Connection server = open_server();
  CHECK_FALSE(server.close());
  CHECK(feed(server, client_frame(ping_frame, "p")) == Records{pinged("p")});
  CHECK(take_output(server) == server_frame(close_frame, close_body(1000)));
}

TEST_CASE("pongs above the cap shrink to the newest, which is sent once the others are") {
  Connection server = open_server();
  std::string pongs;
  for (int i = 0; i < 100; ++i) {
    feed(server, client_frame(ping_frame, std::to_string(i)));
    if (i < 32) pongs += server_frame(pong_frame, std::to_string(i));
  }
  CHECK(peek_output(server) == pongs);
  server.consume(pongs.size() - 1);
  CHECK(server.pending_output() == 1);
  server.consume(1);
  CHECK(take_output(server) == server_frame(pong_frame, "99"));
  CHECK_FALSE(server.wants_write());
  feed(server, client_frame(ping_frame, "again"));
  CHECK(take_output(server) == server_frame(pong_frame, "again"));
}

TEST_CASE("the newest pong can be an empty one") {
  Connection server = open_server();
  for (int i = 0; i < 33; ++i) feed(server, client_frame(ping_frame, "x"));
  feed(server, client_frame(ping_frame));
  server.consume(server.pending_output());
  CHECK(take_output(server) == server_frame(pong_frame));
}

TEST_CASE("pings are answered in time although the output never runs dry") {
  // A bulk sender that always has more queued: pongs that were written must not count as waiting.
  Connection server = open_server();
  const std::string chunk(1000, 'd');
  std::size_t pongs = 0;
  CHECK_FALSE(server.send(Kind::binary, bytes_of(chunk)));
  for (int i = 0; i < 200; ++i) {
    feed(server, client_frame(ping_frame, "ping"));
    CHECK_FALSE(server.send(Kind::binary, bytes_of(chunk)));
    const std::string written = peek_output(server).substr(0, server.pending_output() - 10);
    for (std::size_t from = 0; (from = written.find("\x8A\x04ping", from)) != std::string::npos;
         ++from)
      ++pongs;
    server.consume(written.size());
    REQUIRE(server.wants_write());
  }
  CHECK(pongs >= 199);
}

TEST_CASE("a control frame cut anywhere leaves no memory behind") {
  const std::string frame = client_frame(ping_frame, "payload");
  for (std::size_t cut = 0; cut <= frame.size(); ++cut) {
    INFO("cut at ", cut);
    CountingResource memory;
    Connection server = open_server({}, &memory);
    Records events;
    feed(server, frame, {cut}, events);
    CHECK(events == Records{pinged("payload")});
    CHECK(take_output(server) == server_frame(pong_frame, "payload"));
    CHECK(memory.in_use == 0);
  }
}

TEST_CASE("pongs are told, asked for or not, and change nothing") {
  TestEntropy entropy;
  Connection client = open_client(entropy);
  CHECK_FALSE(client.ping(bytes_of("q")));
  take_output(client);
  CHECK(feed(client, server_frame(pong_frame, "q") + server_frame(pong_frame, "other")) ==
        Records{ponged("q"), ponged("other")});
  CHECK_FALSE(client.wants_write());
}

}  // namespace wolframite::test
