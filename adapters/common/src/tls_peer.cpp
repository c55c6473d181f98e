#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <array>
#include <new>

#include "openssl_pointers.hpp"
#include "wolframite/tls_engine.hpp"

// What a TlsEngine tells about the other side.

namespace wolframite {
namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string text_of(const X509_NAME* name) {
  const BioPointer out(BIO_new(BIO_s_mem()));
  if (out == nullptr) throw std::bad_alloc();
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  return text_of(out.get());
}

std::string_view text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string address_of(const ASN1_STRING* octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(octets) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(octets) != 16) return {};
  return inet_ntop(family, ASN1_STRING_get0_data(octets), text.data(), text.size()) != nullptr
             ? text.data()
             : "";
}

std::string name_of(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS:
      return std::string("DNS:").append(text_of(name.d.dNSName));
    case GEN_URI:
      return std::string("URI:").append(text_of(name.d.uniformResourceIdentifier));
    case GEN_EMAIL:
      return std::string("email:").append(text_of(name.d.rfc822Name));
    case GEN_IPADD:
      return "IP:" + address_of(name.d.iPAddress);
    default:
      return {};
  }
}

std::vector<std::string> alternative_names(const X509* certificate) {
  std::vector<std::string> names;
  auto* list = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    std::string name = name_of(*sk_GENERAL_NAME_value(list, i));
    if (!name.empty()) names.push_back(std::move(name));
  }
  GENERAL_NAMES_free(list);
  return names;
}

std::string hexadecimal(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

}  // namespace

std::string_view TlsEngine::version() const { return SSL_get_version(ssl_); }

std::string_view TlsEngine::cipher() const {
  const char* name = SSL_get_cipher_name(ssl_);
  return name != nullptr ? name : "";
}

std::string_view TlsEngine::application_protocol() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

bool TlsEngine::is_resumed() const { return SSL_session_reused(ssl_) == 1; }

std::optional<PeerCertificate> TlsEngine::peer_certificate() const {
  const X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return std::nullopt;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int digest_size = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &digest_size);
  PeerCertificate peer{text_of(X509_get_subject_name(certificate)),
                       text_of(X509_get_issuer_name(certificate)), alternative_names(certificate),
                       hexadecimal(std::span(digest).first(digest_size))};
  ERR_clear_error();
  return peer;
}

std::string_view TlsEngine::error_detail() const {
  const char* reason = detail_ != 0 ? ERR_reason_error_string(detail_) : nullptr;
  return reason != nullptr ? reason : "";
}

}  // namespace wolframite
