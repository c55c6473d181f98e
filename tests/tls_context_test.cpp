// Invariant: options that cannot be used give no context but an error that names the fault; usable
// ones decide what every connection agrees on.
#include "wolframite/tls_context.hpp"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "tls_pair.hpp"

using namespace wolframite;
using namespace wolframite::test;

namespace {

std::error_code server_error(const TlsServerOptions& options) {
  const auto context = TlsContext::server(options);
  return context ? std::error_code{} : context.error();
}

std::error_code client_error(const TlsClientOptions& options) {
  const auto context = TlsContext::client(options);
  return context ? std::error_code{} : context.error();
}

/// A file that is gone again with its object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    char pattern[] = "/tmp/wolframite-test-XXXXXX";
    const int descriptor = mkstemp(pattern);
    if (descriptor < 0) throw std::runtime_error("no temporary file");
    std::fclose(fdopen(descriptor, "w"));
    path_ = pattern;
    std::ofstream(path_) << text;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::remove(path_.c_str()); }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TlsContext server_with(const std::vector<std::string>& protocols) {
  TlsServerOptions options = server_options();
  options.application_protocols = protocols;
  return made(TlsContext::server(options));
}

TlsContext client_with(const std::vector<std::string>& protocols) {
  TlsClientOptions options = client_options();
  options.application_protocols = protocols;
  return made(TlsContext::client(options));
}

/// A client that never speaks anything newer.
TlsContext capped_client(int newest, bool resumption = true) {
  TlsClientOptions options = client_options();
  options.resumption = resumption;
  TlsContext context = made(TlsContext::client(options));
  SSL_CTX_set_max_proto_version(context.native_handle(), newest);
  return context;
}

}  // namespace

TEST_CASE("files and text are the same") {
  const TemporaryFile certificate(server_identity().certificate.text);
  const TemporaryFile key(server_identity().key.text);
  const TemporaryFile authority(Authority::trusted().certificate().text);
  TlsServerOptions server;
  server.identity = {.certificate = {.file = certificate.path()}, .key = {.file = key.path()}};
  TlsClientOptions client;
  client.system_authorities = false;
  client.authorities = {{.file = authority.path()}};
  TlsPair pair(made(TlsContext::client(client)), made(TlsContext::server(server)));
  CHECK(pair.run().is_open());
}

TEST_CASE("files that cannot be read are told apart") {
  const Pem missing{.file = "/nonexistent/file.pem"};
  TlsServerOptions server = server_options();
  server.identity.certificate = missing;
  CHECK(server_error(server) == TlsError::certificate_file_unreadable);
  server = server_options();
  server.identity.key = missing;
  CHECK(server_error(server) == TlsError::key_file_unreadable);
  TlsClientOptions client;
  client.authorities = {missing};
  CHECK(client_error(client) == TlsError::authorities_file_unreadable);
}

TEST_CASE("malformed certificates, keys and authorities are told apart") {
  const std::string good = server_identity().certificate.text;
  for (const std::string& text :
       {std::string("not PEM"), server_identity().key.text.get(), good.substr(0, good.size() / 2),
        good + good.substr(0, good.size() / 2)}) {
    CAPTURE(text);
    TlsServerOptions server = server_options();
    server.identity.certificate = {.text = text};
    CHECK(server_error(server) == TlsError::invalid_certificate);
    TlsClientOptions client;
    client.authorities = {{.text = text}};
    CHECK(client_error(client) == TlsError::invalid_authorities);
  }
  TlsServerOptions server = server_options();
  server.identity.key = {.text = good};
  CHECK(server_error(server) == TlsError::invalid_key);
  server.identity.key = {};
  CHECK(server_error(server) == TlsError::invalid_key);
}

TEST_CASE("a key must belong to its certificate") {
  TlsServerOptions server = server_options();
  server.identity.key = client_identity().key;
  CHECK(server_error(server) == TlsError::key_mismatch);
}

TEST_CASE("an encrypted key needs its passphrase, and nobody is asked for it") {
  TlsServerOptions server = server_options();
  server.identity.key = encrypted(server_identity(), "open sesame");
  CHECK(server_error(server) == TlsError::invalid_key);
  server.identity.passphrase = "guess";
  CHECK(server_error(server) == TlsError::invalid_key);
  server.identity.passphrase = std::string(4096, 'x');
  CHECK(server_error(server) == TlsError::invalid_key);
  server.identity.passphrase = "open sesame";
  CHECK_FALSE(server_error(server));
}

TEST_CASE("a server needs a certificate, and so does a client's key") {
  CHECK(server_error({}) == TlsError::missing_certificate);
  TlsClientOptions client = client_options();
  client.identity.key = client_identity().key;
  CHECK(client_error(client) == TlsError::missing_certificate);
}

TEST_CASE("client certificates need an authority to be verified with") {
  for (const auto mode : {ClientCertificates::request, ClientCertificates::require}) {
    TlsServerOptions server = server_options();
    server.client_certificates = mode;
    CHECK(server_error(server) == TlsError::missing_authorities);
    server.client_authorities = {{.text = "not PEM"}};
    CHECK(server_error(server) == TlsError::invalid_authorities);
  }
}

TEST_CASE("the names of application protocols have 1 to 255 octets") {
  TlsClientOptions client = client_options();
  for (const std::size_t size : {std::size_t{0}, std::size_t{256}}) {
    client.application_protocols = {"http/1.1", std::string(size, 'x')};
    CHECK(client_error(client) == TlsError::invalid_application_protocol);
  }
  client.application_protocols = {std::string(255, 'x'), "y"};
  CHECK_FALSE(client_error(client));
}

TEST_CASE("a context is for its own role") {
  CHECK(TlsEngine(client_context(), Role::server).error() == TlsError::wrong_role);
  const TlsEngine client(server_context(), Role::client, "server.test");
  CHECK(client.error() == TlsError::wrong_role);
  CHECK_FALSE(client.wants_write());
}

TEST_CASE("connections outlive their context, and copies share it") {
  auto server = std::make_unique<TlsContext>(server_context());
  auto client = std::make_unique<TlsContext>(client_context());
  TlsContext copy = *server;
  CHECK(copy.native_handle() == server->native_handle());
  copy = *client;
  CHECK(copy.native_handle() == client->native_handle());
  TlsPair pair(*client, *server);
  client.reset();
  server.reset();
  CHECK(pair.run().is_open());
}

TEST_CASE("ALPN is http/1.1 by default") {
  TlsPair pair;
  pair.run();
  CHECK(pair.client.application_protocol() == "http/1.1");
  CHECK(pair.server.application_protocol() == "http/1.1");
}

TEST_CASE("ALPN takes the server's first choice, and none where one side has none") {
  TlsPair chosen(client_with({"b", "a", "c"}), server_with({"a", "b"}));
  CHECK(chosen.run().client.application_protocol() == "a");
  TlsPair quiet_client(client_with({}), server_with({"a"}));
  CHECK(quiet_client.run().is_open());
  CHECK(quiet_client.server.application_protocol().empty());
  TlsPair quiet_server(client_with({"a"}), server_with({}));
  CHECK(quiet_server.run().is_open());
  CHECK(quiet_server.client.application_protocol().empty());
}

TEST_CASE("ALPN with nothing in common is refused") {
  TlsPair pair(client_with({"h2"}), server_context());
  pair.run();
  CHECK(pair.server.error() == TlsError::no_shared_application_protocol);
  CHECK(pair.client.error() == TlsAlert::no_application_protocol);
}

TEST_CASE("ALPN: a server may not choose what was not offered") {
  const TlsContext server = server_with({});
  SSL_CTX_set_alpn_select_cb(
      server.native_handle(),
      [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char*, unsigned int,
         void*) {
        *out = reinterpret_cast<const unsigned char*>("h2");
        *size = 2;
        return SSL_TLSEXT_ERR_OK;
      },
      nullptr);
  TlsPair pair(client_context(), server);
  CHECK(pair.run().client.error() == TlsError::protocol_violation);
}

TEST_CASE("the version is the newest that both have, and TLS 1.2 at least") {
  TlsPair newest;
  newest.run();
  CHECK(newest.client.version() == "TLSv1.3");
  CHECK(newest.client.cipher().starts_with("TLS_AES_"));
  TlsPair older(capped_client(TLS1_2_VERSION));
  older.run();
  CHECK(older.client.version() == "TLSv1.2");
  CHECK(older.client.cipher() == older.server.cipher());
}

TEST_CASE("min_version refuses older peers") {
  TlsServerOptions server = server_options();
  server.min_version = TlsVersion::tls_1_3;
  TlsPair old_client(capped_client(TLS1_2_VERSION), made(TlsContext::server(server)));
  old_client.run();
  CHECK(old_client.server.error() == TlsError::no_shared_version);
  CHECK(old_client.client.error() == TlsAlert::protocol_version);

  TlsClientOptions client = client_options();
  client.min_version = TlsVersion::tls_1_3;
  const TlsContext old_server = server_context();
  SSL_CTX_set_max_proto_version(old_server.native_handle(), TLS1_2_VERSION);
  TlsPair new_client(made(TlsContext::client(client)), old_server);
  new_client.run();
  CHECK(new_client.client.error() == TlsAlert::protocol_version);
}

TEST_CASE("a context of the user's own cannot go below TLS 1.2") {
  SSL_CTX* native = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_security_level(native, 0);
  SSL_CTX_set_min_proto_version(native, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(native, TLS1_1_VERSION);
  const TlsEngine client(TlsContext::from_native(native), Role::client, "server.test");
  CHECK(client.error() == TlsError::no_shared_version);
  SSL_CTX_free(native);
}

TEST_CASE("ciphers with nothing in common are refused") {
  const TlsContext server = server_context();
  SSL_CTX_set_ciphersuites(server.native_handle(), "TLS_AES_128_GCM_SHA256");
  const TlsContext client = client_context();
  SSL_CTX_set_ciphersuites(client.native_handle(), "TLS_AES_256_GCM_SHA384");
  SSL_CTX_set_min_proto_version(client.native_handle(), TLS1_3_VERSION);
  TlsPair pair(client, server);
  pair.run();
  CHECK(pair.server.error() == TlsError::no_shared_cipher);
  CHECK(pair.client.error() == TlsAlert::handshake_failure);
}

TEST_CASE("a context of the user's own serves as it is") {
  SSL_CTX* native = SSL_CTX_new(TLS_server_method());
  const TlsContext prepared = server_context();
  SSL_CTX_use_certificate(native, SSL_CTX_get0_certificate(prepared.native_handle()));
  SSL_CTX_use_PrivateKey(native, SSL_CTX_get0_privatekey(prepared.native_handle()));
  SSL_CTX_set_max_early_data(native, 16 * 1024);
  const TlsContext server = TlsContext::from_native(native);
  SSL_CTX_free(native);
  TlsPair pair(client_context(), server);
  CHECK(pair.run().is_open());
  CHECK(SSL_get_max_early_data(pair.server.native_handle()) == 0);
}
