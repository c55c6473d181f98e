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
  unexpected_message = 10,
  bad_record_mac = 20,
  decryption_failed = 21,
  record_overflow = 22,
  decompression_failure = 30,
  handshake_failure = 40,
  no_certificate = 41,
  bad_certificate = 42,
  unsupported_certificate = 43,
  certificate_revoked = 44,
  certificate_expired = 45,
  certificate_unknown = 46,
  illegal_parameter = 47,
  unknown_ca = 48,
  access_denied = 49,
  decode_error = 50,
  decrypt_error = 51,
  export_restriction = 60,
  protocol_version = 70,
  insufficient_security = 71,
  internal_error = 80,
  inappropriate_fallback = 86,
  user_canceled = 90,
  no_renegotiation = 100,
  missing_extension = 109,
  unsupported_extension = 110,
  certificate_unobtainable = 111,
  unrecognized_name = 112,
  bad_certificate_status_response = 113,
  bad_certificate_hash_value = 114,
  unknown_psk_identity = 115,
  certificate_required = 116,
  no_application_protocol = 120,
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
