#include "tls_pem.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "openssl_pointers.hpp"
#include "secret_bytes.hpp"
#include "wolframite/tls_error.hpp"

namespace wolframite {
namespace {

/// PEM to be read: the caller's text, or a file's, wiped afterwards, for it may be a key.
class Text {
 public:
  explicit Text(const Pem& pem) {
    if (!pem.text.empty()) {
      text_ = pem.text;
      return;
    }
    readable_ = read_secret_file(pem.file, file_);
    text_ = {file_.data(), file_.size()};
  }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  [[nodiscard]] bool is_readable() const { return readable_; }
  /// A view of the text: it copies nothing.
  [[nodiscard]] BioPointer reader() const {
    return BioPointer(BIO_new_mem_buf(text_.data(), static_cast<int>(text_.size())));
  }

 private:
  SecretBytes file_;
  std::string_view text_;
  bool readable_ = true;
};

/// Gives OpenSSL the passphrase. Without a callback it would ask at the terminal.
int give_passphrase(char* out, int size, int, void* passphrase) {
  const auto& text = *static_cast<const std::string_view*>(passphrase);
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(out, text.data(), text.size());
  return static_cast<int>(text.size());
}

/// All certificates, in order; none if any part is malformed.
std::vector<CertificatePointer> parse_certificates(const Text& text) {
  std::vector<CertificatePointer> certificates;
  const BioPointer reader = text.reader();
  std::string_view no_passphrase;
  while (X509* certificate =
             PEM_read_bio_X509(reader.get(), nullptr, give_passphrase, &no_passphrase)) {
    certificates.emplace_back(certificate);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) certificates.clear();
  return certificates;
}

struct Authorities {
  std::error_code error{};
  std::vector<CertificatePointer> certificates{};
};

Authorities read_authorities(const Pem& pem) {
  const Text text(pem);
  if (!text.is_readable()) return {TlsError::authorities_file_unreadable, {}};
  auto certificates = parse_certificates(text);
  if (certificates.empty()) return {TlsError::invalid_authorities, {}};
  return {{}, std::move(certificates)};
}

std::error_code use_certificate(SSL_CTX* context, const Pem& pem) {
  const Text text(pem);
  if (!text.is_readable()) return TlsError::certificate_file_unreadable;
  auto certificates = parse_certificates(text);
  if (certificates.empty()) return TlsError::invalid_certificate;
  bool used = SSL_CTX_use_certificate(context, certificates.front().get()) == 1;
  for (auto next = certificates.begin() + 1; used && next != certificates.end(); ++next) {
    used = SSL_CTX_add1_chain_cert(context, next->get()) == 1;
  }
  ERR_clear_error();
  return used ? TlsError::none : TlsError::invalid_certificate;
}

std::error_code use_key(SSL_CTX* context, const TlsIdentity& identity) {
  const Text text(identity.key);
  if (!text.is_readable()) return TlsError::key_file_unreadable;
  std::string_view passphrase = identity.passphrase;  // read where it is
  const KeyPointer key(
      PEM_read_bio_PrivateKey(text.reader().get(), nullptr, give_passphrase, &passphrase));
  ERR_clear_error();
  if (key == nullptr) return TlsError::invalid_key;
  const bool used = X509_check_private_key(SSL_CTX_get0_certificate(context), key.get()) == 1 &&
                    SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  ERR_clear_error();
  return used ? TlsError::none : TlsError::key_mismatch;
}

}  // namespace

std::error_code use_identity(SSL_CTX* context, const TlsIdentity& identity) {
  if (identity.certificate.empty()) return TlsError::missing_certificate;
  if (identity.key.empty()) return TlsError::invalid_key;
  if (const auto error = use_certificate(context, identity.certificate)) return error;
  return use_key(context, identity);
}

std::error_code trust_authorities(SSL_CTX* context, const Pem& pem) {
  const Authorities authorities = read_authorities(pem);
  if (authorities.error) return authorities.error;
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  const bool added =
      std::ranges::all_of(authorities.certificates, [store](const auto& certificate) {
        return X509_STORE_add_cert(store, certificate.get()) == 1;
      });
  return added ? std::error_code{} : std::make_error_code(std::errc::not_enough_memory);
}

std::error_code announce_authorities(SSL_CTX* context, const Pem& pem) {
  const Authorities authorities = read_authorities(pem);
  if (authorities.error) return authorities.error;
  const bool added =
      std::ranges::all_of(authorities.certificates, [context](const auto& certificate) {
        return SSL_CTX_add_client_CA(context, certificate.get()) == 1;
      });
  return added ? std::error_code{} : std::make_error_code(std::errc::not_enough_memory);
}

}  // namespace wolframite
