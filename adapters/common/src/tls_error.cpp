#include "wolframite/tls_error.hpp"

#include <openssl/x509_vfy.h>

#include <string>

namespace wolframite {
namespace {

// Codes from here on are a verify result without a TlsError.
constexpr int first_verify_result = 1024;

const char* describe(TlsError error) {
  switch (error) {
    case TlsError::none:
      return "no error";
    case TlsError::certificate_file_unreadable:
      return "the certificate file cannot be read; check its path and permissions";
    case TlsError::invalid_certificate:
      return "the certificate cannot be used: it must be PEM, the own certificate first and then "
             "its "
             "intermediates, with a key that is strong enough";
    case TlsError::key_file_unreadable:
      return "the private key file cannot be read; check its path and permissions";
    case TlsError::invalid_key:
      return "the private key cannot be used: it must be PEM, with its passphrase if it is "
             "encrypted";
    case TlsError::key_mismatch:
      return "the private key does not belong to the certificate; were the files of two pairs "
             "mixed up?";
    case TlsError::authorities_file_unreadable:
      return "the file of trusted authorities cannot be read; check its path and permissions";
    case TlsError::invalid_authorities:
      return "the trusted authorities cannot be used: they must be certificates in PEM";
    case TlsError::missing_certificate:
      return "a certificate is missing: a server needs one with its key, and a key needs its "
             "certificate";
    case TlsError::missing_authorities:
      return "client certificates are asked for, but no authority is trusted to issue them; set "
             "TlsServerOptions::client_authorities";
    case TlsError::invalid_application_protocol:
      return "the name of an application protocol (ALPN) must have 1 to 255 octets";
    case TlsError::wrong_role:
      return "the TlsContext was made for the other role; use TlsContext::client for clients and "
             "TlsContext::server for servers";
    case TlsError::invalid_server_name:
      return "a TLS client needs the name or address of its server, to verify its certificate "
             "against";
    case TlsError::certificate_expired:
      return "the peer's certificate has expired; it must be renewed (or is the clock wrong here?)";
    case TlsError::certificate_not_yet_valid:
      return "the peer's certificate is not valid yet; is the clock right, here and where it was "
             "issued?";
    case TlsError::unknown_authority:
      return "the peer's certificate was issued by no authority that is trusted here; add its CA "
             "to the "
             "authorities, or have the peer send its intermediate certificates";
    case TlsError::self_signed:
      return "the peer's certificate is self-signed and not trusted here; add it to the "
             "authorities";
    case TlsError::host_mismatch:
      return "the server's certificate is for other names: its subjectAltName does not have the "
             "host that "
             "was connected to";
    case TlsError::client_certificate_required:
      return "the client sent no certificate, and this server requires one";
    case TlsError::not_tls:
      return "the peer does not speak TLS; is it plain HTTP (ws://) on a TLS port, or the other "
             "way round?";
    case TlsError::no_shared_version:
      return "the peer speaks no version of TLS that is allowed here; TLS 1.2 is the least";
    case TlsError::no_shared_cipher:
      return "there is no cipher, group or signature algorithm that both sides can use";
    case TlsError::no_shared_application_protocol:
      return "there is no application protocol (ALPN) that both sides speak; WebSocket is http/1.1";
    case TlsError::choice_failed:
      return "the function that chooses a certificate by server name threw an exception";
    case TlsError::handshake_message_too_large:
      return "the peer announced a message of the TLS handshake that is larger than is taken here";
    case TlsError::closed_in_handshake:
      return "the peer ended the stream inside the TLS handshake; its log may say why";
    case TlsError::bad_record:
      return "a TLS record was damaged or forged on its way";
    case TlsError::protocol_violation:
      return "the peer broke the TLS protocol";
    case TlsError::renegotiation_refused:
      return "the peer tried to renegotiate, which is not allowed here";
    case TlsError::too_many_replies:
      return "the peer asks for TLS answers and does not read them";
    case TlsError::truncated:
      return "the peer ended the stream without close_notify: data may have been cut off";
  }
  return nullptr;
}

struct Alert {
  const char* name;
  const char* hint;
};

Alert describe(TlsAlert alert) {
  switch (alert) {
    case TlsAlert::unexpected_message:
      return {"unexpected_message", "it did not expect what we sent"};
    case TlsAlert::bad_record_mac:
      return {"bad_record_mac", "what we sent was damaged or forged on its way"};
    case TlsAlert::decryption_failed:
      return {"decryption_failed", "what we sent was damaged or forged on its way"};
    case TlsAlert::record_overflow:
      return {"record_overflow", "a record was too long for it"};
    case TlsAlert::decompression_failure:
      return {"decompression_failure", "it could not decompress what we sent"};
    case TlsAlert::handshake_failure:
      return {"handshake_failure",
              "it found no parameters to agree on, or wants a client certificate"};
    case TlsAlert::no_certificate:
      return {"no_certificate", "it has no certificate for us"};
    case TlsAlert::bad_certificate:
      return {"bad_certificate", "it rejected our certificate, or misses one"};
    case TlsAlert::unsupported_certificate:
      return {"unsupported_certificate",
              "our certificate is of a kind or purpose it does not accept"};
    case TlsAlert::certificate_revoked:
      return {"certificate_revoked", "our certificate was revoked"};
    case TlsAlert::certificate_expired:
      return {"certificate_expired", "our certificate is not valid at this time"};
    case TlsAlert::certificate_unknown:
      return {"certificate_unknown", "it rejected our certificate"};
    case TlsAlert::illegal_parameter:
      return {"illegal_parameter", "a field of our handshake does not suit it"};
    case TlsAlert::unknown_ca:
      return {"unknown_ca", "it does not trust the authority that issued our certificate"};
    case TlsAlert::access_denied:
      return {"access_denied", "our certificate is valid, but not allowed in"};
    case TlsAlert::decode_error:
      return {"decode_error", "it could not read our handshake"};
    case TlsAlert::decrypt_error:
      return {"decrypt_error", "a signature or checksum of our handshake is wrong"};
    case TlsAlert::export_restriction:
      return {"export_restriction", "its export rules forbid the connection"};
    case TlsAlert::protocol_version:
      return {"protocol_version", "it speaks no version of TLS that we do"};
    case TlsAlert::insufficient_security:
      return {"insufficient_security", "it wants stronger ciphers than we offer"};
    case TlsAlert::internal_error:
      return {"internal_error", "it has a problem of its own; its log may say more"};
    case TlsAlert::inappropriate_fallback:
      return {"inappropriate_fallback", "it can do better than the version that we asked for"};
    case TlsAlert::user_canceled:
      return {"user_canceled", "the handshake was cancelled there"};
    case TlsAlert::no_renegotiation:
      return {"no_renegotiation", "it does not renegotiate"};
    case TlsAlert::missing_extension:
      return {"missing_extension", "our handshake lacks an extension it needs"};
    case TlsAlert::unsupported_extension:
      return {"unsupported_extension", "our handshake has an extension it did not offer"};
    case TlsAlert::certificate_unobtainable:
      return {"certificate_unobtainable", "it could not fetch our certificate"};
    case TlsAlert::unrecognized_name:
      return {"unrecognized_name", "it does not serve the host that was asked for"};
    case TlsAlert::bad_certificate_status_response:
      return {"bad_certificate_status_response", "the OCSP answer for our certificate is unusable"};
    case TlsAlert::bad_certificate_hash_value:
      return {"bad_certificate_hash_value", "our certificate is not the one that was announced"};
    case TlsAlert::unknown_psk_identity:
      return {"unknown_psk_identity", "it does not know our pre-shared key"};
    case TlsAlert::certificate_required:
      return {"certificate_required", "it requires a client certificate"};
    case TlsAlert::no_application_protocol:
      return {"no_application_protocol", "it speaks no application protocol that we offer (ALPN)"};
  }
  return {"unknown", "it gives no reason we know"};
}

std::error_condition tls_class() noexcept { return make_error_condition(ErrorClass::tls); }

class TlsCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "wolframite.tls"; }

  [[nodiscard]] std::string message(int value) const override {
    if (value > first_verify_result) {
      return std::string("the peer's certificate is rejected: ") +
             X509_verify_cert_error_string(value - first_verify_result);
    }
    const char* sentence = describe(static_cast<TlsError>(value));
    return sentence != nullptr ? sentence : "not a TLS error of wolframite";
  }

  [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
    return value == 0 ? std::error_condition{} : tls_class();
  }
};

class TlsAlertCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "wolframite.tls_alert"; }

  [[nodiscard]] std::string message(int value) const override {
    const Alert alert = describe(static_cast<TlsAlert>(value));
    return std::string("the peer sent the TLS alert ") + alert.name + " (" + std::to_string(value) +
           "): " + alert.hint;
  }

  [[nodiscard]] std::error_condition default_error_condition(int) const noexcept override {
    return tls_class();
  }
};

constinit const TlsCategory the_category;
constinit const TlsAlertCategory the_alert_category;

}  // namespace

const std::error_category& tls_category() noexcept { return the_category; }

const std::error_category& tls_alert_category() noexcept { return the_alert_category; }

std::error_code make_error_code(TlsError error) noexcept {
  return {static_cast<int>(error), the_category};
}

std::error_code make_error_code(TlsAlert alert) noexcept {
  return {static_cast<int>(alert), the_alert_category};
}

std::error_code certificate_error(long verify_result) noexcept {
  switch (verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return TlsError::certificate_expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TlsError::certificate_not_yet_valid;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return TlsError::unknown_authority;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return TlsError::self_signed;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return TlsError::host_mismatch;
    default:
      return {first_verify_result + static_cast<int>(verify_result), the_category};
  }
}

}  // namespace wolframite
