#include "openssl_error.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include "wolframite/tls_error.hpp"

namespace wolframite {

unsigned long take_openssl_error() {
  const unsigned long first = ERR_peek_error();
  unsigned long found = 0;
  unsigned long memory = 0;
  while (const unsigned long next = ERR_get_error()) {
    if (ERR_GET_REASON(next) == ERR_R_MALLOC_FAILURE) memory = next;
    if (found == 0 && ERR_GET_LIB(next) == ERR_LIB_SSL) found = next;
  }
  if (memory != 0) return memory;
  return found != 0 ? found : first;
}

std::error_code tls_error_of(const SSL* ssl, unsigned long reason) {
  if (ERR_GET_REASON(reason) == ERR_R_MALLOC_FAILURE) {
    return std::make_error_code(std::errc::not_enough_memory);
  }
  if (ERR_GET_LIB(reason) != ERR_LIB_SSL) return TlsError::protocol_violation;
  // Alerts that were received are reasons of their own.
  const int alert = ERR_GET_REASON(reason) - SSL_AD_REASON_OFFSET;
  if (alert > 0 && alert <= 255) return static_cast<TlsAlert>(alert);

  switch (ERR_GET_REASON(reason)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return certificate_error(SSL_get_verify_result(ssl));
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TlsError::client_certificate_required;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
      return TlsError::no_shared_version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_CIPHERS_AVAILABLE:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
      return TlsError::no_shared_cipher;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return TlsError::no_shared_application_protocol;
    case SSL_R_CALLBACK_FAILED:
      return TlsError::choice_failed;
    case SSL_R_DECRYPTION_FAILED:
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
      return TlsError::bad_record;
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
      return TlsError::handshake_message_too_large;
    case SSL_R_NO_RENEGOTIATION:
      return TlsAlert::no_renegotiation;
    default:
      return TlsError::protocol_violation;
  }
}

}  // namespace wolframite
