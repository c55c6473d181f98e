#include "certificates.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <functional>
#include <stdexcept>

namespace wolframite::test {
namespace {

struct Release {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;

void demand(bool done) {
  if (!done) throw std::runtime_error("OpenSSL cannot make a certificate");
}

std::string written(const std::function<int(BIO*)>& write) {
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  demand(write(out.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  return written([=](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}

std::string pem_of(EVP_PKEY* key) {
  return written([=](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Owned<EVP_PKEY> make_key() {
  Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  demand(key != nullptr);
  return key;
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  demand(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

Owned<X509> make_certificate(const CertificateRequest& request, EVP_PKEY* key) {
  static long serial = 1;
  Owned<X509> certificate(X509_new());
  demand(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
         X509_set_pubkey(certificate.get(), key) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), request.not_before);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), request.not_after);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(request.common_name.c_str()),
                             -1, -1, 0);
  return certificate;
}

void add_purpose(X509* certificate, X509* issuer, const CertificateRequest& request) {
  extend(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
  extend(certificate, issuer, NID_ext_key_usage, request.for_clients ? "clientAuth" : "serverAuth");
  if (!request.names.empty()) extend(certificate, issuer, NID_subject_alt_name, request.names);
}

void sign(X509* certificate, X509* issuer, EVP_PKEY* key) {
  demand(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
         X509_sign(certificate, key, EVP_sha256()) > 0);
}

}  // namespace

struct Authority::Pair {
  Owned<EVP_PKEY> key;
  Owned<X509> certificate;
};

Authority::Authority(const std::string& common_name) : pair_(std::make_unique<Pair>()) {
  pair_->key = make_key();
  pair_->certificate = make_certificate({.common_name = common_name}, pair_->key.get());
  X509* certificate = pair_->certificate.get();
  extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate, certificate, NID_key_usage, "critical,keyCertSign");
  sign(certificate, certificate, pair_->key.get());
}

Authority::~Authority() = default;

TlsIdentity Authority::issue(const CertificateRequest& request) const {
  const auto key = make_key();
  const auto certificate = make_certificate(request, key.get());
  add_purpose(certificate.get(), pair_->certificate.get(), request);
  sign(certificate.get(), pair_->certificate.get(), pair_->key.get());
  return {.certificate = {.text = pem_of(certificate.get())}, .key = {.text = pem_of(key.get())}};
}

Pem Authority::certificate() const { return {.text = pem_of(pair_->certificate.get())}; }

const Authority& Authority::trusted() {
  static const Authority authority("Test Authority");
  return authority;
}

TlsIdentity self_signed(const CertificateRequest& request) {
  const auto key = make_key();
  const auto certificate = make_certificate(request, key.get());
  add_purpose(certificate.get(), certificate.get(), request);
  sign(certificate.get(), certificate.get(), key.get());
  return {.certificate = {.text = pem_of(certificate.get())}, .key = {.text = pem_of(key.get())}};
}

Pem encrypted(const TlsIdentity& identity, const std::string& passphrase) {
  const Owned<BIO> in(
      BIO_new_mem_buf(identity.key.text.data(), static_cast<int>(identity.key.text.size())));
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  demand(key != nullptr);
  return {.text = written([&](BIO* out) {
            return PEM_write_bio_PKCS8PrivateKey(
                out, key.get(), EVP_aes_128_cbc(), passphrase.data(),
                static_cast<int>(passphrase.size()), nullptr, nullptr);
          })};
}

const TlsIdentity& server_identity() {
  static const TlsIdentity identity = Authority::trusted().issue(
      {.common_name = "server", .names = "DNS:server.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1"});
  return identity;
}

const TlsIdentity& client_identity() {
  static const TlsIdentity identity =
      Authority::trusted().issue({.common_name = "alice",
                                  .names = "email:alice@example.test,URI:urn:alice",
                                  .for_clients = true});
  return identity;
}

}  // namespace wolframite::test
