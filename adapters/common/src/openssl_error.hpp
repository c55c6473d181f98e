/// @file
/// OpenSSL's error queue in our terms.
#pragma once

#include <openssl/ssl.h>

#include <system_error>

namespace wolframite {

/// Our code for `reason`, taken from OpenSSL's queue after an operation on `ssl` failed.
[[nodiscard]] std::error_code tls_error_of(const SSL* ssl, unsigned long reason);

}  // namespace wolframite
