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
  /// For clients, with the system's trusted authorities by default.
  [[nodiscard]] static Result<TlsContext> client(const TlsClientOptions& options);
  [[nodiscard]] static Result<TlsContext> client();

  /// For servers.
  [[nodiscard]] static Result<TlsContext> server(const TlsServerOptions& options);

  /// Shares a context of the caller's own, for either role. Its certificates, trusted authorities,
  /// ciphers, ALPN and callbacks count; but a client verifies its server whatever the context's
  /// verify mode is, unless `verify` says otherwise, and the rules above hold. Callbacks that
  /// suspend the handshake are not supported. Precondition: not null, and no longer changed.
  [[nodiscard]] static TlsContext from_native(ssl_ctx_st* context, Verify verify = Verify::full);

  TlsContext(const TlsContext& other) noexcept;
  TlsContext(TlsContext&& other) noexcept;
  TlsContext& operator=(TlsContext other) noexcept;
  ~TlsContext();

  [[nodiscard]] ssl_ctx_st* native_handle() const { return native_; }
  [[nodiscard]] Verify verify() const { return verify_; }

 private:
  TlsContext(ssl_ctx_st* adopted, Verify verify) noexcept : native_(adopted), verify_(verify) {}

  ssl_ctx_st* native_;
  Verify verify_;
};

/// PEM: the path of a file with it, or the text itself, which goes first.
struct Pem {
  std::string file{};
  std::string text{};

  [[nodiscard]] bool empty() const { return file.empty() && text.empty(); }
};

/// Who we are: a certificate with its private key.
struct TlsIdentity {
  Pem certificate{};  ///< the own one first, then its intermediates
  Pem key{};
  std::string passphrase{};  ///< of the key, if it is encrypted
};

enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };

/// What both roles can choose.
struct TlsCommonOptions {
  /// Application protocols (ALPN, RFC 7301), the preferred first. A server refuses clients that
  /// offer only others; empty leaves ALPN out.
  std::vector<std::string> application_protocols{"http/1.1"};
  TlsVersion min_version = TlsVersion::tls_1_2;
  /// Shortens the handshake with a known peer. A client keeps the sessions of each host, a server
  /// gives tickets that only contexts copied from this one can read.
  bool resumption = true;
  /// Changes the keys after so many records sent (RFC 8446 §5.5), with TLS 1.3.
  std::uint64_t rekey_after = std::uint64_t{1} << 23U;
};

struct TlsClientOptions : TlsCommonOptions {
  Verify verify = Verify::full;
  /// Trusts the authorities of the system (OpenSSL's default paths, or SSL_CERT_FILE and
  /// SSL_CERT_DIR).
  bool system_authorities = true;
  /// Authorities to trust as well; each may hold many.
  std::vector<Pem> authorities{};
  /// The client certificate, for servers that ask for one.
  TlsIdentity identity{};
};

/// Whether clients must show a certificate (mTLS). One that is shown is always verified.
enum class ClientCertificates : std::uint8_t { none, request, require };

struct TlsServerOptions : TlsCommonOptions {
  TlsIdentity identity{};
  ClientCertificates client_certificates = ClientCertificates::none;
  /// Who may issue client certificates. The system's authorities are never trusted for that.
  std::vector<Pem> client_authorities{};
  /// Picks another context, its certificate and its choices, by the server name that a client asks
  /// for (SNI; empty if it names none). Nothing means this one. Runs inside handshakes, on their
  /// threads.
  std::function<std::optional<TlsContext>(std::string_view server_name)> choose{};
};

}  // namespace wolframite
#pragma GCC visibility pop
