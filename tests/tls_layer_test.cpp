// Invariant: a Connection behind a TlsLayer behaves as it does over plain bytes, and the end of TLS
// is its end, with the reason.
#include "wolframite/tls_layer.hpp"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <chrono>
#include <deque>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "memory.hpp"
#include "random.hpp"
#include "tls_pair.hpp"
#include "wolframite/client_request.hpp"

using namespace wolframite;
using namespace wolframite::test;

namespace {

/// A Connection over TLS, driven as an adapter does, and what it told.
struct End {
  Connection connection;
  TlsLayer layer;
  std::vector<std::string> messages{};
  std::optional<Closed> closed{};
  bool opened = false;
  bool shut = false;  ///< its sending side

  void tell(const Event& event) {
    if (const auto* message = std::get_if<Message>(&event)) messages.emplace_back(message->text());
    if (std::holds_alternative<Requested>(event)) CHECK_FALSE(connection.accept());
    if (std::holds_alternative<Opened>(event)) opened = true;
    if (const auto* end = std::get_if<Closed>(&event)) {
      CHECK_FALSE(closed.has_value());
      closed = *end;
      closed->reason = {};
    }
  }

  void receive(std::vector<std::byte> bytes, std::size_t piece = 1U << 20U) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      Bytes in = Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at));
      while (const auto event = layer.receive(connection, in)) tell(*event);
      CHECK(in.empty());
    }
  }
  void receive_eof(std::error_code why = {}) {
    while (const auto event = layer.receive_eof(connection, why)) tell(*event);
  }

  std::vector<std::byte> output() {
    std::vector<std::byte> taken;
    std::array<ConstBytes, 4> gather;
    while (layer.wants_write(connection)) {
      const std::size_t used = layer.output(connection, gather);
      REQUIRE(used > 0);
      std::size_t size = 0;
      for (std::size_t i = 0; i < used; ++i) {
        taken.insert(taken.end(), gather[i].begin(), gather[i].end());
        size += gather[i].size();
      }
      layer.consume(connection, size);
    }
    return taken;
  }

  [[nodiscard]] std::string message() {
    if (messages.empty()) return "(none)";
    std::string first = messages.front();
    messages.erase(messages.begin());
    return first;
  }
};

struct Link {
  CountingResource memory;
  TestEntropy entropy;
  End client;
  End server;
  std::size_t piece = 1U << 20U;

  explicit Link(const TlsContext& client_side = client_context(),
                std::string_view host = "server.test", const Config& config = {})
      : client{Connection::client(ClientRequest("wss://server.test/"), entropy, config, &memory),
               {std::make_unique<TlsEngine>(client_side, Role::client, host, &memory), memory}},
        server{Connection::server(config, &memory),
               {std::make_unique<TlsEngine>(server_context(), Role::server, "", &memory), memory}} {
  }

  bool turn(End& from, End& to) {
    auto bytes = from.output();
    const bool any = !bytes.empty();
    to.receive(std::move(bytes), piece);
    if (from.layer.wants_shutdown(from.connection) && !from.shut) {
      from.shut = true;
      to.receive_eof();
      return true;
    }
    return any;
  }
  Link& run() {
    bool moved = true;
    while (moved) {
      moved = turn(client, server);
      moved = turn(server, client) || moved;
    }
    return *this;
  }
};

}  // namespace

TEST_CASE("messages go both ways, however the ciphertext is cut") {
  for (const std::size_t piece : {1U, 3U, 100U, 70'000U}) {
    CAPTURE(piece);
    Link link;
    link.piece = piece;
    link.run();
    REQUIRE(link.client.opened);
    REQUIRE(link.server.opened);
    CHECK(link.client.layer.engine().handshake_done());
    const std::string large = Random(5).letters(50'000);
    CHECK_FALSE(link.client.connection.send(Kind::text, bytes_of("hello")));
    CHECK_FALSE(link.client.connection.send(Kind::binary, bytes_of(large)));
    CHECK_FALSE(link.server.connection.send(Kind::text, bytes_of("world")));
    link.run();
    CHECK(link.server.message() == "hello");
    CHECK(link.server.message() == large);
    CHECK(link.client.message() == "world");
  }
}

TEST_CASE("what is queued before the handshake waits for it") {
  Link link;
  CHECK(link.client.connection.wants_write());
  const std::size_t queued = link.client.connection.pending_output();
  const auto hello = link.client.output();
  CHECK_FALSE(hello.empty());
  CHECK(link.client.connection.pending_output() == queued);
  CHECK_FALSE(link.client.layer.wants_write(link.client.connection));
  CHECK(link.client.layer.pending_output(link.client.connection) == queued);
  link.server.receive(hello);
  link.run();
  CHECK(link.client.opened);
}

TEST_CASE("many small messages leave in one record") {
  Link link;
  link.run();
  for (int i = 0; i < 100; ++i)
    CHECK_FALSE(link.server.connection.send(Kind::text, bytes_of("tick")));
  const auto bytes = link.server.output();
  CHECK(bytes.size() < 100 * 6 + 64);
  link.client.receive(bytes);
  CHECK(link.client.messages.size() == 100);
}

TEST_CASE("a large message is encrypted in bounded steps") {
  Link link;
  link.run();
  const std::string large = Random(9).letters(4 * 1024 * 1024);
  CHECK_FALSE(link.server.connection.send(Kind::binary, SharedBytes(large)));
  link.memory.reset_counts();
  std::array<ConstBytes, 64> gather;
  std::size_t most = 0;
  while (link.server.layer.wants_write(link.server.connection)) {
    std::vector<std::byte> step;
    for (std::size_t i = 0, used = link.server.layer.output(link.server.connection, gather);
         i < used; ++i) {
      step.insert(step.end(), gather[i].begin(), gather[i].end());
    }
    most = std::max(most, step.size());
    link.server.layer.consume(link.server.connection, step.size());
    link.client.receive(std::move(step));
  }
  CHECK(link.client.message() == large);
  CHECK(most < 300 * 1024);
}

TEST_CASE("an idle connection over TLS holds no buffers") {
  Link link;
  link.run();
  CHECK(link.memory.in_use == 0);
  CHECK_FALSE(link.client.connection.send(Kind::text, bytes_of("hello")));
  link.run();
  CHECK(link.server.message() == "hello");
  CHECK(link.memory.in_use == 0);
}

TEST_CASE("a view lives until the next receive") {
  Link link;
  link.run();
  CHECK_FALSE(link.client.connection.send(Kind::text, bytes_of("first")));
  CHECK_FALSE(link.client.connection.send(Kind::text, bytes_of("second")));
  auto bytes = link.client.output();
  Bytes in(bytes);
  const auto event = link.server.layer.receive(link.server.connection, in);
  REQUIRE(event.has_value());
  CHECK(in.empty());
  std::ranges::fill(bytes, std::byte{0});
  CHECK(std::get<Message>(*event).text() == "first");
  CHECK_FALSE(link.server.connection.send(Kind::text, bytes_of("an answer moves no view")));
  CHECK(std::get<Message>(*event).text() == "first");
  const auto next = link.server.layer.receive(link.server.connection, in);
  REQUIRE(next.has_value());
  CHECK(std::get<Message>(*next).text() == "second");
  CHECK_FALSE(link.server.layer.receive(link.server.connection, in).has_value());
}

TEST_CASE("a close is followed by close_notify from both sides") {
  for (const bool by_server : {false, true}) {
    Link link;
    link.run();
    End& closer = by_server ? link.server : link.client;
    CHECK_FALSE(closer.connection.close(CloseCode::going_away, "bye"));
    link.run();
    for (const End* end : {&link.client, &link.server}) {
      REQUIRE(end->closed.has_value());
      CHECK(end->closed->clean);
      CHECK_FALSE(end->closed->why);
      CHECK(end->connection.is_terminated());
      CHECK(end->layer.engine().is_shut_down());
      CHECK(end->layer.engine().peer_closed());
      CHECK_FALSE(end->layer.wants_write(end->connection));
    }
  }
}

TEST_CASE("SEC-25 truncation is the reason of the end") {
  Link link;
  link.run();
  link.server.receive_eof();
  REQUIRE(link.server.closed.has_value());
  CHECK(link.server.closed->why == TlsError::truncated);
  CHECK_FALSE(link.server.closed->clean);
}

TEST_CASE("an end without close_notify after both Close frames is clean") {
  Link link;
  link.run();
  CHECK_FALSE(link.client.connection.close());
  link.server.receive(link.client.output());
  auto answer = link.server.output();
  link.client.receive(answer);
  link.client.receive_eof();
  link.server.receive_eof();
  CHECK(link.server.closed.value().clean);
  CHECK(link.client.closed.value().clean);
}

TEST_CASE("close_notify without a Close frame is a reset") {
  Link link;
  link.run();
  TlsEngine& engine = const_cast<TlsEngine&>(link.client.layer.engine());
  engine.shutdown();
  link.server.receive(link.client.output());
  CHECK(link.server.closed.value().why == Error::connection_reset);
  CHECK(link.server.layer.wants_write(link.server.connection));
  static_cast<void>(link.server.output());
  CHECK(link.server.layer.wants_shutdown(link.server.connection));
}

TEST_CASE("an error of the socket goes before truncation") {
  Link link;
  link.run();
  link.server.receive_eof(std::make_error_code(std::errc::connection_reset));
  CHECK(link.server.closed.value().why == std::errc::connection_reset);
}

TEST_CASE("SEC-25 a failed handshake closes both ends with their reasons, and opens none") {
  Link link(client_context(), "other.test");
  link.run();
  CHECK(link.client.closed.value().why == TlsError::host_mismatch);
  CHECK(link.server.closed.value().why == TlsAlert::bad_certificate);
  CHECK_FALSE(link.client.opened);
  CHECK_FALSE(link.server.opened);
  CHECK(link.client.connection.is_terminated());
  CHECK(link.server.connection.is_terminated());
}

TEST_CASE("plain ws:// to a wss:// server ends at once") {
  Link link;
  const ConstBytes request = bytes_of("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  link.server.receive({request.begin(), request.end()});
  CHECK(link.server.closed.value().why == TlsError::not_tls);
  CHECK(link.server.connection.is_terminated());
}

TEST_CASE("a protocol error's Close goes out encrypted, and the rest is discarded") {
  Link link;
  link.run();
  TlsEngine& engine = const_cast<TlsEngine&>(link.client.layer.engine());
  CHECK(write(engine, std::string("\xff\x00", 2)) == 2);
  link.run();
  CHECK(link.server.closed.value().why == ErrorClass::protocol);
  CHECK(link.client.closed.has_value());
}

TEST_CASE("SEC-27 the end of the stream in every state is told once") {
  std::size_t turns = 0;
  for (std::size_t stop = 0; stop <= turns; ++stop) {
    CAPTURE(stop);
    Link link;
    std::size_t count = 0;
    const auto step = [&](End& from, End& to) {
      if (count++ < stop) link.turn(from, to);
    };
    for (int i = 0; i < 3; ++i) step(link.client, link.server), step(link.server, link.client);
    if (link.client.opened) CHECK_FALSE(link.client.connection.close());
    for (int i = 0; i < 3; ++i) step(link.client, link.server), step(link.server, link.client);
    turns = count;
    for (End* end : {&link.client, &link.server}) {
      end->receive_eof();
      end->receive_eof();
      REQUIRE(end->closed.has_value());
      static_cast<void>(end->output());
      CHECK(end->connection.is_terminated());
    }
  }
  CHECK(turns == 12);
}

TEST_CASE("an alert that nobody takes is given up after write_timeout") {
  using namespace std::chrono_literals;
  Link link(client_context(), "other.test", Config{.write_timeout = 100ms});
  const Time now{1s};
  link.server.receive(link.client.output());
  link.client.receive(link.server.output());
  REQUIRE(link.client.closed.has_value());
  Connection& connection = link.client.connection;
  TlsLayer& layer = link.client.layer;
  CHECK(connection.is_terminated());
  CHECK_FALSE(layer.is_terminated(connection));
  CHECK_FALSE(layer.advance(connection, now));
  REQUIRE(layer.deadline(connection) == now + 100ms);
  CHECK_FALSE(layer.advance(connection, now + 99ms));
  CHECK(layer.wants_write(connection));
  CHECK_FALSE(layer.advance(connection, now + 100ms));
  CHECK_FALSE(layer.wants_write(connection));
  CHECK(layer.is_terminated(connection));
}

TEST_CASE("a connection that was set up wrongly says so at once") {
  Link link(client_context(), "");
  CHECK(link.client.layer.deadline(link.client.connection) == at_once);
  const auto event = link.client.layer.advance(link.client.connection, Time{});
  REQUIRE(event.has_value());
  REQUIRE(std::holds_alternative<Closed>(*event));
  CHECK(std::get<Closed>(*event).why == TlsError::invalid_server_name);
  CHECK(link.client.layer.deadline(link.client.connection) != at_once);
}

TEST_CASE(
    "what is written is told in octets of the connection's output, and all of it once nothing "
    "waits") {
  Link link;
  link.run();
  End& end = link.server;
  std::size_t told = 0;
  std::size_t sent = 0;
  std::array<ConstBytes, 16> gather;
  for (int i = 0; i < 200; ++i) {
    CHECK_FALSE(end.connection.send(Kind::binary, bytes_of(std::string(5000, 'x'))));
    sent += 5004;
    // A kernel that takes less than comes in.
    std::size_t size = 0;
    const std::size_t used = end.layer.output(end.connection, gather);
    for (std::size_t j = 0; j < used; ++j) size += gather[j].size();
    told += end.layer.consume(end.connection, std::min<std::size_t>(size, 3000));
    CHECK(told + end.layer.unwritten(end.connection) == sent);
    CHECK(told <= 3000U * static_cast<unsigned>(i + 1));
  }
  CHECK(told > 300'000);
  while (end.layer.wants_write(end.connection)) {
    std::size_t size = 0;
    const std::size_t used = end.layer.output(end.connection, gather);
    for (std::size_t j = 0; j < used; ++j) size += gather[j].size();
    told += end.layer.consume(end.connection, size);
  }
  CHECK(told == sent);
  CHECK(end.layer.unwritten(end.connection) == 0);
}
