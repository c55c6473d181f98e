// Invariant: whatever two connections do to each other over whatever link, what was sent arrives
// once and in order, the output stays bounded, and each end is told exactly one Closed, last.
#include <doctest/doctest.h>

#include "link.hpp"

namespace wolframite::test {
namespace {

constexpr std::size_t write_limit = 20'000;

Config random_config(Random& random) {
  Config config;
  config.deliver_chunks = random.one_in(2);
  config.automatic_pong = !random.one_in(4);
  config.write_buffer_size = 1000;
  config.max_write_buffer_size = write_limit;
  if (random.one_in(2)) config.ping_interval = 300ms;
  if (random.one_in(3)) config.idle_timeout = 900ms;
  if (random.one_in(10)) config.handshake_timeout = 150ms;
  config.pong_timeout = 500ms;
  config.close_timeout = 700ms;
  return config;
}

/// What one end has said to the other, as the other should be told.
struct Said {
  Records messages;
  std::string unfinished;
  Kind kind = Kind::binary;
  bool in_message = false;
};

void say(End& end, Said& said, Random& random) {
  Connection& connection = end.connection;
  const std::string payload =
      random.letters(random.one_in(4) ? random.below(5000) : random.below(100));
  switch (random.below(6)) {
    case 0: {
      if (said.in_message) break;
      if (!connection.send(Kind::text, SharedBytes(payload)))
        said.messages.push_back(text(payload));
      break;
    }
    case 1:
    case 2: {
      const bool last = random.one_in(2);
      if (!said.in_message) said.kind = random.one_in(2) ? Kind::text : Kind::binary;
      if (connection.send(said.kind, bytes_of(payload), last)) break;
      said.unfinished += payload;
      said.in_message = !last;
      if (!last) break;
      said.messages.push_back(piece(said.kind, std::exchange(said.unfinished, {}), true, true));
      break;
    }
    case 3:
      (void)connection.ping(bytes_of(payload.substr(0, 125)));
      break;
    case 4:
      (void)connection.pong(bytes_of(payload.substr(0, 125)));
      break;
    default:
      if (random.one_in(8)) (void)connection.close(CloseCode::normal, payload.substr(0, 20));
      break;
  }
}

Records messages_in(const Records& records) {
  Records messages;
  for (const Record& record : merged(records)) {
    if (record.type == Record::Type::text || record.type == Record::Type::binary)
      messages.push_back(record);
  }
  return messages;
}

void check_end(const End& end, const Said& peer_said) {
  REQUIRE(end.events.count(Record::Type::closed) == 1);
  CHECK(end.events.back().type == Record::Type::closed);
  CHECK(end.connection.is_terminated());
  CHECK(end.events.count(Record::Type::opened) <= 1);
  CHECK(end.events.count(Record::Type::closing) <= 1);
  // The limit, one message that still fitted, the pongs and a Close.
  CHECK(end.most_pending <= write_limit + 5020 + 33 * 131 + 131);
  const Records arrived = messages_in(end.events);
  REQUIRE(arrived.size() <= peer_said.messages.size());
  CHECK(std::equal(arrived.begin(), arrived.end(), peer_said.messages.begin()));
  const Record& closed = end.events.back();
  // Nothing that these two say to each other breaks a rule.
  CHECK(closed.why != ErrorClass::protocol);
  CHECK(closed.why != ErrorClass::utf8);
  CHECK(closed.why != ErrorClass::capacity);
  if (closed.clean) CHECK(end.events.count(Record::Type::closing) == 1);
}

void converse(std::uint64_t seed) {
  Random random(seed);
  TestEntropy entropy(seed);
  CountingResource memory;
  {
    const SharedConfig client_config(random_config(random));
    const SharedConfig server_config(random_config(random));
    Link link(Connection::client("ws://example.org/", entropy, client_config, &memory),
              Connection::server(server_config, &memory), seed,
              {.latency = std::chrono::milliseconds(random.below(60)), .cuts = random.one_in(2)});
    Said client_said;
    Said server_said;
    const std::size_t steps = 20 + random.below(60);
    for (std::size_t step = 0; step < steps; ++step) {
      End& end = random.one_in(2) ? link.client : link.server;
      switch (random.below(8)) {
        case 0:
          end.blocked = !end.blocked;
          break;
        case 1:
          if (random.one_in(40)) link.reset();
          break;
        case 2:
          if (random.one_in(40)) link.eof(end);
          break;
        case 3:
          REQUIRE(link.run(link.now() + std::chrono::milliseconds(random.below(200))));
          break;
        case 4:
          link.turn(end);
          break;
        default:
          say(end, &end == &link.client ? client_said : server_said, random);
          break;
      }
    }
    link.client.blocked = false;
    link.server.blocked = false;
    // By then the handshake is done, or over.
    REQUIRE(link.run(link.now() + 1s));
    (void)link.client.connection.close();
    REQUIRE(link.run());
    check_end(link.client, server_said);
    check_end(link.server, client_said);
  }
  CHECK(memory.in_use == 0);
}

}  // namespace

TEST_CASE("a conversation in order") {
  TestEntropy entropy;
  Link link(Connection::client("ws://example.org/", entropy), Connection::server(), 1,
            {.latency = 20ms, .cuts = true});
  REQUIRE(link.run(link.now() + 100ms));
  CHECK(link.client.events == Records{opened()});
  CHECK(link.server.events == Records{requested("/"), opened()});
  CHECK_FALSE(link.client.connection.send(Kind::text, bytes_of("question")));
  CHECK_FALSE(link.client.connection.ping(bytes_of("p")));
  REQUIRE(link.run(link.now() + 100ms));
  CHECK_FALSE(link.server.connection.send(Kind::text, bytes_of("answer")));
  CHECK_FALSE(link.server.connection.close(CloseCode::normal, "done"));
  REQUIRE(link.run());
  CHECK(link.client.events == Records{opened(), ponged("p"), text("answer"), closing(1000, "done"),
                                      closed(1000, "done")});
  CHECK(link.server.events == Records{requested("/"), opened(), text("question"), pinged("p"),
                                      closing(1000, "done"), closed(1000, "done")});
}

TEST_CASE("keepalive holds a silent connection open, and finds a dead one") {
  Config config;
  config.ping_interval = 1s;
  config.pong_timeout = 500ms;
  TestEntropy entropy;
  Link link(Connection::from_raw(Role::client, &entropy),
            Connection::from_raw(Role::server, nullptr, config), 1, {.latency = 20ms});
  REQUIRE(link.run(link.now() + 60s));
  CHECK(link.server.events.count(Record::Type::ponged) >= 50);
  CHECK(link.server.events.count(Record::Type::closed) == 0);
  link.client.blocked = true;
  REQUIRE(link.run(link.now() + 2s));
  CHECK(link.server.events.back() == closed(Error::pong_timeout, 1011));
}

TEST_CASE("random conversations end in one Closed on each side") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    INFO("seed ", seed);
    converse(seed);
  }
}

}  // namespace wolframite::test
