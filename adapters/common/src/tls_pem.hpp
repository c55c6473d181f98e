/// @file
/// Certificates and keys out of PEM.
#pragma once

#include <openssl/ssl.h>

#include <system_error>

#include "wolframite/tls_context.hpp"

namespace wolframite {

/// Takes the certificate, its intermediates and the key.
[[nodiscard]] std::error_code use_identity(SSL_CTX* context, const TlsIdentity& identity);

/// Trusts all certificates in `pem`.
[[nodiscard]] std::error_code trust_authorities(SSL_CTX* context, const Pem& pem);

/// Tells clients that certificates issued by those in `pem` are welcome.
[[nodiscard]] std::error_code announce_authorities(SSL_CTX* context, const Pem& pem);

}  // namespace wolframite
