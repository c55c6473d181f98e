/// @file
/// What a TlsContext of our own making keeps beside its SSL_CTX.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "tls_sessions.hpp"
#include "wolframite/frame_header.hpp"
#include "wolframite/tls_context.hpp"

namespace wolframite {

/// Lives as long as its SSL_CTX, in its application data.
struct TlsContextState {
  Role role;
  std::vector<unsigned char>
      application_protocols;  ///< as they are on the wire, each with its length
  std::uint64_t rekey_after;
  std::unique_ptr<TlsSessions> sessions;  ///< client: unless resumption is off
  std::function<std::optional<TlsContext>(std::string_view)> choose;

  /// Null for a context of the user's own.
  [[nodiscard]] static TlsContextState* of(const SSL_CTX* context);
  static void attach(SSL_CTX* context, std::unique_ptr<TlsContextState> state);
};

/// What the engine's sessions are kept under: the name or address that was verified.
[[nodiscard]] std::string tls_session_key(SSL* ssl);

/// Applies what SSL_CTX_new and SSL_set_SSL_CTX leave to each SSL: the rules of TlsContext.
void apply_tls_rules(SSL* ssl);

}  // namespace wolframite
