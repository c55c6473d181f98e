/// @file
/// OpenSSL's error queue in our terms.
#pragma once

#include <openssl/ssl.h>

#include <system_error>

namespace wolframite {

/// Empties OpenSSL's queue of errors and returns the one that says most: want of memory, or
/// else the first that is about TLS, which may follow those of ciphers or parsers that caused it.
[[nodiscard]] unsigned long take_openssl_error();

/// Our code for `reason`, what take_openssl_error gave after an operation on `ssl` failed.
[[nodiscard]] std::error_code tls_error_of(const SSL* ssl, unsigned long reason);

}  // namespace wolframite
