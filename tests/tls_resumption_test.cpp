// Invariant: a session is resumed only with the host and the context it was verified for, and a
// server name decides which context that is.
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <stdexcept>

#include "tls_pair.hpp"

using namespace wolframite;
using namespace wolframite::test;

namespace {

bool resumes(const TlsContext& client, const TlsContext& server,
             std::string_view host = "server.test") {
  TlsPair pair(client, server, host);
  REQUIRE(pair.run().is_open());
  CHECK(pair.client.is_resumed() == pair.server.is_resumed());
  return pair.client.is_resumed();
}

TlsContext server_for(const std::string& name, ClientCertificates client_certificates) {
  TlsServerOptions options;
  options.identity = Authority::trusted().issue({.common_name = name, .names = "DNS:" + name});
  options.client_certificates = client_certificates;
  options.client_authorities = {Authority::trusted().certificate()};
  return made(TlsContext::server(options));
}

/// Serves `open.test` to all, and `closed.test` to clients with a certificate.
TlsContext two_servers() {
  TlsServerOptions options = server_options();
  const TlsContext open = server_for("open.test", ClientCertificates::none);
  const TlsContext closed = server_for("closed.test", ClientCertificates::require);
  options.choose = [=](std::string_view name) -> std::optional<TlsContext> {
    if (name == "open.test") return open;
    if (name == "closed.test") return closed;
    return std::nullopt;
  };
  return made(TlsContext::server(options));
}

}  // namespace

TEST_CASE("a second connection to a host resumes the first one's session") {
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(newest);
    const TlsContext client = client_context();
    SSL_CTX_set_max_proto_version(client.native_handle(), newest);
    const TlsContext server = server_context();
    CHECK_FALSE(resumes(client, server));
    CHECK(resumes(client, server));
    CHECK(resumes(client, server));
  }
}

TEST_CASE("a resumed connection still knows its peer") {
  const TlsContext client = client_context();
  const TlsContext server = server_context();
  REQUIRE_FALSE(resumes(client, server));
  TlsPair pair(client, server);
  pair.run();
  REQUIRE(pair.client.is_resumed());
  CHECK(pair.client.peer_certificate()->subject == "CN=server");
}

TEST_CASE("sessions are kept by host, addresses among them") {
  const TlsContext client = client_context();
  const TlsContext server = server_context();
  CHECK_FALSE(resumes(client, server, "server.test"));
  CHECK_FALSE(resumes(client, server, "a.wild.test"));
  CHECK_FALSE(resumes(client, server, "127.0.0.1"));
  CHECK_FALSE(resumes(client, server, "::1"));
  CHECK(resumes(client, server, "server.test"));
  CHECK(resumes(client, server, "127.0.0.1"));
  CHECK(resumes(client, server, "::1"));
}

TEST_CASE("many hosts do not make the sessions grow without bound") {
  const TlsContext client = client_context();
  const TlsContext server = server_context();
  for (int i = 0; i < 300; ++i) {
    CHECK_FALSE(resumes(client, server, "h" + std::to_string(i) + ".wild.test"));
  }
  int kept = 0;
  for (int i = 0; i < 300; ++i)
    kept += resumes(client, server, "h" + std::to_string(i) + ".wild.test");
  CHECK(kept <= 256);
  CHECK(kept > 0);
}

TEST_CASE("resumption can be switched off on either side") {
  TlsClientOptions client = client_options();
  client.resumption = false;
  const TlsContext forgetful = made(TlsContext::client(client));
  const TlsContext server = server_context();
  CHECK_FALSE(resumes(forgetful, server));
  CHECK_FALSE(resumes(forgetful, server));

  TlsServerOptions options = server_options();
  options.resumption = false;
  const TlsContext strict = made(TlsContext::server(options));
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const TlsContext eager = client_context();
    SSL_CTX_set_max_proto_version(eager.native_handle(), newest);
    CHECK_FALSE(resumes(eager, strict));
    CHECK_FALSE(resumes(eager, strict));
  }
}

TEST_CASE("another server context cannot read the tickets") {
  const TlsContext client = client_context();
  CHECK_FALSE(resumes(client, server_context()));
  CHECK_FALSE(resumes(client, server_context()));
}

TEST_CASE("the server name picks the certificate") {
  const TlsContext server = two_servers();
  for (const std::string host : {"open.test", "server.test"}) {
    TlsPair pair(client_context(), server, host);
    REQUIRE(pair.run().is_open());
    CHECK(pair.client.peer_certificate()->subject ==
          (host == "open.test" ? "CN=open.test" : "CN=server"));
  }
  TlsPair by_address(client_context(), server, "127.0.0.1");
  CHECK(by_address.run().is_open());
}

TEST_CASE("the server name picks who must show a certificate") {
  TlsPair pair(client_context(), two_servers(), "closed.test");
  CHECK(pair.run().server.error() == TlsError::client_certificate_required);
}

TEST_CASE("the server name picks version and application protocols") {
  TlsServerOptions picked = server_options();
  picked.min_version = TlsVersion::tls_1_3;
  picked.application_protocols = {"special"};
  const TlsContext special = made(TlsContext::server(picked));
  TlsServerOptions options = server_options();
  options.choose = [=](std::string_view) { return special; };
  const TlsContext server = made(TlsContext::server(options));

  TlsPair protocol(client_context(), server);
  CHECK(protocol.run().server.error() == TlsError::no_shared_application_protocol);

  TlsClientOptions old = client_options();
  old.application_protocols = {"special"};
  const TlsContext client = made(TlsContext::client(old));
  TlsPair agreed(client, server);
  CHECK(agreed.run().client.application_protocol() == "special");
  SSL_CTX_set_max_proto_version(client.native_handle(), TLS1_2_VERSION);
  TlsPair version(client, server);
  CHECK(version.run().server.error() == TlsError::no_shared_version);
}

TEST_CASE("SEC-25 a session of one name does not open another that asks for more") {
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(newest);
    const TlsContext server = two_servers();
    SSL_CTX* native = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(native, newest);
    const TlsContext client = TlsContext::from_native(native, Verify::none_insecure);
    SSL_CTX_free(native);

    TlsPair first(client, server, "open.test");
    REQUIRE(first.run().is_open());
    SSL_SESSION* session = SSL_get1_session(first.client.native_handle());
    REQUIRE(SSL_SESSION_is_resumable(session) == 1);

    // A client of malice: the session of one name in a handshake for the other. Its own ClientHello
    // is thrown away, for it was made before the session was set.
    const auto connect = [&](const char* name) {
      TlsPair forged(client, server, name);
      static_cast<void>(take_output(forged.client));
      SSL_clear(forged.client.native_handle());
      SSL_set_session(forged.client.native_handle(), session);
      SSL_do_handshake(forged.client.native_handle());
      forged.run();
      return std::pair(forged.server.is_resumed(), forged.server.error());
    };
    const auto same = connect("open.test");
    CHECK(same.first);
    CHECK_FALSE(same.second);
    const auto other = connect("closed.test");
    CHECK_FALSE(other.first);
    CHECK(other.second == TlsError::client_certificate_required);
    SSL_SESSION_free(session);
  }
}

TEST_CASE("a choice that throws ends the handshake, and nothing else") {
  TlsServerOptions options = server_options();
  options.choose = [](std::string_view) -> std::optional<TlsContext> {
    throw std::runtime_error("no");
  };
  TlsPair pair(client_context(), made(TlsContext::server(options)));
  pair.run();
  CHECK(pair.server.error() == TlsError::choice_failed);
  CHECK(pair.client.error() == TlsAlert::internal_error);
}
