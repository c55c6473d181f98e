// Invariant: every TLS error and alert has a message and belongs to the class `tls`, and none
// equals an error of another category.
#include "wolframite/tls_error.hpp"

#include <doctest/doctest.h>
#include <openssl/x509_vfy.h>

#include <ostream>
#include <set>
#include <string>

using namespace wolframite;

TEST_CASE("every error has a message of its own and the class tls") {
  std::set<std::string> messages;
  for (int value = 1; value <= static_cast<int>(TlsError::truncated); ++value) {
    CAPTURE(value);
    const std::error_code code(value, tls_category());
    CHECK(code == static_cast<TlsError>(value));
    CHECK(code == ErrorClass::tls);
    CHECK(code != ErrorClass::protocol);
    CHECK(messages.insert(code.message()).second);
    CHECK(code.message().find("not a TLS error") == std::string::npos);
  }
  const std::error_code none = TlsError::none;
  CHECK_FALSE(none);
  CHECK(none != ErrorClass::tls);
  CHECK(std::error_code(999, tls_category()).message() == "not a TLS error of wolframite");
}

TEST_CASE("alerts are told by name and number") {
  const std::error_code code = TlsAlert::unknown_ca;
  CHECK(code == ErrorClass::tls);
  CHECK(code != TlsError::unknown_authority);
  CHECK(code.message() ==
        "the peer sent the TLS alert unknown_ca (48): it does not trust the authority that issued "
        "our "
        "certificate");
  CHECK(std::error_code(7, tls_alert_category()).message().find("unknown (7)") !=
        std::string::npos);
}

TEST_CASE("rare faults of certificates have OpenSSL's words") {
  const std::error_code revoked = certificate_error(X509_V_ERR_CERT_REVOKED);
  CHECK(revoked == ErrorClass::tls);
  CHECK(revoked.message() == "the peer's certificate is rejected: certificate revoked");
  CHECK(revoked != certificate_error(X509_V_ERR_INVALID_CA));
  CHECK(certificate_error(X509_V_ERR_CERT_HAS_EXPIRED) == TlsError::certificate_expired);
}
