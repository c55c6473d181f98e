/// @file
/// OpenSSL's objects with an owner.
#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace wolframite {

template <auto release>
struct OpenSslDelete {
  template <class T>
  void operator()(T* object) const noexcept {
    release(object);
  }
};

/// OPENSSL_free is a macro.
struct OpenSslFree {
  void operator()(void* memory) const noexcept { OPENSSL_free(memory); }
};

using BioPointer = std::unique_ptr<BIO, OpenSslDelete<BIO_free>>;
using KeyPointer = std::unique_ptr<EVP_PKEY, OpenSslDelete<EVP_PKEY_free>>;
using CertificatePointer = std::unique_ptr<X509, OpenSslDelete<X509_free>>;
using ContextPointer = std::unique_ptr<SSL_CTX, OpenSslDelete<SSL_CTX_free>>;
using SessionPointer = std::unique_ptr<SSL_SESSION, OpenSslDelete<SSL_SESSION_free>>;
using ConnectionPointer = std::unique_ptr<SSL, OpenSslDelete<SSL_free>>;
using TextPointer = std::unique_ptr<char, OpenSslFree>;

}  // namespace wolframite
