/// @file
/// What the TLS connections of a client or a server have in common: certificates, trust, choices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wolframite/member.hpp"
#include "wolframite/result.hpp"
#include "wolframite/tls_error.hpp"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

#pragma GCC visibility push(default)
namespace wolframite {

struct TlsClientOptions;
struct TlsServerOptions;

/// Whether a client verifies its server.
enum class Verify : std::uint8_t {
  full,           ///< the certificate's chain, and its name or address
  none_insecure,  ///< nothing: whoever sits in between can read and forge everything. For tests
                  ///< only.
};

/// A handle to an immutable SSL_CTX, which all its copies and the connections made with it share.
/// It may be used by many threads at once. The rules here cannot be switched off: TLS 1.2 or newer,
/// no renegotiation, no compression, no early data (0-RTT).
class TlsContext {
 public:
  /// Makes one for clients. Errors: a TlsError of its first group, where the options cannot be
  /// used; `errc::not_enough_memory`; `errc::protocol_not_supported` for a version that OpenSSL was
  /// built without.
  [[nodiscard]] static Result<TlsContext> client(const TlsClientOptions& options);
  /// Makes one for clients, which trusts the system's authorities.
  [[nodiscard]] static Result<TlsContext> client();

  /// Makes one for servers, which must have an identity. Errors as of `client`, and
  /// `errc::resource_unavailable_try_again` for want of randomness.
  [[nodiscard]] static Result<TlsContext> server(const TlsServerOptions& options);

  /// Shares a context of the caller's own, for either role. Its certificates, trusted authorities,
  /// ciphers, ALPN and callbacks count; but a client verifies its server whatever the context's
  /// verify mode is, unless `verify` says otherwise, and the rules above hold. Callbacks that
  /// suspend the handshake are not supported. Precondition: not null, and no longer changed.
  [[nodiscard]] static TlsContext from_native(ssl_ctx_st* context, Verify verify = Verify::full);

  TlsContext(const TlsContext& other) noexcept;  ///< shares the SSL_CTX
  /// Takes over the handle. What is left of `other` may only be destroyed or assigned to.
  TlsContext(TlsContext&& other) noexcept;
  TlsContext& operator=(TlsContext other) noexcept;  ///< shares or takes over, as `other` was made
  ~TlsContext();

  /// The SSL_CTX, which lives as long as any copy. It must not be changed any more.
  [[nodiscard]] ssl_ctx_st* native_handle() const { return native_; }
  [[nodiscard]] Verify verify() const { return verify_; }  ///< what clients made with it verify

 private:
  TlsContext(ssl_ctx_st* adopted, Verify verify) noexcept : native_(adopted), verify_(verify) {}

  ssl_ctx_st* native_;
  Verify verify_;
};

/// PEM: the path of a file with it, or the text itself, which goes first. It is read when a context
/// is made, and wiped from memory then; `text` stays the caller's.
struct Pem {
  Member<std::string> file{};  ///< a path
  Member<std::string> text{};  ///< `-----BEGIN ...`

  /// Whether neither is given.
  [[nodiscard]] bool empty() const { return file.empty() && text.empty(); }
};

/// Who we are: a certificate with its private key.
struct TlsIdentity {
  Pem certificate{};                 ///< the own one first, then its intermediates
  Pem key{};                         ///< the certificate's private key
  Member<std::string> passphrase{};  ///< of the key, if it is encrypted
};

/// A version of the protocol.
enum class TlsVersion : std::uint8_t {
  tls_1_2,  ///< RFC 5246
  tls_1_3,  ///< RFC 8446
};

namespace detail {
// Not as a list where it is the default: g++ 12 cannot compile one inside `co_await`.
[[nodiscard]] inline std::vector<std::string> default_protocols() { return {"http/1.1"}; }
}  // namespace detail

/// What both roles can choose.
struct TlsCommonOptions {
  /// Application protocols (ALPN, RFC 7301), the preferred first. A server refuses clients that
  /// offer only others; empty leaves ALPN out.
  Member<std::vector<std::string>> application_protocols = detail::default_protocols();
  TlsVersion min_version = TlsVersion::tls_1_2;  ///< the oldest that is spoken
  /// Shortens the handshake with a known peer. A client keeps the sessions of each host, a server
  /// gives tickets that only contexts copied from this one can read.
  bool resumption = true;
  /// Changes the keys after so many records sent (RFC 8446 §5.5), with TLS 1.3.
  std::uint64_t rekey_after = std::uint64_t{1} << 23U;
};

/// What a client can choose.
struct TlsClientOptions : TlsCommonOptions {
  Verify verify = Verify::full;  ///< what is verified of the server
  /// Trusts the authorities of the system (OpenSSL's default paths, or SSL_CERT_FILE and
  /// SSL_CERT_DIR).
  bool system_authorities = true;
  /// Authorities to trust as well; each may hold many.
  Member<std::vector<Pem>> authorities{};
  /// The client certificate, for servers that ask for one.
  TlsIdentity identity{};
};

/// Whether clients must show a certificate (mTLS). One that is shown is always verified.
enum class ClientCertificates : std::uint8_t {
  none,     ///< they are not asked
  request,  ///< they are asked, and may have none
  require,  ///< without one the handshake fails
};

/// What a server can choose.
struct TlsServerOptions : TlsCommonOptions {
  TlsIdentity identity{};  ///< whom clients see, unless `choose` picks another
  ClientCertificates client_certificates = ClientCertificates::none;  ///< what clients must show
  /// Who may issue client certificates. The system's authorities are never trusted for that.
  Member<std::vector<Pem>> client_authorities{};
  /// Picks another context, its certificate and its choices, by the server name that a client asks
  /// for (SNI; empty if it names none). Nothing means this one. Runs inside handshakes, on their
  /// threads.
  Member<std::function<std::optional<TlsContext>(std::string_view server_name)>> choose{};
};

}  // namespace wolframite
#pragma GCC visibility pop
