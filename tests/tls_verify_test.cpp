// Invariant: each way a certificate can be wrong ends the handshake with its own error, on both
// sides, and no plaintext passes.
#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "tls_pair.hpp"

using namespace wolframite;
using namespace wolframite::test;

namespace {

TlsContext serving(const TlsIdentity& identity) {
  TlsServerOptions options;
  options.identity = identity;
  return made(TlsContext::server(options));
}

/// A client that rejects what the server shows, and tells it so.
void check_rejected(const TlsIdentity& identity, std::string_view host, std::error_code why,
                    TlsAlert alert) {
  TlsPair pair(client_context(), serving(identity), host);
  pair.run();
  CHECK(pair.client.error() == why);
  CHECK(pair.client.error() == ErrorClass::tls);
  CHECK(pair.server.error() == alert);
  CHECK(write(pair.client, "secret") == 0);
  CHECK_FALSE(pair.client.handshake_done());
  CHECK(pair.at_server.empty());
}

TlsServerOptions asking(ClientCertificates client_certificates) {
  TlsServerOptions options = server_options();
  options.client_certificates = client_certificates;
  options.client_authorities = {Authority::trusted().certificate()};
  return options;
}

TlsContext client_as(const TlsIdentity& identity, TlsVersion version = TlsVersion::tls_1_2) {
  TlsClientOptions options = client_options();
  options.identity = identity;
  options.min_version = version;
  return made(TlsContext::client(options));
}

/// A server that speaks nothing newer than TLS 1.2.
TlsContext old_server(const TlsServerOptions& options) {
  TlsContext context = made(TlsContext::server(options));
  SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_2_VERSION);
  return context;
}

}  // namespace

TEST_CASE("names and addresses in the certificate are accepted") {
  for (const char* host : {"server.test", "SERVER.test", "server.test.", "a.wild.test", "127.0.0.1",
                           "::1", "0:0:0:0:0:0:0:1", "::1%lo"}) {
    CAPTURE(host);
    TlsPair pair(client_context(), server_context(), host);
    CHECK(pair.run().is_open());
  }
}

TEST_CASE("SEC-25 wrong host name") {
  for (const char* host :
       {"other.test", "a.b.wild.test", "wild.test", "xserver.test", "server.test.evil"}) {
    CAPTURE(host);
    check_rejected(server_identity(), host, TlsError::host_mismatch, TlsAlert::bad_certificate);
  }
}

TEST_CASE("SEC-25 IP-address names") {
  for (const char* host : {"127.0.0.2", "::2", "10.0.0.1"}) {
    CAPTURE(host);
    check_rejected(server_identity(), host, TlsError::host_mismatch, TlsAlert::bad_certificate);
  }
  // An address in a DNS name or in the common name is no address.
  const TlsIdentity named = Authority::trusted().issue(
      {.common_name = "127.0.0.1", .names = "DNS:127.0.0.1,DNS:other.test"});
  check_rejected(named, "127.0.0.1", TlsError::host_mismatch, TlsAlert::bad_certificate);
}

TEST_CASE("SEC-25 a common name is no host name") {
  check_rejected(Authority::trusted().issue({.common_name = "server.test"}), "server.test",
                 TlsError::host_mismatch, TlsAlert::bad_certificate);
}

TEST_CASE("SEC-25 a host that cannot be verified is refused before anything is sent") {
  using namespace std::string_view_literals;
  for (const auto host : {""sv, "."sv, "server.test\0.evil"sv, "%eth0:"sv, ":"sv}) {
    CAPTURE(host);
    TlsEngine client(client_context(), Role::client, host);
    if (client.error()) {
      CHECK(client.error() == TlsError::invalid_server_name);
      CHECK_FALSE(client.wants_write());
    } else {
      TlsPair pair(client_context(), server_context(), host);
      CHECK_FALSE(pair.run().is_open());
    }
  }
  TlsEngine nameless(client_context(), Role::client);
  CHECK(nameless.error() == TlsError::invalid_server_name);
}

TEST_CASE("SEC-25 expired certificate") {
  check_rejected(Authority::trusted().issue(
                     {.names = "DNS:server.test", .not_before = -7200, .not_after = -3600}),
                 "server.test", TlsError::certificate_expired, TlsAlert::certificate_expired);
}

TEST_CASE("SEC-25 certificate that is not yet valid") {
  check_rejected(Authority::trusted().issue(
                     {.names = "DNS:server.test", .not_before = 3600, .not_after = 7200}),
                 "server.test", TlsError::certificate_not_yet_valid, TlsAlert::bad_certificate);
}

TEST_CASE("SEC-25 self-signed certificate") {
  const TlsIdentity identity = self_signed({.names = "DNS:server.test"});
  check_rejected(identity, "server.test", TlsError::self_signed, TlsAlert::unknown_ca);

  TlsClientOptions options;
  options.system_authorities = false;
  options.authorities = {identity.certificate};
  TlsPair pair(made(TlsContext::client(options)), serving(identity));
  CHECK(pair.run().is_open());
}

TEST_CASE("SEC-25 unknown authority") {
  const Authority other("Other Authority");
  TlsIdentity identity = other.issue({.names = "DNS:server.test"});
  check_rejected(identity, "server.test", TlsError::unknown_authority, TlsAlert::unknown_ca);
  identity.certificate.text += other.certificate().text;  // its root beside it makes no difference
  check_rejected(identity, "server.test", TlsError::unknown_authority, TlsAlert::unknown_ca);
}

TEST_CASE("SEC-25 certificate for another purpose") {
  const TlsIdentity identity =
      Authority::trusted().issue({.names = "DNS:server.test", .for_clients = true});
  const std::error_code why = certificate_error(X509_V_ERR_INVALID_PURPOSE);
  check_rejected(identity, "server.test", why, TlsAlert::unsupported_certificate);
  CHECK(why.message().find("certificate purpose") != std::string::npos);
  CHECK(why.message().find("rejected") != std::string::npos);
}

TEST_CASE("without the system's authorities and without others, nobody is trusted") {
  TlsClientOptions options;
  options.system_authorities = false;
  TlsPair pair(made(TlsContext::client(options)));
  CHECK(pair.run().client.error() == TlsError::unknown_authority);
}

TEST_CASE("the system's authorities do not know ours") {
  TlsPair pair(made(TlsContext::client()));
  CHECK(pair.run().client.error() == TlsError::unknown_authority);
}

TEST_CASE("verification is off only when that is asked for by its name") {
  TlsClientOptions options;
  options.verify = Verify::none_insecure;
  options.system_authorities = false;
  TlsPair pair(made(TlsContext::client(options)), serving(self_signed({})), "any.test");
  CHECK(pair.run().is_open());
}

TEST_CASE("a context of the user's own verifies whatever its verify mode is") {
  SSL_CTX* native = SSL_CTX_new(TLS_client_method());
  REQUIRE(SSL_CTX_get_verify_mode(native) == SSL_VERIFY_NONE);
  TlsPair verified(TlsContext::from_native(native));
  CHECK(verified.run().client.error() == TlsError::unknown_authority);
  TlsPair insecure(TlsContext::from_native(native, Verify::none_insecure));
  CHECK(insecure.run().is_open());
  SSL_CTX_free(native);
}

TEST_CASE("mTLS: the server can read who the client is") {
  for (const auto mode : {ClientCertificates::request, ClientCertificates::require}) {
    TlsPair pair(client_as(client_identity()), made(TlsContext::server(asking(mode))));
    REQUIRE(pair.run().is_open());
    const auto peer = pair.server.peer_certificate();
    REQUIRE(peer.has_value());
    CHECK(peer->subject == "CN=alice");
    CHECK(peer->issuer == "CN=Test Authority");
    CHECK(peer->names == std::vector<std::string>{"email:alice@example.test", "URI:urn:alice"});
    CHECK(peer->sha256.size() == 64);
    CHECK(peer->sha256 != pair.client.peer_certificate()->sha256);
  }
}

TEST_CASE("the client can read who the server is") {
  TlsPair pair;
  CHECK_FALSE(pair.client.peer_certificate().has_value());
  pair.run();
  const auto peer = pair.client.peer_certificate();
  REQUIRE(peer.has_value());
  CHECK(peer->subject == "CN=server");
  CHECK(peer->names ==
        std::vector<std::string>{"DNS:server.test", "DNS:*.wild.test", "IP:127.0.0.1", "IP:::1"});
  CHECK_FALSE(pair.server.peer_certificate().has_value());
}

TEST_CASE("mTLS: requested is not required") {
  TlsPair pair(client_context(), made(TlsContext::server(asking(ClientCertificates::request))));
  CHECK(pair.run().is_open());
  CHECK_FALSE(pair.server.peer_certificate().has_value());
}

TEST_CASE("SEC-25 client certificate missing") {
  SUBCASE("TLS 1.3: the client hears of it after its handshake") {
    TlsPair pair(client_context(), made(TlsContext::server(asking(ClientCertificates::require))));
    pair.run();
    CHECK(pair.server.error() == TlsError::client_certificate_required);
    CHECK(pair.client.handshake_done());
    CHECK(pair.client.error() == TlsAlert::certificate_required);
  }
  SUBCASE("TLS 1.2") {
    TlsPair pair(client_context(), old_server(asking(ClientCertificates::require)));
    pair.run();
    CHECK(pair.server.error() == TlsError::client_certificate_required);
    CHECK(pair.client.error() == TlsAlert::handshake_failure);
  }
}

TEST_CASE("SEC-25 data of a client whose certificate is missing is not delivered") {
  TlsPair pair(client_context(), made(TlsContext::server(asking(ClientCertificates::require))));
  pair.to_server();
  pair.to_client();
  REQUIRE(pair.client.handshake_done());
  CHECK(write(pair.client, "secret") == 6);
  pair.run();
  CHECK(pair.server.error() == TlsError::client_certificate_required);
  CHECK(pair.at_server.empty());
}

TEST_CASE("SEC-25 client certificates are verified even where they are optional") {
  const Authority other("Other Authority");
  for (const auto mode : {ClientCertificates::request, ClientCertificates::require}) {
    const auto server = made(TlsContext::server(asking(mode)));
    TlsPair unknown(client_as(other.issue({.for_clients = true})), server);
    CHECK(unknown.run().server.error() == TlsError::unknown_authority);
    CHECK(unknown.client.error() == TlsAlert::unknown_ca);

    TlsPair expired(client_as(Authority::trusted().issue(
                        {.not_before = -7200, .not_after = -3600, .for_clients = true})),
                    server);
    CHECK(expired.run().server.error() == TlsError::certificate_expired);

    TlsPair wrong_purpose(client_as(server_identity()), server);
    CHECK(wrong_purpose.run().server.error() == certificate_error(X509_V_ERR_INVALID_PURPOSE));
  }
}
