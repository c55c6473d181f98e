// Invariant: an idle connection owns no heap memory, and what a busy one owns follows the bytes
// that came.
#include <doctest/doctest.h>

#include <cstdlib>
#include <memory_resource>
#include <new>

#include "support.hpp"

namespace {

// Live blocks and calls of the global operator new, of which the default resource is made too.
std::size_t heap_calls = 0;
std::size_t heap_blocks = 0;

void* counted(std::size_t size, std::size_t alignment) {
  ++heap_calls;
  ++heap_blocks;
  void* memory =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(size)
          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void uncounted(void* memory) noexcept {
  if (memory != nullptr) --heap_blocks;
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, 1); }
void* operator new[](std::size_t size) { return counted(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { uncounted(memory); }
void operator delete[](void* memory) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { uncounted(memory); }

namespace wolframite::test {
namespace {

/// Receives all of `input` and echoes its messages, without a copy of this test's own.
std::size_t echo(Connection& connection, std::string& input) {
  std::size_t messages = 0;
  Bytes in = writable(input);
  while (auto event = connection.receive(in)) {
    if (const auto* message = std::get_if<Message>(&*event)) {
      ++messages;
      if (connection.send(message->kind, message->data)) std::abort();
    }
  }
  return messages;
}

void write_all(Connection& connection) {
  std::array<ConstBytes, 8> gather;
  while (const std::size_t used = connection.output(gather)) {
    std::size_t size = 0;
    for (const ConstBytes segment : std::span(gather).first(used)) size += segment.size();
    connection.consume(size);
  }
}

}  // namespace

TEST_CASE("a connection is small") {
  MESSAGE("sizeof(Connection) is ", sizeof(Connection));
  CHECK(sizeof(Connection) <= 320);
}

TEST_CASE("an open connection owns no heap memory while idle") {
  const std::size_t before = heap_blocks;
  TestEntropy entropy;
  CountingResource memory;
  {
    Connection server = open_server({}, &memory);
    Connection client = open_client(entropy, {}, &memory);
    // A Config that is not the default is one allocation that connections share.
    CHECK(heap_blocks - before <= 2);
    const std::size_t configs = heap_blocks;
    for (int round = 0; round < 3; ++round) {
      CHECK_FALSE(client.send(Kind::text, bytes_of("Hello")));
      std::string input = take_output(client);
      CHECK(echo(server, input) == 1);
      write_all(server);
      Records events;
      feed_by_octets(server,
                     client_frame(begin_text, "frag") + client_frame(ping_frame, "p") +
                         client_frame(final_continuation, "ments") + client_frame(final_binary),
                     events);
      CHECK(events.size() == 3);
      write_all(server);
      CHECK(tell(server, at(round * 1s)).empty());
    }
    CHECK(memory.in_use == 0);
    CHECK(heap_blocks == configs);
  }
  CHECK(heap_blocks == before);
}

TEST_CASE("the handshake's memory is gone once the owner has seen its end") {
  const std::size_t before = heap_blocks;
  TestEntropy entropy;
  Connection client = Connection::client("ws://example.org/", entropy);
  Connection server = Connection::server();
  {
    Records events;
    feed(server, take_output(client), events);
    CHECK_FALSE(server.accept());
    feed(server, "", events);
    feed(client, take_output(server), events);
    CHECK(events == Records{requested("/"), opened(), opened()});
  }
  CHECK(heap_blocks == before);
  CHECK(client.is_open());
  CHECK(server.is_open());
}

TEST_CASE("with a pool, no message of the steady state allocates") {
  CountingResource upstream;
  // Room for the output queue's blocks of 16 KiB, which a pool's default leaves to its upstream.
  const std::pmr::pool_options options{.max_blocks_per_chunk = 8,
                                       .largest_required_pool_block = 32 * 1024};
  std::pmr::unsynchronized_pool_resource pool(options, &upstream);
  TestEntropy entropy;
  Connection server = open_server({}, &pool);
  std::string whole;
  for (int i = 0; i < 10; ++i) whole += client_frame(final_text, std::string(300, 'a'));
  const std::string fragmented = client_frame(begin_binary, std::string(700, 'b')) +
                                 client_frame(ping_frame, "p") +
                                 client_frame(final_continuation, std::string(800, 'c'));
  const auto turn = [&] {
    std::string input = whole;
    CHECK(echo(server, input) == 10);
    input = fragmented;
    CHECK(echo(server, input) == 1);
    input = fragmented.substr(0, 500);
    CHECK(echo(server, input) == 0);
    input = fragmented.substr(500);
    CHECK(echo(server, input) == 1);
    write_all(server);
  };
  for (int warm_up = 0; warm_up < 3; ++warm_up) turn();
  upstream.reset_counts();
  for (int i = 0; i < 200; ++i) turn();
  CHECK(upstream.allocations == 0);
}

TEST_CASE(
    "with the default resource, receiving whole messages allocates nothing, a turn's output one "
    "block") {
  Connection server = open_server();
  const std::string frame = client_frame(final_text, std::string(100, 'a'));
  std::string input = frame + frame + frame;
  std::string copy = input;
  const std::size_t before = heap_calls;
  {
    Bytes in = writable(input);
    for (int i = 0; i < 3; ++i) {
      if (!server.receive(in)) std::abort();
    }
  }
  const std::size_t received = heap_calls;
  CHECK(received == before);
  const std::size_t before_echo = heap_calls;
  const std::size_t messages = echo(server, copy);
  write_all(server);
  const std::size_t after_echo = heap_calls;
  CHECK(messages == 3);
  CHECK(after_echo - before_echo == 1);
}

TEST_CASE("SEC-03 memory follows the bytes received and not the length announced") {
  Config config;
  config.max_frame_size = std::size_t{1} << 40U;
  config.max_message_size = std::size_t{1} << 40U;
  for (const std::uint64_t announced : {std::uint64_t{1} << 39U, std::uint64_t{1} << 40U}) {
    for (const unsigned first : {final_binary, begin_text}) {
      CountingResource memory;
      Connection server = open_server(config, &memory);
      feed(server, header(first, announced, 0x80) + "\0\0\0\0"s);
      CHECK(memory.high_water == 0);
      feed(server, "x");
      CHECK(memory.high_water <= 1024);
      std::size_t received = 1;
      for (; received < 60'000; received += 1000) feed(server, std::string(1000, 'x'));
      CHECK(memory.in_use <= 2 * received + 1024);
      CHECK(memory.high_water <= 3 * received + 1024);
      for (; received < 1'000'000; received += 1000) feed(server, std::string(1000, 'x'));
      // Where it is announced how long the message is, and not touched before it is used.
      const std::size_t large = first == final_binary ? 16 : 4;
      CHECK(memory.in_use <= large * received + 1024);
      CHECK(memory.high_water <= (large + 1) * received + 1024);
    }
  }
}

TEST_CASE("SEC-07 a flood of fragments costs no memory and no allocation of their number") {
  CountingResource memory;
  Connection server = open_server({}, &memory);
  feed(server, client_frame(begin_binary));
  std::string empty;
  for (int i = 0; i < 100'000; ++i) empty += client_frame(more);
  CHECK(feed(server, empty).empty());
  CHECK(memory.allocations == 0);
  std::string tiny;
  for (int i = 0; i < 100'000; ++i) tiny += client_frame(more, "x");
  CHECK(feed(server, tiny).empty());
  CHECK(memory.allocations <= 18);
  CHECK(memory.in_use <= 4 * 100'000 + 1024);
  CHECK(feed(server, client_frame(final_continuation)) ==
        Records{binary(std::string(100'000, 'x'))});
  CHECK(memory.in_use == 0);
}

TEST_CASE("SEC-07 work is linear in the number of fragments") {
  // Octets allocated stand for octets copied: each block is filled from the one before it.
  const auto work = [](int fragments) {
    CountingResource memory;
    Connection server = open_server({}, &memory);
    std::string input = client_frame(begin_binary);
    for (int i = 0; i < fragments; ++i) input += client_frame(more, "0123456789");
    feed(server, input);
    return memory.total;
  };
  CHECK(work(80'000) <= 9 * work(10'000));
}

TEST_CASE("SEC-10 a flood of pings against a blocked writer is bounded") {
  CountingResource memory;
  Connection server = open_server({}, &memory);
  const std::string ping = client_frame(ping_frame, std::string(125, 'p'));
  std::string flood;
  for (int i = 0; i < 1000; ++i) flood += ping;
  for (int i = 0; i < 100; ++i) feed(server, flood);
  CHECK(server.pending_output() <= 32 * 127);
  CHECK(memory.high_water <= 24 * 1024);
  CHECK_FALSE(server.close());
  CHECK(peek_output(server).ends_with(server_frame(close_frame, close_body(1000))));
}

TEST_CASE("SEC-10 a flood of pings that is drained a little is bounded too") {
  CountingResource memory;
  Connection server = open_server({}, &memory);
  std::size_t most = 0;
  for (int i = 0; i < 20'000; ++i) {
    feed(server, client_frame(ping_frame, std::string(125, 'p')));
    if (i % 3 == 0) server.consume(std::min<std::size_t>(100, server.pending_output()));
    most = std::max(most, server.pending_output());
  }
  CHECK(most <= 33 * 127);
  CHECK(memory.high_water <= 24 * 1024);
}

TEST_CASE("SEC-28 a queue of shared payloads that nobody reads costs no more than its bytes") {
  CountingResource memory;
  Connection server = open_server({}, &memory);
  const SharedBytes payload(std::string(1024, 's'));
  while (!server.send(Kind::binary, payload)) {
  }
  CHECK(server.pending_output() >= server.config().max_write_buffer_size);
  CHECK(server.pending_output() <= server.config().max_write_buffer_size + 1028);
  CHECK(memory.high_water <= server.pending_output());
}

TEST_CASE("no memory leaks with a connection dropped in any state") {
  CountingResource memory;
  const std::size_t before = heap_blocks;
  {
    Connection fragment = open_server({}, &memory);
    feed(fragment, client_frame(begin_text, "unfinished"));
    Connection control = open_server({}, &memory);
    feed(control, client_frame(ping_frame, "unfinished").substr(0, 9));
    Connection output = open_server({}, &memory);
    CHECK_FALSE(output.send(Kind::text, bytes_of("never written")));
    for (int i = 0; i < 40; ++i) feed(output, client_frame(ping_frame, "held"));
    Connection head = Connection::server({}, &memory);
    feed(head, "GET / HTTP/1.1\r\nHost: a");
    Connection failing = open_server({}, &memory);
    feed(failing, "\xFF");
    CHECK(memory.in_use > 0);
  }
  CHECK(memory.in_use == 0);
  CHECK(heap_blocks == before);
}

}  // namespace wolframite::test
