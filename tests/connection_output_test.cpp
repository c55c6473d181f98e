// Invariant: pending bytes come out once, in order, and neither move nor change until they are
// consumed.
#include <doctest/doctest.h>

#include <memory>

#include "support.hpp"

namespace wolframite::test {

TEST_CASE("small frames coalesce into one segment") {
  Connection server = open_server();
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    CHECK_FALSE(server.send(Kind::text, bytes_of("small")));
    expected += server_frame(final_text, "small");
  }
  std::array<ConstBytes, 4> gather;
  REQUIRE(server.output(gather) == 1);
  CHECK(text_of(gather[0]) == expected);
}

TEST_CASE("a large shared payload of a server is a segment of its own, uncopied") {
  auto owner = std::make_shared<const std::string>(100'000, 's');
  const SharedBytes shared(owner, bytes_of(*owner));
  {
    Connection one = open_server();
    Connection two = open_server();
    for (Connection* connection : {&one, &two}) {
      CHECK_FALSE(connection->send(Kind::binary, shared));
      std::array<ConstBytes, 4> gather;
      REQUIRE(connection->output(gather) == 2);
      CHECK(text_of(gather[0]) == header(final_binary, 100'000));
      CHECK(gather[1].data() == bytes_of(*owner).data());
      CHECK(gather[1].size() == owner->size());
    }
    CHECK(owner.use_count() == 4);
    one.consume(one.pending_output() - 1);
    CHECK(owner.use_count() == 4);
    one.consume(1);
    CHECK(owner.use_count() == 3);
  }
  CHECK(owner.use_count() == 2);
}

TEST_CASE("servers that send one copied payload share its header as well, if it is the same") {
  for (const std::size_t size : {1024U, 65'535U, 65'536U}) {
    CAPTURE(size);
    const std::string text(size, 's');
    const SharedBytes shared = SharedBytes::copy_of(bytes_of(text));
    const std::byte* const payload = shared.bytes().data();
    std::array<ConstBytes, 4> gather;
    for (int round = 0; round < 2; ++round) {
      Connection server = open_server();
      CHECK_FALSE(server.send(Kind::text, shared));
      const std::string expected = server_frame(final_text, text);
      REQUIRE(server.output(gather) == 1);
      CHECK(text_of(gather[0]) == expected);
      CHECK(gather[0].data() == payload - (expected.size() - size));
      CHECK(server.pending_output() == expected.size());

      // Behind other frames, and in front of others.
      Connection busy = open_server();
      CHECK_FALSE(busy.send(Kind::text, bytes_of("a")));
      CHECK_FALSE(busy.send(Kind::text, shared));
      CHECK_FALSE(busy.send(Kind::text, bytes_of("b")));
      CHECK(take_output(busy) ==
            server_frame(final_text, "a") + expected + server_frame(final_text, "b"));

      Connection other = open_server();
      CHECK_FALSE(other.send(Kind::binary, shared));
      REQUIRE(other.output(gather) == 2);
      CHECK(text_of(gather[0]) == header(final_binary, size));
      CHECK(gather[1].data() == payload);
      CHECK(text_of(gather[1]) == text);
    }
    TestEntropy entropy;
    Connection client = open_client(entropy);
    CHECK_FALSE(client.send(Kind::text, shared));
    CHECK(text_of(shared.bytes()) == text);
  }
}

TEST_CASE("a client copies and masks a shared payload and leaves it as it was") {
  auto owner = std::make_shared<const std::string>(100'000, 's');
  TestEntropy entropy;
  Connection client = open_client(entropy);
  CHECK_FALSE(client.send(Kind::binary, SharedBytes(owner, bytes_of(*owner))));
  CHECK(owner.use_count() == 1);
  take_output(client);
  CHECK(*owner == std::string(100'000, 's'));
}

TEST_CASE("pending bytes stay where they are whatever is queued after them") {
  Connection server = open_server();
  CHECK_FALSE(server.send(Kind::text, bytes_of("first")));
  std::array<ConstBytes, 1> gather;
  REQUIRE(server.output(gather) == 1);
  const ConstBytes early = gather[0];
  Random random(3);
  for (int i = 0; i < 300; ++i) {
    const std::string payload = random.letters(random.below(3000));
    CHECK_FALSE((random.one_in(2) ? server.send(Kind::text, bytes_of(payload))
                                  : server.send(Kind::text, SharedBytes(payload))));
    feed(server, client_frame(ping_frame, "p"));
  }
  CHECK_FALSE(server.close());
  CHECK(text_of(early) == server_frame(final_text, "first"));
  REQUIRE(server.output(gather) == 1);
  CHECK(gather[0].data() == early.data());
}

TEST_CASE("consumed by any amounts, the same bytes come out") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    Connection server = open_server();
    std::string expected;
    std::string written;
    for (int i = 0; i < 200; ++i) {
      const std::string payload =
          random.letters(random.one_in(5) ? random.below(40'000) : random.below(200));
      CHECK_FALSE((random.one_in(2) ? server.send(Kind::text, bytes_of(payload))
                                    : server.send(Kind::text, SharedBytes(payload))));
      expected += server_frame(final_text, payload);
      std::array<ConstBytes, 3> gather;
      const std::size_t used = server.output(std::span(gather).first(1 + random.below(3)));
      std::string shown;
      for (const ConstBytes segment : std::span(gather).first(used)) shown.append(text_of(segment));
      const std::size_t taken = random.below(shown.size() + 1);
      written.append(shown, 0, taken);
      server.consume(taken);
      REQUIRE(server.pending_output() == expected.size() - written.size());
    }
    written += take_output(server);
    CHECK(written == expected);
  }
}

TEST_CASE("output with no room shows nothing, and consuming nothing drops nothing") {
  Connection server = open_server();
  CHECK(server.output({}) == 0);
  server.consume(0);
  CHECK_FALSE(server.send(Kind::text, bytes_of("x")));
  CHECK(server.output({}) == 0);
  server.consume(0);
  CHECK(take_output(server) == server_frame(final_text, "x"));
  server.consume(0);
}

TEST_CASE("output survives a move") {
  Connection server = open_server();
  CHECK_FALSE(server.send(Kind::text, bytes_of("x")));
  Connection moved = std::move(server);
  CHECK(take_output(moved) == server_frame(final_text, "x"));
}

TEST_CASE("SEC-18 output holds only what was given to it") {
  // The resource hands out memory of 0xA5, and none of that may show.
  CountingResource memory;
  Connection server = open_server({}, &memory);
  std::string expected;
  for (const std::size_t size : {0U, 1U, 5U, 124U, 125U}) {
    const std::string payload(size, 'p');
    CHECK_FALSE(server.ping(bytes_of(payload)));
    CHECK_FALSE(server.pong(bytes_of(payload)));
    feed(server, client_frame(ping_frame, payload));
    expected += server_frame(ping_frame, payload) + server_frame(pong_frame, payload) +
                server_frame(pong_frame, payload);
  }
  CHECK_FALSE(server.close(CloseCode::normal, "reason"));
  expected += server_frame(close_frame, close_body(1000, "reason"));
  CHECK(take_output(server) == expected);
  Connection echoing = open_server({}, &memory);
  Records events;
  feed_by_octets(echoing, client_frame(close_frame, close_body(1000, "r")), events);
  CHECK(take_output(echoing) == server_frame(close_frame, close_body(1000, "r")));
}

}  // namespace wolframite::test
