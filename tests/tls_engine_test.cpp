// Invariant: what one engine is given to write, the other gives to read, whole and in order,
// however the ciphertext is cut; and neither takes an end of the stream for the end of the data.
#include "wolframite/tls_engine.hpp"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <ostream>

#include "memory.hpp"
#include "random.hpp"
#include "tls_pair.hpp"

using namespace wolframite;
using namespace wolframite::test;

namespace {

constexpr std::size_t record_overhead_bound = 64;

/// Sizes of the records in `bytes`, without their headers.
std::vector<std::size_t> record_sizes(ConstBytes bytes) {
  std::vector<std::size_t> sizes;
  while (bytes.size() >= 5) {
    const std::size_t size =
        std::to_integer<std::size_t>(bytes[3]) << 8U | std::to_integer<std::size_t>(bytes[4]);
    sizes.push_back(size);
    bytes = bytes.subspan(std::min(bytes.size(), 5 + size));
  }
  return sizes;
}

TlsContext client_up_to(int newest) {
  const TlsContext context = client_context();
  SSL_CTX_set_max_proto_version(context.native_handle(), newest);
  return context;
}

}  // namespace

TEST_CASE("a client speaks first, and a server not before it") {
  TlsPair pair;
  CHECK(pair.client.wants_write());
  CHECK_FALSE(pair.server.wants_write());
  CHECK_FALSE(pair.client.handshake_done());
  CHECK(pair.run().is_open());
}

TEST_CASE("the handshake and data survive any piece size") {
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t piece : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 100U, 1000U}) {
      CAPTURE(newest);
      CAPTURE(piece);
      TlsPair pair(client_up_to(newest));
      pair.piece = piece;
      REQUIRE(pair.run().is_open());
      CHECK(write(pair.client, "to the server") == 13);
      CHECK(write(pair.server, "to the client") == 13);
      pair.run();
      CHECK(pair.at_server == "to the server");
      CHECK(pair.at_client == "to the client");
    }
  }
}

TEST_CASE("records survive a cut at every octet") {
  TlsPair pair;
  pair.run();
  std::string expected;
  for (std::size_t cut = 0;; ++cut) {
    write(pair.client, "one record");
    write(pair.client, "and another");
    expected += "one recordand another";
    const auto bytes = take_output(pair.client);
    if (cut > bytes.size()) break;
    const auto middle = bytes.begin() + static_cast<std::ptrdiff_t>(cut);
    pair.at_server += give(pair.server, {bytes.begin(), middle});
    pair.at_server += give(pair.server, {middle, bytes.end()});
    REQUIRE(pair.at_server == expected);
  }
}

TEST_CASE("plaintext is given as far as there is room, and nothing is lost") {
  TlsPair pair;
  pair.run();
  write(pair.client, "a longer message");
  auto bytes = take_output(pair.client);
  Bytes in(bytes);
  std::array<std::byte, 5> room{};
  std::string got;
  std::size_t calls = 0;
  while (const std::size_t size = pair.server.receive(in, room)) {
    got += text_of(ConstBytes(room).first(size));
    CHECK(pair.server.has_plaintext() == (got.size() < 16));
    ++calls;
  }
  CHECK(got == "a longer message");
  CHECK(calls == 4);
  CHECK(in.empty());
}

TEST_CASE("one receive gives the plaintext of many records") {
  TlsPair pair;
  pair.run();
  for (int i = 0; i < 20; ++i) write(pair.client, "0123456789");
  auto bytes = take_output(pair.client);
  REQUIRE(record_sizes(bytes).size() == 20);
  Bytes in(bytes);
  std::array<std::byte, 1024> room{};
  CHECK(pair.server.receive(in, room) == 200);
  CHECK(in.empty());
}

TEST_CASE("nothing is taken, and so nothing lost, before the handshake is done") {
  TlsPair pair;
  CHECK(write(pair.client, "early") == 0);
  CHECK(write(pair.server, "early") == 0);
  pair.to_server();
  CHECK(write(pair.client, "early") == 0);
  pair.run();
  CHECK(pair.at_server.empty());
  CHECK(write(pair.client, "now") == 3);
  pair.run();
  CHECK(pair.at_server == "now");
}

TEST_CASE("small parts are put together into one record") {
  TlsPair pair;
  pair.run();
  const std::vector<ConstBytes> parts(100, bytes_of("frame of a few octets;"));
  const std::size_t size = parts.size() * parts[0].size();
  CHECK(pair.client.write(parts) == size);
  const auto bytes = take_output(pair.client);
  CHECK(record_sizes(bytes).size() == 1);
  CHECK(give(pair.server, bytes).size() == size);
}

TEST_CASE("parts of all sizes make full records, and arrive in order") {
  Random random(7);
  TlsPair pair;
  pair.run();
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    std::vector<std::string> texts;
    std::string expected;
    for (std::size_t i = 0, count = random.below(8); i < count; ++i) {
      const std::size_t bound = random.one_in(3) ? 60'000 : 300;
      texts.push_back(random.letters(random.below(bound)));
      expected += texts.back();
    }
    const std::vector<ConstBytes> parts = [&] {
      std::vector<ConstBytes> made;
      for (const auto& text : texts) made.push_back(bytes_of(text));
      return made;
    }();
    REQUIRE(pair.client.write(parts) == expected.size());
    const auto bytes = take_output(pair.client);
    CHECK(record_sizes(bytes).size() <= expected.size() / (16 * 1024) + 1);
    REQUIRE(give(pair.server, bytes, 1 + random.below(20'000), 1 + random.below(30'000)) ==
            expected);
  }
}

TEST_CASE("a large write becomes full records") {
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPair pair(client_up_to(newest));
    pair.run();
    const std::string text = Random(3).letters(1024 * 1024);
    CHECK(write(pair.server, text) == text.size());
    const auto bytes = take_output(pair.server);
    const auto sizes = record_sizes(bytes);
    CHECK(sizes.size() == 64);
    CHECK(*std::ranges::min_element(sizes) >= 16 * 1024);
    CHECK(*std::ranges::max_element(sizes) <= 16 * 1024 + record_overhead_bound);
    CHECK(give(pair.client, bytes, 4000) == text);
  }
}

TEST_CASE("close_notify ends one direction, and is not an error") {
  TlsPair pair;
  pair.run();
  write(pair.client, "last words");
  pair.client.shutdown();
  CHECK(pair.client.is_shut_down());
  CHECK(write(pair.client, "more") == 0);
  pair.to_server();
  CHECK(pair.at_server == "last words");
  CHECK(pair.server.peer_closed());
  CHECK_FALSE(pair.server.error());
  CHECK_FALSE(pair.server.receive_eof());

  CHECK(write(pair.server, "still here") == 10);
  pair.server.shutdown();
  pair.server.shutdown();
  pair.to_client();
  CHECK(pair.at_client == "still here");
  CHECK(pair.client.peer_closed());
  CHECK_FALSE(pair.client.receive_eof());
}

TEST_CASE("what follows close_notify is ignored") {
  TlsPair pair;
  pair.run();
  pair.client.shutdown();
  auto bytes = take_output(pair.client);
  bytes.insert(bytes.end(), 1000, std::byte{0x16});
  CHECK(give(pair.server, bytes).empty());
  CHECK(pair.server.peer_closed());
  CHECK_FALSE(pair.server.error());
}

TEST_CASE("SEC-25 truncation") {
  TlsPair pair;
  pair.run();
  write(pair.client, "half of the");
  pair.to_server();
  CHECK(pair.server.receive_eof() == TlsError::truncated);
  CHECK(pair.server.error() == TlsError::truncated);
  CHECK(write(pair.server, "answer") == 0);

  SUBCASE("inside a record") {
    TlsPair cut;
    cut.run();
    write(cut.client, "some message");
    auto bytes = take_output(cut.client);
    bytes.pop_back();
    CHECK(give(cut.server, bytes).empty());
    CHECK(cut.server.receive_eof() == TlsError::truncated);
  }
}

TEST_CASE("SEC-25 truncation at every octet of the handshake") {
  const auto hello = [] {
    TlsPair pair;
    return take_output(pair.client);
  }();
  for (std::size_t size = 0; size < hello.size(); size += 1 + size / 64) {
    TlsEngine server(server_context(), Role::server);
    give(server, {hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(size)});
    CHECK(server.receive_eof() == TlsError::closed_in_handshake);
  }
}

TEST_CASE("shutdown inside the handshake sends nothing") {
  TlsEngine client(client_context(), Role::client, "server.test");
  static_cast<void>(take_output(client));
  client.shutdown();
  CHECK_FALSE(client.wants_write());
  CHECK_FALSE(client.error());
}

TEST_CASE("key updates are followed, asked for or not") {
  TlsPair pair;
  pair.run();
  for (const int kind : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
    for (int i = 0; i < 50; ++i) {
      SSL_key_update(pair.client.native_handle(), kind);
      write(pair.client, "a");
      pair.run();
      write(pair.server, "b");
      pair.run();
    }
  }
  CHECK(pair.at_server == std::string(100, 'a'));
  CHECK(pair.at_client == std::string(100, 'b'));
  CHECK(pair.is_open());
}

TEST_CASE("keys are changed after so many records") {
  TlsClientOptions options = client_options();
  options.rekey_after = 2;
  TlsPair pair(made(TlsContext::client(options)));
  pair.run();
  std::vector<std::size_t> records;
  for (int i = 0; i < 6; ++i) {
    write(pair.client, "a");
    const auto bytes = take_output(pair.client);
    records.push_back(record_sizes(bytes).size());
    pair.at_server += give(pair.server, bytes);
  }
  CHECK(records == std::vector<std::size_t>{1, 1, 2, 1, 2, 1});
  CHECK(pair.at_server == "aaaaaa");
}

TEST_CASE("a peer that asks for answers and does not read them is given up") {
  TlsPair pair;
  pair.run();
  std::size_t most = 0;
  for (int i = 0; i < 10'000 && !pair.server.error(); ++i) {
    SSL_key_update(pair.client.native_handle(), SSL_KEY_UPDATE_REQUESTED);
    write(pair.client, "a");
    pair.to_server();
    most = std::max(most, pair.server.pending_output());
  }
  CHECK(pair.server.error() == TlsError::too_many_replies);
  CHECK(most < 20 * 1024);
}

TEST_CASE("SEC-25 renegotiation by the client") {
  const auto client = client_up_to(TLS1_2_VERSION);
  TlsPair pair(client);
  REQUIRE(pair.run().is_open());
  SSL_clear_options(pair.client.native_handle(), SSL_OP_NO_RENEGOTIATION);
  REQUIRE(SSL_renegotiate(pair.client.native_handle()) == 1);
  SSL_do_handshake(pair.client.native_handle());
  REQUIRE(pair.client.wants_write());
  pair.run();
  CHECK(pair.server.error() == TlsError::renegotiation_refused);
  CHECK(pair.client.error() == TlsAlert::no_renegotiation);
  CHECK(write(pair.server, "x") == 0);
}

TEST_CASE("SEC-25 renegotiation by the server") {
  TlsPair pair(client_up_to(TLS1_2_VERSION));
  REQUIRE(pair.run().is_open());
  SSL_clear_options(pair.server.native_handle(), SSL_OP_NO_RENEGOTIATION);
  REQUIRE(SSL_renegotiate(pair.server.native_handle()) == 1);
  SSL_do_handshake(pair.server.native_handle());
  REQUIRE(pair.server.wants_write());
  pair.to_client();
  CHECK(pair.client.error() == TlsError::renegotiation_refused);
}

TEST_CASE("SEC-25 a hello that announces more than it may have is refused at its header") {
  const auto hello_of = [](std::uint32_t size) {
    return std::vector<std::byte>{std::byte{22},
                                  std::byte{3},
                                  std::byte{1},
                                  std::byte{0x40},
                                  std::byte{0},
                                  std::byte{1},
                                  static_cast<std::byte>(size >> 16U),
                                  static_cast<std::byte>(size >> 8U),
                                  static_cast<std::byte>(size)};
  };
  for (const std::size_t piece : {1U, 4U, 9U}) {
    CAPTURE(piece);
    TlsEngine good(server_context(), Role::server);
    give(good, hello_of(16 * 1024), piece);
    CHECK_FALSE(good.error());
    TlsEngine bad(server_context(), Role::server);
    give(bad, hello_of(16 * 1024 + 1), piece);
    CHECK(bad.error() == TlsError::handshake_message_too_large);
    // The alert illegal_parameter (RFC 8446 §6.2).
    CHECK(text_of(take_output(bad)) == std::string_view("\x15\x03\x03\0\2\2\x2f", 7));
    CHECK(bad.receive_eof() == TlsError::handshake_message_too_large);
  }
}

TEST_CASE("SEC-25 a hello in records of one byte each announces as much") {
  TlsEngine server(server_context(), Role::server);
  std::vector<std::byte> records;
  for (const int byte : {1, 1, 0, 0}) {
    for (const int next : {22, 3, 1, 0, 1, byte}) records.push_back(static_cast<std::byte>(next));
  }
  give(server, records);
  CHECK(server.error() == TlsError::handshake_message_too_large);
}

TEST_CASE("SEC-25 the second hello, and a server's, are judged as well") {
  // A server that takes no group that the client's first hello has a key for asks for another.
  const TlsContext picky = server_context();
  SSL_CTX_set1_groups_list(picky.native_handle(), "P-384");
  const TlsContext client = client_context();
  SSL_CTX_set1_groups_list(client.native_handle(), "P-256:P-384");
  TlsPair good(client, picky);
  CHECK(good.run().is_open());

  TlsPair pair(client, picky);
  pair.to_server();
  pair.to_client();
  auto second = take_output(pair.client);
  // Behind the ChangeCipherSpec that a client of TLS 1.3 sends for the sake of old proxies.
  const std::size_t at = second[0] == std::byte{SSL3_RT_CHANGE_CIPHER_SPEC} ? 6 : 0;
  REQUIRE(second.at(at + 5) == std::byte{SSL3_MT_CLIENT_HELLO});
  second[at + 6] = std::byte{1};
  give(pair.server, second);
  CHECK(pair.server.error() == TlsError::handshake_message_too_large);

  TlsPair other(client_up_to(TLS1_2_VERSION));
  other.to_server();
  auto flight = take_output(other.server);
  flight.at(6) = std::byte{1};  // of the ServerHello
  give(other.client, flight);
  CHECK(other.client.error() == TlsError::handshake_message_too_large);
}

TEST_CASE("memory is drawn from the resource given, and goes back once written") {
  CountingResource memory;
  {
    TlsPair pair(client_context(), server_context(), "server.test", &memory);
    CHECK(memory.in_use > 0);
    pair.run();
    write(pair.client, std::string(100'000, 'x'));
    CHECK(memory.in_use > 100'000);
    pair.run();
    CHECK(memory.in_use == 0);
  }
  CHECK(memory.in_use == 0);
}

TEST_CASE("memory that runs out is an error and not a crash") {
  class Limited final : public std::pmr::memory_resource {
   public:
    std::size_t left = 0;

   private:
    void* do_allocate(std::size_t size, std::size_t alignment) override {
      if (left == 0) throw std::bad_alloc();
      --left;
      return std::pmr::new_delete_resource()->allocate(size, alignment);
    }
    void do_deallocate(void* block, std::size_t size, std::size_t alignment) override {
      std::pmr::new_delete_resource()->deallocate(block, size, alignment);
    }
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
      return this == &other;
    }
  };
  Limited memory;
  TlsEngine client(client_context(), Role::client, "server.test", &memory);
  CHECK(client.error() == std::errc::not_enough_memory);

  memory.left = 10;
  TlsPair pair(client_context(), server_context(), "server.test", &memory);
  REQUIRE(pair.run().is_open());
  memory.left = 3;
  CHECK(write(pair.client, std::string(200'000, 'x')) == 0);
  CHECK(pair.client.error() == std::errc::not_enough_memory);
}
