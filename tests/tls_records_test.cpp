// Invariant: whatever octets arrive, an engine gives only plaintext that its peer wrote, or a typed
// error; it never crashes, and after an error it stays as it is.
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include "random.hpp"
#include "tls_pair.hpp"

using namespace wolframite;
using namespace wolframite::test;

namespace {

std::vector<std::byte> octets(std::string_view text) {
  const ConstBytes bytes = bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

bool is_typed(std::error_code error) {
  return error == ErrorClass::tls && !error.message().empty();
}

/// Flips, drops, repeats or inserts an octet.
void mutate(std::vector<std::byte>& bytes, Random& random) {
  const std::size_t at = random.below(bytes.size());
  const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  switch (random.below(4)) {
    case 0:
      *place ^= std::byte{1} << random.below(8);
      break;
    case 1:
      bytes.erase(place);
      break;
    case 2:
      bytes.insert(place, *place);
      break;
    default:
      bytes.insert(place, static_cast<std::byte>(random.below(256)));
  }
}

}  // namespace

TEST_CASE("plain HTTP on a TLS port") {
  for (const char* text : {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\n", "X", "\r\n",
                           "SSH-2.0-OpenSSH\r\n", "\x80\x2e\x01\x03\x01"}) {
    CAPTURE(text);
    TlsEngine server(server_context(), Role::server);
    CHECK(give(server, octets(text)).empty());
    CHECK(server.error() == TlsError::not_tls);
    CHECK_FALSE(server.wants_write());
  }
}

TEST_CASE("a plain HTTP server behind a TLS client") {
  TlsEngine client(client_context(), Role::client, "server.test");
  give(client, octets("HTTP/1.1 400 Bad Request\r\n\r\n"));
  CHECK(client.error() == TlsError::not_tls);
}

TEST_CASE("a record that was altered is rejected with what is in it") {
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const TlsContext client = client_context();
    SSL_CTX_set_max_proto_version(client.native_handle(), newest);
    const TlsContext server = server_context();
    constexpr std::size_t header = 5;
    for (std::size_t at = header; at < 60; at += 7) {
      TlsPair pair(client, server);
      pair.run();
      write(pair.client, "good");
      pair.to_server();
      write(pair.client, "a message of some forty octets, to be altered");
      auto bytes = take_output(pair.client);
      bytes[at] ^= std::byte{0x20};
      pair.at_server += give(pair.server, bytes);
      CHECK(pair.server.error() == TlsError::bad_record);
      CHECK_FALSE(pair.server.error_detail().empty());
      CHECK(pair.at_server == "good");
      pair.to_client();
      CHECK(pair.client.error() == TlsAlert::bad_record_mac);
    }
  }
}

TEST_CASE("a record that is replayed or dropped is noticed") {
  TlsPair pair;
  pair.run();
  write(pair.client, "once");
  const auto bytes = take_output(pair.client);
  CHECK(give(pair.server, bytes) == "once");
  CHECK(give(pair.server, bytes).empty());
  CHECK(pair.server.error() == TlsError::bad_record);

  TlsPair other;
  other.run();
  write(other.client, "dropped");
  static_cast<void>(take_output(other.client));
  write(other.client, "next");
  other.to_server();
  CHECK(other.server.error() == TlsError::bad_record);
  CHECK(other.at_server.empty());
}

TEST_CASE("garbage is a typed error on both sides") {
  Random random(11);
  const TlsContext client_side = client_context();
  const TlsContext server_side = server_context();
  for (int round = 0; round < 500; ++round) {
    CAPTURE(round);
    std::string text = random.octets(1 + random.below(300));
    // The way past the first octet's check, and past that of the version.
    if (random.one_in(2)) text[0] = '\x16';
    if (random.one_in(2)) text.insert(1, "\x03\x03");
    TlsEngine server(server_side, Role::server);
    TlsEngine client(client_side, Role::client, "server.test");
    for (TlsEngine* engine : {&server, &client}) {
      give(*engine, octets(text), 1 + random.below(50));
      CHECK_FALSE(engine->handshake_done());
      CHECK(is_typed(engine->receive_eof()));
    }
  }
}

TEST_CASE("a mutated handshake is completed or ends with a typed error") {
  Random random(13);
  const TlsContext client_side = client_context();
  const TlsContext old_client = client_context();
  SSL_CTX_set_max_proto_version(old_client.native_handle(), TLS1_2_VERSION);
  const TlsContext server_side = server_context();
  int failures = 0;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    TlsPair pair(random.one_in(2) ? client_side : old_client, server_side);
    std::size_t flight = random.below(4);
    for (int turn = 0; turn < 8; ++turn) {
      TlsEngine& from = turn % 2 == 0 ? pair.client : pair.server;
      TlsEngine& to = turn % 2 == 0 ? pair.server : pair.client;
      auto bytes = take_output(from);
      if (bytes.empty()) continue;
      if (flight-- == 0) mutate(bytes, random);
      give(to, bytes, 1 + random.below(2000));
    }
    for (TlsEngine* engine : {&pair.client, &pair.server}) {
      if (engine->handshake_done() && !engine->error()) continue;
      CHECK(is_typed(engine->receive_eof()));
      ++failures;
    }
  }
  CHECK(failures > 300);
}

TEST_CASE("mutated data never passes for what was written") {
  Random random(17);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    TlsPair pair;
    pair.run();
    const std::string text = random.letters(1 + random.below(500));
    write(pair.client, text);
    pair.client.shutdown();
    auto bytes = take_output(pair.client);
    mutate(bytes, random);
    const std::string got = give(pair.server, bytes, 1 + random.below(100));
    CHECK((got.empty() || got == text));
    const std::error_code end = pair.server.receive_eof();
    if (end) CHECK(is_typed(end));
    // Only a change behind close_notify can go unseen.
    if (!end) CHECK(got == text);
  }
}

TEST_CASE("an error is sticky, and later input is discarded") {
  TlsPair pair;
  pair.run();
  give(pair.server, octets("\x17\x03\x03\x10 this is not a record of this connection at all"));
  give(pair.server, std::vector<std::byte>(5000));
  const std::error_code first = pair.server.error();
  REQUIRE(is_typed(first));
  write(pair.client, "too late");
  pair.to_server();
  CHECK(pair.at_server.empty());
  CHECK(pair.server.error() == first);
  CHECK(pair.server.receive_eof() == first);
  CHECK_FALSE(pair.server.has_plaintext());
}
