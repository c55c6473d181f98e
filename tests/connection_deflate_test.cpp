// Compressed messages mean what they say: whatever the cuts, within the limits, and with no memory
// kept in vain.
#include "support.hpp"

namespace wolframite::test {
namespace {

constexpr unsigned rsv1 = 0x40;
constexpr unsigned compressed_text = final_text | rsv1;
constexpr unsigned compressed_binary = final_binary | rsv1;

Negotiated with_deflate(DeflateParameters parameters = {}) {
  parameters.enabled = true;
  return {.deflate = parameters};
}

Connection deflate_server(Config config = {}, DeflateParameters parameters = {},
                          std::pmr::memory_resource* memory = nullptr) {
  return Connection::from_raw(Role::server, nullptr, std::move(config), memory,
                              with_deflate(parameters));
}

/// "Hello" compressed, as in RFC 7692 §7.2.3.
const std::string hello = hex("f248cdc9c90700");

/// So many zeros, compressed as one message.
std::string zeros(std::size_t size) {
  Deflater deflater({}, *std::pmr::new_delete_resource());
  const std::string text(size, '\0');
  ConstBytes in = bytes_of(text);
  std::vector<std::byte> buffer(size / 500 + 1000);
  Bytes room(buffer);
  REQUIRE(deflater.compress(in, room) == DeflateStatus::needs_input);
  const ConstBytes all = ConstBytes(buffer).first(buffer.size() - room.size());
  return std::string(text_of(all.first(all.size() - sizeof deflate_tail)));
}

/// Runs a conversation in which each side sends random messages in random fragments.
void converse(std::uint64_t seed) {
  CAPTURE(seed);
  Random random(seed);
  TestEntropy entropy(seed);
  CountingResource memory;
  {
    Config at_server, at_client;
    at_server.deflate = {.enabled = true,
                         .server_window_bits = 8 + static_cast<int>(random.below(8)),
                         .server_no_context_takeover = random.one_in(2),
                         .client_no_context_takeover = random.one_in(2),
                         .level = 1 + static_cast<int>(random.below(9)),
                         .memory_level = 1 + static_cast<int>(random.below(9))};
    at_client.deflate = {.enabled = true,
                         .client_window_bits = 8 + static_cast<int>(random.below(8)),
                         .client_no_context_takeover = random.one_in(2),
                         .threshold = random.below(100)};
    at_server.deliver_chunks = random.one_in(2);
    Connection client = Connection::client("ws://example.org/", entropy, at_client, &memory);
    Connection server = Connection::server(at_server, &memory);
    REQUIRE(feed(server, take_output(client)) == Records{requested("/")});
    REQUIRE_FALSE(server.accept());
    (void)feed(server, {});
    REQUIRE(feed(client, take_output(server)) == Records{opened()});
    for (int round = 0; round < 8; ++round) {
      const bool to_server = random.one_in(2);
      Connection& from = to_server ? client : server;
      Connection& to = to_server ? server : client;
      std::string text = random.letters(random.below(random.one_in(3) ? 100'000 : 300));
      if (random.one_in(2)) text.assign(text.size(), 'w');
      for (std::size_t at = 0, last = 0; last == 0;) {
        last = random.one_in(3);
        const std::size_t size = last != 0 ? text.size() - at : random.below(text.size() - at + 1);
        REQUIRE_FALSE(from.send(Kind::text, bytes_of(text).subspan(at, size), last != 0));
        at += size;
      }
      if (random.one_in(3)) {
        from.release_memory();
        to.release_memory();
      }
      std::string output = take_output(from);
      std::vector<std::size_t> cuts;
      for (std::size_t i = 0; i < output.size(); i += 1 + random.below(output.size()))
        cuts.push_back(i);
      Records events;
      feed(to, output, cuts, events);
      CHECK(merged(events) == Records{wolframite::test::text(text)});
    }
  }
  CHECK(memory.in_use == 0);
}

}  // namespace

TEST_CASE("random conversations come through, with every setting") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) converse(seed);
}

TEST_CASE("the examples of RFC 7692 mean the same however they are cut") {
  const std::vector<std::string> frames{
      client_frame(compressed_text, hello),
      client_frame(begin_text | rsv1, hello.substr(0, 3)) +
          client_frame(final_continuation, hello.substr(3)),
      client_frame(begin_text | rsv1, hello.substr(0, 3)) + client_frame(ping_frame, "p") +
          client_frame(more) + client_frame(final_continuation, hello.substr(3)),
      client_frame(compressed_text, hex("000500faff48656c6c6f00")),
      client_frame(compressed_text, hex("f348cdc9c9070000")),
      client_frame(compressed_text, hex("f248050000 00ffff cac9c90700"))};
  for (const std::string& frame : frames) {
    for (const bool chunks : {false, true}) {
      for (std::size_t cut = 0; cut <= frame.size(); ++cut) {
        Config config;
        config.deliver_chunks = chunks;
        Connection server = deflate_server(config);
        Records events;
        feed(server, frame, {cut}, events);
        const Records whole = merged(events);
        REQUIRE(whole.back() == text("Hello"));
      }
      Config config;
      config.deliver_chunks = chunks;
      Connection server = deflate_server(config);
      Records events;
      feed_by_octets(server, frame, events);
      CHECK(merged(events).back() == text("Hello"));
    }
  }
}

TEST_CASE("the window lasts from message to message, unless it was agreed that it does not") {
  const std::string again = hex("f200110000");
  Connection keeps = deflate_server();
  CHECK(feed(keeps, client_frame(compressed_text, hello) + client_frame(compressed_text, again)) ==
        Records{text("Hello"), text("Hello")});
  Connection forgets = deflate_server({}, {.client_no_context_takeover = true});
  CHECK(
      feed(forgets, client_frame(compressed_text, hello) + client_frame(compressed_text, again)) ==
      Records{text("Hello"), failed(Error::invalid_deflate)});
}

TEST_CASE("compressed and plain messages may alternate, and be empty") {
  Connection server = deflate_server();
  CHECK(feed(server, client_frame(final_text, "plain") + client_frame(compressed_text, hello) +
                         client_frame(final_binary) + client_frame(compressed_binary, octet(0))) ==
        Records{text("plain"), text("Hello"), binary(""), binary("")});
}

TEST_CASE("SEC-09 RSV1 is an error without compression, on control frames and on continuations") {
  Connection plain = open_server();
  CHECK(feed(plain, client_frame(compressed_text, hello)) ==
        Records{failed(Error::reserved_bits_set)});
  for (const std::string& frame :
       {client_frame(ping_frame | rsv1), client_frame(close_frame | rsv1),
        client_frame(final_text | 0x20), client_frame(final_text | 0x60),
        client_frame(final_text | 0x10),
        client_frame(begin_text | rsv1, hello.substr(0, 2)) +
            client_frame(final_continuation | rsv1, hello.substr(2))}) {
    Connection server = deflate_server();
    CHECK(feed(server, frame) == Records{failed(Error::reserved_bits_set)});
  }
}

TEST_CASE("SEC-13 the limit is that of the inflated message, hit exactly and passed by one") {
  constexpr std::size_t limit = 100'000;
  Config config;
  config.max_message_size = limit;
  for (const bool chunks : {false, true}) {
    config.deliver_chunks = chunks;
    const std::string fits = client_frame(compressed_binary, zeros(limit));
    const std::string bursts = client_frame(compressed_binary, zeros(limit + 1));
    Connection server = deflate_server(config);
    Records events = feed(server, fits);
    CHECK(merged(events) == Records{binary(std::string(limit, '\0'))});
    events.clear();
    feed_by_octets(server, bursts, events);
    CHECK(merged(events) == Records{failed(Error::message_too_big)});
    CHECK(close_code_for(Error::message_too_big) == CloseCode::message_too_big);
  }
}

TEST_CASE("SEC-13 a bomb is defused in bounded memory, in one frame or in many") {
  constexpr std::size_t limit = 1 << 20;
  const std::string bomb = zeros(64 << 20);
  Config config;
  config.max_message_size = limit;
  std::string fragments = client_frame(begin_binary | rsv1, bomb.substr(0, 10));
  for (std::size_t at = 10; at < bomb.size(); at += 100) {
    const bool last = at + 100 >= bomb.size();
    fragments.append(client_frame(last ? final_continuation : more, bomb.substr(at, 100)));
  }
  for (const std::string& input : {client_frame(compressed_binary, bomb), fragments}) {
    CountingResource memory;
    Connection server = deflate_server(config, {}, &memory);
    CHECK(feed(server, input) == Records{failed(Error::message_too_big)});
    CHECK(memory.high_water < 3 * limit + 128 * 1024);
  }
}

TEST_CASE("SEC-13 a bomb delivered in chunks holds one chunk at a time") {
  constexpr std::size_t size = 32 << 20;
  const std::string bomb = client_frame(compressed_binary, zeros(size));
  Config config;
  config.deliver_chunks = true;
  CountingResource memory;
  Connection server = deflate_server(config, {}, &memory);
  std::string input = bomb;
  Bytes in = writable(input);
  std::size_t received = 0;
  bool ended = false;
  while (const auto event = server.receive(in)) {
    const auto* message = std::get_if<Message>(&*event);
    REQUIRE(message != nullptr);
    CHECK(message->first == (received == 0));
    received += message->data.size();
    ended = message->last;
  }
  CHECK(received == size);
  CHECK(ended);
  CHECK(memory.high_water < 300'000);
}

TEST_CASE("SEC-15 a stream that is corrupt or cut off fails with 1007, and for good") {
  for (const std::string& body : {hex("07"), hex("ffffffff"), hello.substr(0, 4), std::string()}) {
    CAPTURE(to_hex(body));
    Connection server = deflate_server();
    const std::string frame = client_frame(compressed_text, body);
    CHECK(feed(server, frame + client_frame(final_text, "more")) ==
          Records{failed(Error::invalid_deflate)});
    CHECK(take_output(server).substr(2, 2) == close_body(1007));
  }
}

TEST_CASE("SEC-16 inflated text is checked as it comes") {
  Deflater deflater({}, *std::pmr::new_delete_resource());
  const std::string text = "caf\xC3\xA9 \xFF" + std::string(100, 'x');
  ConstBytes in = bytes_of(text);
  std::vector<std::byte> buffer(1000);
  Bytes room(buffer);
  REQUIRE(deflater.compress(in, room) == DeflateStatus::needs_input);
  const std::string body(
      text_of(ConstBytes(buffer).first(buffer.size() - room.size() - sizeof deflate_tail)));
  Connection server = deflate_server();
  CHECK(feed(server, client_frame(begin_text | rsv1, body)) ==
        Records{failed(Error::invalid_utf8)});
  Connection cut = deflate_server();
  // Half a code point at the end of the message, in a stored block.
  CHECK(feed(cut, client_frame(compressed_text, hex("000100feffc300"))) ==
        Records{failed(Error::invalid_utf8)});
}

TEST_CASE("what is small, not to be compressed, or does not shrink goes out as it is") {
  Config config;
  config.deflate.threshold = 100;
  const std::string repetitive(100, 'x');
  Connection server = deflate_server(config, {.server_no_context_takeover = true});
  REQUIRE_FALSE(server.send(Kind::text, bytes_of(repetitive).first(99)));
  CHECK(take_output(server) == server_frame(final_text, repetitive.substr(0, 99)));
  REQUIRE_FALSE(server.send(Kind::text, bytes_of(repetitive), true, Compression::never));
  CHECK(take_output(server) == server_frame(final_text, repetitive));
  Random random(1);
  const std::string noise = random.octets(500);
  REQUIRE_FALSE(server.send(Kind::binary, bytes_of(noise)));
  CHECK(take_output(server) == server_frame(final_binary, noise));
  REQUIRE_FALSE(server.send(Kind::text, bytes_of(repetitive)));
  const std::string compressed = take_output(server);
  CHECK(compressed.size() < 20);
  CHECK(compressed.front() == static_cast<char>(compressed_text));
  REQUIRE_FALSE(server.send(Kind::text, SharedBytes(std::string(5000, 'y'))));
  CHECK(take_output(server).size() < 60);
}

TEST_CASE("a window of 8 bits is agreed to, and nothing is compressed for it") {
  Connection server = deflate_server({}, {.server_window_bits = 8});
  const std::string text(1000, 'x');
  REQUIRE_FALSE(server.send(Kind::text, bytes_of(text)));
  CHECK(take_output(server) == server_frame(final_text, text));
}

TEST_CASE(
    "a connection holds no context before the first message, nor between messages without "
    "takeover") {
  CountingResource memory;
  Connection server = deflate_server(
      {}, {.server_no_context_takeover = true, .client_no_context_takeover = true}, &memory);
  CHECK(memory.in_use == 0);
  CHECK(server.memory_in_use() == 0);
  for (int round = 0; round < 3; ++round) {
    CHECK(feed(server, client_frame(compressed_text, hello)) == Records{text("Hello")});
    REQUIRE_FALSE(server.send(Kind::text, bytes_of(std::string(1000, 'x'))));
    (void)take_output(server);
    (void)feed(server, {});
    CHECK(memory.in_use < 128);  // what would hold the contexts
  }
}

TEST_CASE("an idle connection gives its contexts back in time, and goes on where it was") {
  CountingResource memory;
  Config config;
  config.deflate.release_after = 10s;
  Connection server = deflate_server(config, {}, &memory);
  (void)tell(server, at(0s));
  CHECK_FALSE(server.deadline().has_value());
  CHECK(feed(server, client_frame(compressed_text, hello)) == Records{text("Hello")});
  REQUIRE_FALSE(server.send(Kind::text, bytes_of(std::string(1000, 'x'))));
  (void)take_output(server);
  CHECK(memory.in_use > 200'000);
  CHECK(server.deadline() == at(10s));
  (void)tell(server, at(10s) - 1ns);
  CHECK(memory.in_use > 200'000);
  (void)tell(server, at(10s));
  CHECK(memory.in_use < 1000);
  CHECK(server.memory_in_use() >= memory.in_use);
  CHECK_FALSE(server.deadline().has_value());
  CHECK(feed(server, client_frame(compressed_text, hex("f200110000"))) == Records{text("Hello")});
}

TEST_CASE("contexts that were idle inside of a message are given back after it") {
  CountingResource memory;
  Config config;
  config.deflate.release_after = 10s;
  Connection server = deflate_server(config, {}, &memory);
  (void)tell(server, at(0s));
  CHECK(feed(server, client_frame(begin_text | rsv1, hello.substr(0, 3))).empty());
  REQUIRE_FALSE(server.send(Kind::text, bytes_of(std::string(1000, 'x')), false));
  (void)take_output(server);
  (void)tell(server, at(20s));
  CHECK_FALSE(server.deadline().has_value());
  CHECK(feed(server, client_frame(final_continuation, hello.substr(3))) == Records{text("Hello")});
  REQUIRE_FALSE(server.send(Kind::text, {}, true));
  (void)take_output(server);
  CHECK(memory.in_use > 200'000);
  CHECK(server.deadline() == at(30s));
  (void)tell(server, at(30s));
  CHECK(memory.in_use < 1000);
}

TEST_CASE("SEC-13 a message is copied a bounded number of times while it grows, either way") {
  constexpr std::size_t size = 32 << 20;
  CountingResource memory;
  Connection server = deflate_server({}, {}, &memory);
  (void)feed(server, client_frame(compressed_binary, hello));
  const std::size_t contexts = memory.in_use;
  memory.reset_counts();
  std::string bomb = client_frame(compressed_binary, zeros(size));
  Bytes in = writable(bomb);
  const auto event = server.receive(in);
  REQUIRE(event.has_value());
  CHECK(std::get<Message>(*event).data.size() == size);
  CHECK(memory.total < 3 * size);
  CHECK(memory.in_use - contexts <= server.config().max_message_size + 64);

  Random random(1);
  const std::string noise = random.octets(size / 4);
  memory.reset_counts();
  REQUIRE_FALSE(server.send(Kind::binary, bytes_of(noise)));
  CHECK(memory.total < 6 * noise.size());
}

TEST_CASE("parameters that no handshake agrees on count as the nearest that one could") {
  const std::string text(1000, 'x');
  Config config;
  config.deflate.level = 99;
  config.deflate.memory_level = 0;
  Connection server =
      deflate_server(config, {.server_window_bits = 200, .client_window_bits = 200});
  REQUIRE_FALSE(server.send(Kind::text, bytes_of(text)));
  CHECK(take_output(server).size() < 40);
  CHECK(feed(server, client_frame(compressed_text, hello)) ==
        Records{wolframite::test::text("Hello")});
}

TEST_CASE("contexts go when the closing handshake is done") {
  CountingResource memory;
  Connection server = deflate_server({}, {}, &memory);
  CHECK(feed(server, client_frame(compressed_text, hello)) == Records{text("Hello")});
  CHECK(memory.in_use > 0);
  (void)feed(server, client_frame(close_frame, close_body(1000)));
  (void)take_output(server);
  (void)feed(server, {});
  CHECK(memory.in_use == 0);
}

TEST_CASE("SEC-36 with others to serve a receive inflates so much and no more") {
  constexpr std::size_t size = 20U << 20U;
  const std::string payload = zeros(size);
  std::string bytes = client_frame(compressed_binary, payload) + client_frame(final_text, "next");
  Connection server = deflate_server();
  server.limit_inflation();
  Bytes in(reinterpret_cast<std::byte*>(bytes.data()), bytes.size());
  for (std::size_t pauses = 0;; ++pauses) {
    if (const auto event = server.receive(in)) {
      CHECK_FALSE(server.is_paused());
      CHECK(std::get<Message>(*event).data.size() == size);
      CHECK(pauses >= size / (Connection::inflation_step + 64 * 1024));
      CHECK(pauses <= size / Connection::inflation_step);
      break;
    }
    REQUIRE(server.is_paused());
    REQUIRE_FALSE(in.empty());
  }
  const auto next = server.receive(in);
  REQUIRE(next);
  CHECK(std::get<Message>(*next).text() == "next");
  CHECK(in.empty());
}

}  // namespace wolframite::test
