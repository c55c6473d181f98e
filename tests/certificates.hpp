// Certificates for the TLS tests, made when the tests run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "wolframite/tls_context.hpp"

namespace wolframite::test {

/// Who issues a certificate and what it says. Times are seconds from now.
struct CertificateRequest {
  std::string common_name = "test";
  std::string names{};  ///< a subjectAltName as OpenSSL writes it: `DNS:a.test,IP:127.0.0.1`
  long not_before = -24 * 60 * 60;
  long not_after = 24 * 60 * 60;
  bool for_clients = false;  ///< may prove a client only; otherwise a server only
};

/// A certificate authority with a fresh P-256 key.
class Authority {
 public:
  explicit Authority(const std::string& common_name);
  ~Authority();

  [[nodiscard]] TlsIdentity issue(const CertificateRequest& request) const;
  [[nodiscard]] Pem certificate() const;

  /// The authority all tests share, to be trusted.
  static const Authority& trusted();

 private:
  struct Pair;
  std::unique_ptr<Pair> pair_;
};

/// Signed by its own key.
[[nodiscard]] TlsIdentity self_signed(const CertificateRequest& request);

/// The identity's key with a passphrase on it.
[[nodiscard]] Pem encrypted(const TlsIdentity& identity, const std::string& passphrase);

/// What most tests use: a server for `server.test`, `*.wild.test`, 127.0.0.1 and ::1; a client
/// `alice`.
[[nodiscard]] const TlsIdentity& server_identity();
[[nodiscard]] const TlsIdentity& client_identity();

}  // namespace wolframite::test
