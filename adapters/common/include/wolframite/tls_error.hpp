/// @file
/// Everything that can go wrong with TLS. All of it is of class `ErrorClass::tls`.
#pragma once

#include <cstdint>
#include <system_error>

#include "wolframite/error.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// One value for each distinct failure on our side of TLS. Converts to `std::error_code`, whose
/// message says what a person can do. Rare faults of certificates have no name here:
/// `certificate_error` gives them codes of their own, with OpenSSL's sentence.
enum class TlsError : std::uint16_t {
  none = 0,  ///< makes an `std::error_code` that is false

  // The options of a TlsContext cannot be used.
  certificate_file_unreadable,   ///< TlsIdentity::certificate names a file that cannot be read
  invalid_certificate,           ///< not PEM, no certificate in it, or too weak a key
  key_file_unreadable,           ///< TlsIdentity::key names a file that cannot be read
  invalid_key,                   ///< not PEM, no private key in it, or another passphrase
  key_mismatch,                  ///< the key is not the certificate's
  authorities_file_unreadable,   ///< one of the authorities names a file that cannot be read
  invalid_authorities,           ///< not PEM, or no certificate in it
  missing_certificate,           ///< a server, or a client's key, without one
  missing_authorities,           ///< client certificates are asked for, and none could be trusted
  invalid_application_protocol,  ///< a name that is empty or above 255 octets

  // The engine was set up wrongly.
  wrong_role,           ///< a client's context on a server, or the other way round
  invalid_server_name,  ///< a client with a host that is empty or no host name

  // The peer's certificate was rejected.
  certificate_expired,          ///< its time is over, or the clock is wrong here
  certificate_not_yet_valid,    ///< its time has not come, or the clock is wrong here
  unknown_authority,            ///< no chain leads from it to an authority trusted here
  self_signed,                  ///< it is its own authority, and not trusted here
  host_mismatch,                ///< it is for other names or addresses
  client_certificate_required,  ///< server: the client sent none

  // The handshake failed.
  not_tls,                         ///< the first octet is not of a TLS record; plain HTTP, say
  no_shared_version,               ///< the peer speaks only versions that are not allowed here
  no_shared_cipher,                ///< nor group, nor signature algorithm
  no_shared_application_protocol,  ///< ALPN (RFC 7301)
  choice_failed,                   ///< `TlsServerOptions::choose` threw
  handshake_message_too_large,     ///< above 16 KiB, or with certificates above 64 KiB
  closed_in_handshake,             ///< the stream ended inside the handshake

  // Later.
  bad_record,             ///< damaged or forged: its authentication fails
  protocol_violation,     ///< anything else the peer does against RFC 8446 or RFC 5246
  renegotiation_refused,  ///< the peer tried to renegotiate
  too_many_replies,       ///< the peer asks for answers and does not read them
  truncated,              ///< the stream ended without close_notify
};

/// An alert that the peer sent to end the connection, by the name and the number that RFC 8446 §6
/// and its forerunners give it. Converts to `std::error_code`, whose message says what the peer
/// means.
enum class TlsAlert : std::uint8_t {
  unexpected_message = 10,     ///< it did not expect what we sent
  bad_record_mac = 20,         ///< what we sent was damaged or forged on its way
  decryption_failed = 21,      ///< what we sent was damaged or forged on its way
  record_overflow = 22,        ///< a record was too long for it
  decompression_failure = 30,  ///< it could not decompress what we sent
  handshake_failure = 40,  ///< it found no parameters to agree on, or wants a client certificate
  no_certificate = 41,     ///< it has no certificate for us
  bad_certificate = 42,    ///< it rejected our certificate, or misses one
  unsupported_certificate = 43,    ///< our certificate is of a kind or purpose it does not accept
  certificate_revoked = 44,        ///< our certificate was revoked
  certificate_expired = 45,        ///< our certificate is not valid at this time
  certificate_unknown = 46,        ///< it rejected our certificate
  illegal_parameter = 47,          ///< a field of our handshake does not suit it
  unknown_ca = 48,                 ///< it does not trust the authority that issued our certificate
  access_denied = 49,              ///< our certificate is valid, but not allowed in
  decode_error = 50,               ///< it could not read our handshake
  decrypt_error = 51,              ///< a signature or checksum of our handshake is wrong
  export_restriction = 60,         ///< its export rules forbid the connection
  protocol_version = 70,           ///< it speaks no version of TLS that we do
  insufficient_security = 71,      ///< it wants stronger ciphers than we offer
  internal_error = 80,             ///< it has a problem of its own; its log may say more
  inappropriate_fallback = 86,     ///< it can do better than the version that we asked for
  user_canceled = 90,              ///< the handshake was cancelled there
  no_renegotiation = 100,          ///< it does not renegotiate
  missing_extension = 109,         ///< our handshake lacks an extension it needs
  unsupported_extension = 110,     ///< our handshake has an extension it did not offer
  certificate_unobtainable = 111,  ///< it could not fetch our certificate
  unrecognized_name = 112,         ///< it does not serve the host that was asked for
  bad_certificate_status_response = 113,  ///< the OCSP answer for our certificate is unusable
  bad_certificate_hash_value = 114,       ///< our certificate is not the one that was announced
  unknown_psk_identity = 115,             ///< it does not know our pre-shared key
  certificate_required = 116,             ///< it requires a client certificate
  no_application_protocol = 120,  ///< it speaks no application protocol that we offer (ALPN)
};

/// The category of TlsError's codes and of those of `certificate_error`.
[[nodiscard]] const std::error_category& tls_category() noexcept;

/// The category of TlsAlert's codes.
[[nodiscard]] const std::error_category& tls_alert_category() noexcept;

/// What turns a TlsError into an `std::error_code`, mostly unseen.
[[nodiscard]] std::error_code make_error_code(TlsError error) noexcept;

/// What turns a TlsAlert into an `std::error_code`, mostly unseen.
[[nodiscard]] std::error_code make_error_code(TlsAlert alert) noexcept;

/// The code for a certificate that OpenSSL rejects with `verify_result` (an `X509_V_ERR_` value):
/// one of TlsError's, or one of its own.
[[nodiscard]] std::error_code certificate_error(long verify_result) noexcept;

}  // namespace wolframite
#pragma GCC visibility pop

/// Lets a TlsError stand for its `std::error_code`.
template <>
struct std::is_error_code_enum<wolframite::TlsError> : std::true_type {};
/// Lets a TlsAlert stand for its `std::error_code`.
template <>
struct std::is_error_code_enum<wolframite::TlsAlert> : std::true_type {};
