// wss:// is what it claims to be: the two ends know whom they talk to and over what, whoever cannot
// show who they are gets no data, and each way for TLS to end has its error.
#include <cerrno>

#include "rig.hpp"
#include "tls_pair.hpp"
#include "wolframite/accept_key.hpp"

namespace wolframite::test {
namespace {

/// What one attempt to talk over TLS came to, at both ends.
struct Attempt {
  std::optional<WebSocketStream> server;
  std::optional<Client> client;
  std::error_code server_error, client_error;
  bool server_done = false, client_done = false;
};

Task<> serve_once(Loop& loop, Socket socket, AcceptOptions options, Attempt& attempt) {
  auto stream = co_await accept(loop, std::move(socket), std::move(options));
  if (stream) {
    attempt.server.emplace(std::move(*stream));
  } else {
    attempt.server_error = stream.error();
  }
  attempt.server_done = true;
}

Task<> ask_once(Loop& loop, std::string url, Socket socket, ClientOptions options,
                Attempt& attempt) {
  auto made = co_await client(loop, std::move(url), std::move(socket), std::move(options));
  if (made) {
    attempt.client.emplace(std::move(*made));
  } else {
    attempt.client_error = made.error();
  }
  attempt.client_done = true;
}

void run_attempt(Loop& loop, Attempt& attempt, std::string url, Connector connector,
                 AcceptOptions options) {
  auto [left, right] = connected();
  loop.spawn(serve_once(loop, std::move(left), std::move(options), attempt));
  loop.spawn(ask_once(loop, std::move(url), std::move(right), {.connector = std::move(connector)},
                      attempt));
  turn_until(loop, [&] { return attempt.server_done && attempt.client_done; });
}

AcceptOptions with(TlsServerOptions options) {
  AcceptOptions accepting;
  accepting.tls = made(TlsContext::server(options));
  return accepting;
}

/// A server's options with another certificate.
TlsServerOptions identified_by(TlsIdentity identity) {
  TlsServerOptions options;
  options.identity = std::move(identity);
  return options;
}

Task<> exchange(WebSocketStream& from, WebSocketStream& to, std::string text, bool& done) {
  CHECK_FALSE(co_await from.send(text));
  const auto message = co_await to.next();
  REQUIRE(message);
  CHECK(message->text() == text);
  done = true;
}

TEST_CASE("both ends know what was agreed, and with whom") {
  backend::Loop loop;
  TlsServerOptions server = server_options();
  server.client_certificates = ClientCertificates::require;
  server.client_authorities = {Authority::trusted().certificate()};
  TlsClientOptions client_side = client_options();
  client_side.identity = client_identity();
  Attempt attempt;
  run_attempt(loop, attempt, "wss://server.test/", made(TlsContext::client(client_side)),
              with(server));
  REQUIRE(attempt.server);
  REQUIRE(attempt.client);
  for (WebSocketStream* stream : {&*attempt.server, &attempt.client->stream}) {
    CHECK(stream->is_tls());
    CHECK(stream->tls_version() == "TLSv1.3");
    CHECK(stream->tls_cipher().substr(0, 4) == "TLS_");
    CHECK(stream->alpn() == "http/1.1");
    REQUIRE(stream->peer_certificate());
  }
  CHECK(attempt.server->peer_certificate()->subject.find("CN=alice") != std::string::npos);
  bool there = false, back = false;
  run(loop, exchange(attempt.client->stream, *attempt.server, "secret", there));
  run(loop, exchange(*attempt.server, attempt.client->stream, std::string(1'000'000, 's'), back));
  CHECK(there);
  CHECK(back);
}

TEST_CASE("without TLS nothing is claimed") {
  backend::Loop loop;
  auto [left, right] = connected();
  auto stream = WebSocketStream::from_raw_socket(loop, std::move(left), Role::server);
  REQUIRE(stream);
  CHECK_FALSE(stream->is_tls());
  CHECK(stream->tls() == nullptr);
  CHECK(stream->tls_version().empty());
  CHECK(stream->tls_cipher().empty());
  CHECK(stream->alpn().empty());
  CHECK_FALSE(stream->peer_certificate());
}

TEST_CASE("SEC-25 a server that is not who it should be gets no request, and learns why") {
  struct Case {
    const char* what;
    std::string url;
    TlsServerOptions server;
    std::error_code at_client, at_server;
  };
  const Case cases[] = {
      {"another name", "wss://other.test/", server_options(), TlsError::host_mismatch,
       TlsAlert::bad_certificate},
      {"another address", "wss://127.0.0.2/", server_options(), TlsError::host_mismatch,
       TlsAlert::bad_certificate},
      {"expired", "wss://server.test/",
       identified_by(Authority::trusted().issue({.names = "DNS:server.test", .not_after = -3600})),
       TlsError::certificate_expired, TlsAlert::certificate_expired},
      {"not valid yet", "wss://server.test/",
       identified_by(Authority::trusted().issue({.names = "DNS:server.test", .not_before = 3600})),
       TlsError::certificate_not_yet_valid, TlsAlert::bad_certificate},
      {"self-signed", "wss://server.test/",
       identified_by(self_signed({.names = "DNS:server.test"})), TlsError::self_signed,
       TlsAlert::unknown_ca},
      {"another authority", "wss://server.test/",
       identified_by(Authority("stranger").issue({.names = "DNS:server.test"})),
       TlsError::unknown_authority, TlsAlert::unknown_ca},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    backend::Loop loop;
    Attempt attempt;
    bool asked = false;
    AcceptOptions options = with(each.server);
    options.on_request = [&](const Request&) -> Answer {
      asked = true;
      return Accept{};
    };
    run_attempt(loop, attempt, each.url, client_context(), std::move(options));
    CHECK(attempt.client_error == each.at_client);
    CHECK(attempt.server_error == each.at_server);
    CHECK(attempt.client_error == ErrorClass::tls);
    CHECK(attempt.server_error == ErrorClass::tls);
    CHECK_FALSE(asked);
    turn_until(loop, [&] { return loop.stream_count() == 0; });
    CHECK(loop.memory().counters().in_use == 0);
  }
}

TEST_CASE("SEC-25 a client without a certificate gets no stream where one is required") {
  backend::Loop loop;
  TlsServerOptions server = server_options();
  server.client_certificates = ClientCertificates::require;
  server.client_authorities = {Authority::trusted().certificate()};
  Attempt attempt;
  run_attempt(loop, attempt, "wss://server.test/", client_context(), with(server));
  CHECK(attempt.server_error == TlsError::client_certificate_required);
  CHECK(attempt.client_error == TlsAlert::certificate_required);
  turn_until(loop, [&] { return loop.stream_count() == 0; });
}

TEST_CASE("SEC-25 the default connector trusts the system's authorities, and no others") {
  backend::Loop loop;
  Attempt attempt;
  run_attempt(loop, attempt, "wss://server.test/", Connector(), with(server_options()));
  CHECK(attempt.client_error == TlsError::unknown_authority);
}

TEST_CASE("wss:// is refused where TLS was ruled out, and ws:// needs none") {
  backend::Loop loop;
  auto [left, right] = connected();
  Attempt attempt;
  run(loop, ask_once(loop, "wss://server.test/", std::move(right),
                     {.connector = Connector::plain()}, attempt));
  CHECK(attempt.client_error == std::errc::protocol_not_supported);
  Attempt plain;
  run_attempt(loop, plain, "ws://server.test/", client_context(), {});
  REQUIRE(plain.client);
  CHECK_FALSE(plain.client->stream.is_tls());
}

TEST_CASE("one end speaks TLS and the other does not") {
  backend::Loop loop;
  Attempt attempt;
  run_attempt(loop, attempt, "ws://server.test/", {}, with(server_options()));
  CHECK(attempt.server_error == TlsError::not_tls);
  CHECK(attempt.client_error == ErrorClass::handshake);
  Attempt other;
  run_attempt(loop, other, "wss://server.test/", client_context(), {});
  CHECK(other.client_error == TlsError::not_tls);
  CHECK(other.server_error == ErrorClass::handshake);
  turn_until(loop, [&] { return loop.stream_count() == 0; });
}

TEST_CASE("a known host's session is resumed") {
  backend::Loop loop;
  const Connector connector = client_context();
  const AcceptOptions options = with(server_options());
  for (const bool resumed : {false, true}) {
    Attempt attempt;
    run_attempt(loop, attempt, "wss://server.test/", connector, options);
    REQUIRE(attempt.client);
    // The ticket comes with the first data at the latest.
    bool done = false;
    run(loop, exchange(*attempt.server, attempt.client->stream, "x", done));
    CHECK(attempt.client->stream.tls()->is_resumed() == resumed);
    CHECK(attempt.server->tls()->is_resumed() == resumed);
  }
}

/// A stream over TLS whose peer is a bare socket, whatever the tests run over.
struct TlsRig {
  backend::Loop loop;
  std::optional<WebSocketStream> stream;
  std::optional<Peer> peer;
  Outcome outcome;

  explicit TlsRig(SharedConfig config = {}) {
    auto [ours, theirs] = connected();
    auto server = std::make_unique<TlsEngine>(server_context(), Role::server, "", &loop.memory());
    auto client = std::make_unique<TlsEngine>(client_context(), Role::client, "server.test");
    while (server->wants_write() || client->wants_write()) {
      give(*server, take_output(*client));
      give(*client, take_output(*server));
    }
    auto raw = WebSocketStream::from_raw_socket(loop, std::move(ours), Role::server,
                                                std::move(config), std::move(server));
    REQUIRE(raw);
    stream.emplace(std::move(*raw));
    peer.emplace(loop, std::move(theirs), std::move(client));
  }
};

TEST_CASE("SEC-25 truncation: an end without close_notify is told, wherever it comes") {
  const std::string frame = client_frame(final_text, "cut");
  for (const std::size_t part : {std::size_t{0}, std::size_t{1}, frame.size() - 1}) {
    CAPTURE(part);
    TlsRig rig;
    rig.loop.spawn(read_all(*rig.stream, rig.outcome));
    rig.peer->send(client_frame(final_text, "whole") + frame.substr(0, part));
    rig.peer->cut();
    turn_until(rig.loop, [&] { return rig.outcome.done; });
    CHECK(rig.outcome.messages == std::vector{"whole"s});
    CHECK(rig.outcome.why == TlsError::truncated);
    CHECK_FALSE(rig.outcome.clean);
  }
}

TEST_CASE("SEC-25 a damaged record ends the stream, and what came before it is delivered") {
  TlsRig rig;
  rig.loop.spawn(read_all(*rig.stream, rig.outcome));
  rig.peer->send(client_frame(final_text, "before"));
  const std::string text = client_frame(final_text, "damaged");
  static_cast<void>(write(*rig.peer->tls(), text));
  std::string record(text_of(take_output(*rig.peer->tls())));
  record.back() = static_cast<char>(record.back() ^ 1);
  rig.peer->send_bare(record);
  turn_until(rig.loop, [&] { return rig.outcome.done; });
  CHECK(rig.outcome.messages == std::vector{"before"s});
  CHECK(rig.outcome.why == TlsError::bad_record);
  static_cast<void>(rig.peer->receive_all());
  CHECK(rig.peer->tls()->error() == TlsAlert::bad_record_mac);
}

TEST_CASE("a stream that closes sends close_notify, one that is dropped does not") {
  for (const bool closes : {true, false}) {
    TlsRig rig;
    if (closes) {
      auto close = [](WebSocketStream& stream, Outcome& outcome) -> Task<> {
        outcome.error = co_await stream.close();
        outcome.done = true;
      };
      rig.loop.spawn(close(*rig.stream, rig.outcome));
      rig.peer->send(client_frame(close_frame, close_body(1000)));
    } else {
      rig.stream.reset();
    }
    static_cast<void>(rig.peer->receive_all());
    CHECK(rig.peer->tls()->peer_closed() == closes);
    if (closes) {
      rig.peer->finish();
      turn_until(rig.loop, [&] { return rig.outcome.done; });
      CHECK_FALSE(rig.outcome.error);
    }
  }
}

TEST_CASE("messages that come with the answer, in one record, wait for the reader") {
  backend::Loop loop;
  auto [ours, theirs] = connected();
  Peer peer(loop, std::move(theirs), std::make_unique<TlsEngine>(server_context(), Role::server));
  Attempt attempt;
  loop.spawn(ask_once(loop, "wss://server.test/", std::move(ours), {.connector = client_context()},
                      attempt));
  const std::string request = peer.receive_until("\r\n\r\n");
  const std::size_t at = request.find("Sec-WebSocket-Key: ") + 19;
  const std::string key = request.substr(at, 24);
  peer.send(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      derive_accept_key(key) + "\r\n\r\n" + server_frame(final_text, "one") +
      server_frame(final_text, "two"));
  turn_until(loop, [&] { return attempt.client_done; });
  REQUIRE(attempt.client);
  settle(loop);
  Outcome outcome;
  loop.spawn(read_all(attempt.client->stream, outcome));
  turn_until(loop, [&] { return outcome.messages.size() == 2; });
  CHECK(outcome.messages == std::vector{"one"s, "two"s});
  CHECK_FALSE(attempt.client->stream.holds_buffer());
  CHECK(loop.memory().counters().in_use == 0);
}

TEST_CASE("SEC-27 the peer leaves at every point of the TLS handshake") {
  // Each round the peer sends so much of its flights and then goes.
  for (const Role role : {Role::server, Role::client}) {
    for (const bool reset : {false, true}) {
      for (std::size_t cut = 0; cut < 3000; cut += 211) {
        CAPTURE(cut);
        backend::Loop loop;
        auto [ours, theirs] = connected();
        Attempt attempt;
        if (role == Role::server) {
          loop.spawn(serve_once(loop, std::move(ours), with(server_options()), attempt));
        } else {
          loop.spawn(ask_once(loop, "wss://server.test/", std::move(ours),
                              {.connector = client_context()}, attempt));
        }
        Peer bare(loop, std::move(theirs));
        TlsEngine engine(role == Role::server ? client_context() : server_context(),
                         role == Role::server ? Role::client : Role::server, "server.test");
        std::size_t left = cut;
        while (left > 0 && !engine.handshake_done()) {
          const auto bytes = take_output(engine);
          const std::size_t size = std::min(left, bytes.size());
          bare.send(text_of(bytes).substr(0, size));
          left -= size;
          settle(loop);
          const std::string got = bare.receive_now();
          const ConstBytes view = bytes_of(got);
          give(engine, {view.begin(), view.end()});
        }
        if (reset) {
          bare.reset();
        } else {
          bare.close();
        }
        turn_until(loop, [&] { return attempt.server_done || attempt.client_done; });
        const std::error_code error =
            role == Role::server ? attempt.server_error : attempt.client_error;
        CHECK(error);
        if (!reset) CHECK((error == ErrorClass::tls || error == std::errc::connection_reset));
        turn_until(loop, [&] { return loop.stream_count() == 0; });
        CHECK(loop.memory().counters().in_use == 0);
      }
    }
  }
}

TEST_CASE("SEC-19 handshake_timeout covers the TLS handshake, at both ends") {
  for (const Role role : {Role::server, Role::client}) {
    backend::Loop loop;
    auto [ours, theirs] = connected();
    Attempt attempt;
    const Config config{.handshake_timeout = 5ms, .close_timeout = 5ms};
    if (role == Role::server) {
      AcceptOptions options = with(server_options());
      options.config = config;
      loop.spawn(serve_once(loop, std::move(ours), std::move(options), attempt));
    } else {
      loop.spawn(ask_once(loop, "wss://server.test/", std::move(ours),
                          {.config = config, .connector = client_context()}, attempt));
    }
    turn_until(loop, [&] { return attempt.server_done || attempt.client_done; });
    CHECK((role == Role::server ? attempt.server_error : attempt.client_error) ==
          Error::handshake_timeout);
    // Silent to the end.
    turn_until(loop, [&] { return loop.stream_count() == 0; });
  }
}

}  // namespace
}  // namespace wolframite::test
