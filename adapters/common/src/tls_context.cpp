#include "wolframite/tls_context.hpp"

#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "openssl_pointers.hpp"
#include "tls_context_state.hpp"
#include "tls_pem.hpp"
#include "wolframite/detail/handshake_sizes.hpp"

namespace wolframite {
namespace {

int application_data_index() {
  static const int index = [] {
    const int made = SSL_CTX_get_ex_new_index(
        0, nullptr, nullptr, nullptr, [](void*, void* state, CRYPTO_EX_DATA*, int, long, void*) {
          delete static_cast<TlsContextState*>(state);
        });
    if (made < 0) throw std::bad_alloc();  // and the next call tries again
    return made;
  }();
  return index;
}

int select_application_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                                const unsigned char* offered, unsigned int offered_size, void*) {
  const auto& ours = TlsContextState::of(SSL_get_SSL_CTX(ssl))->application_protocols;
  unsigned char* found = nullptr;
  const int result =
      SSL_select_next_proto(&found, chosen_size, ours.data(),
                            static_cast<unsigned int>(ours.size()), offered, offered_size);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  const TlsContextState* state = TlsContextState::of(SSL_get_SSL_CTX(ssl));
  if (SSL_SESSION_is_resumable(session) == 0) return 0;
  try {
    state->sessions->put(tls_session_key(ssl), SessionPointer(session));
  } catch (...) {
    // Not kept, but taken: the pointer's destructor released it.
  }
  return 1;
}

/// The name in a server_name extension (RFC 6066 §3). OpenSSL judges a malformed one later.
std::string_view server_name(SSL* ssl) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) == 0) return {};
  // list length (2), type (1), name length (2), name
  constexpr std::size_t head = 5;
  if (size <= head || data[2] != TLSEXT_NAMETYPE_host_name) return {};
  const std::size_t length = static_cast<std::size_t>(data[3]) << 8U | data[4];
  if (length > size - head) return {};
  return {reinterpret_cast<const char*>(data) + head, length};
}

// Runs before anything of the ClientHello is acted on. The later server-name callback would be too
// late: a session could then be resumed before the context that must judge it is known.
int choose_context(SSL* ssl, int* alert, void*) {
  try {
    const TlsContextState* state = TlsContextState::of(SSL_get_SSL_CTX(ssl));
    const auto chosen = state->choose(server_name(ssl));
    if (!chosen || chosen->native_handle() == SSL_get_SSL_CTX(ssl)) return SSL_CLIENT_HELLO_SUCCESS;
    SSL_CTX* context = chosen->native_handle();
    if (SSL_set_SSL_CTX(ssl, context) == nullptr) {
      *alert = SSL_AD_INTERNAL_ERROR;
      return SSL_CLIENT_HELLO_ERROR;
    }
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), SSL_CTX_get_verify_callback(context));
    SSL_set_min_proto_version(ssl, static_cast<int>(SSL_CTX_get_min_proto_version(context)));
    SSL_set_max_proto_version(ssl, static_cast<int>(SSL_CTX_get_max_proto_version(context)));
    SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(context));
    SSL_clear_options(ssl, SSL_get_options(ssl));
    SSL_set_options(ssl, SSL_CTX_get_options(context));
    apply_tls_rules(ssl);
    return SSL_CLIENT_HELLO_SUCCESS;
  } catch (...) {
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
  }
}

Result<std::vector<unsigned char>> wire_form(const std::vector<std::string>& protocols) {
  std::vector<unsigned char> wire;
  for (const std::string& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) {
      return tl::unexpected(make_error_code(TlsError::invalid_application_protocol));
    }
    wire.push_back(static_cast<unsigned char>(protocol.size()));
    wire.insert(wire.end(), protocol.begin(), protocol.end());
  }
  return wire;
}

/// What both roles have in common.
Result<ContextPointer> make_context(Role role, const TlsCommonOptions& options) {
  ContextPointer context(SSL_CTX_new(TLS_method()));
  if (context == nullptr) {
    return tl::unexpected(std::make_error_code(std::errc::not_enough_memory));
  }
  const bool newest = options.min_version == TlsVersion::tls_1_3;
  if (SSL_CTX_set_min_proto_version(context.get(), newest ? TLS1_3_VERSION : TLS1_2_VERSION) != 1) {
    return tl::unexpected(std::make_error_code(std::errc::protocol_not_supported));
  }
  // Also for those who use the SSL_CTX without our engine.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  // OpenSSL makes room for as much as a peer announces.
  SSL_CTX_set_max_cert_list(context.get(),
                            static_cast<long>(detail::HandshakeSizes::max_certificates));

  auto protocols = wire_form(options.application_protocols);
  if (!protocols) return tl::unexpected(protocols.error());
  if (!protocols->empty()) {
    if (role == Role::server) {
      SSL_CTX_set_alpn_select_cb(context.get(), select_application_protocol, nullptr);
    } else if (SSL_CTX_set_alpn_protos(context.get(), protocols->data(),
                                       static_cast<unsigned int>(protocols->size())) != 0) {
      return tl::unexpected(std::make_error_code(std::errc::not_enough_memory));
    }
  }
  auto state = std::make_unique<TlsContextState>();
  state->role = role;
  state->application_protocols = std::move(*protocols);
  state->rekey_after = std::max<std::uint64_t>(options.rekey_after, 1);
  TlsContextState::attach(context.get(), std::move(state));
  return context;
}

}  // namespace

TlsContextState* TlsContextState::of(const SSL_CTX* context) {
  return static_cast<TlsContextState*>(SSL_CTX_get_ex_data(context, application_data_index()));
}

void TlsContextState::attach(SSL_CTX* context, std::unique_ptr<TlsContextState> state) {
  if (SSL_CTX_set_ex_data(context, application_data_index(), state.get()) != 1)
    throw std::bad_alloc();
  static_cast<void>(state.release());
}

std::string tls_session_key(SSL* ssl) {
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  if (const char* name = X509_VERIFY_PARAM_get0_host(param, 0)) return name;
  const TextPointer address(X509_VERIFY_PARAM_get1_ip_asc(param));
  return address != nullptr ? address.get() : "";
}

void apply_tls_rules(SSL* ssl) {
  SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_clear_options(ssl, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
  SSL_set_max_early_data(ssl, 0);
  if (SSL_get_min_proto_version(ssl) < TLS1_2_VERSION)
    SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
}

TlsContext::TlsContext(const TlsContext& other) noexcept
    : native_(other.native_), verify_(other.verify_) {
  if (native_ != nullptr) SSL_CTX_up_ref(native_);
}

TlsContext::TlsContext(TlsContext&& other) noexcept
    : native_(std::exchange(other.native_, nullptr)), verify_(other.verify_) {}

TlsContext& TlsContext::operator=(TlsContext other) noexcept {
  std::swap(native_, other.native_);
  verify_ = other.verify_;
  return *this;
}

TlsContext::~TlsContext() { SSL_CTX_free(native_); }

Result<TlsContext> TlsContext::client() { return client(TlsClientOptions{}); }

Result<TlsContext> TlsContext::client(const TlsClientOptions& options) {
  auto context = make_context(Role::client, options);
  if (!context) return tl::unexpected(context.error());
  SSL_CTX* native = context->get();
  SSL_CTX_set_verify(native, options.verify == Verify::full ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                     nullptr);
  if (options.system_authorities) SSL_CTX_set_default_verify_paths(native);
  for (const Pem& pem : options.authorities) {
    if (const auto error = trust_authorities(native, pem)) return tl::unexpected(error);
  }
  const TlsIdentity& identity = options.identity;
  if (!identity.certificate.empty() || !identity.key.empty()) {
    if (const auto error = use_identity(native, identity)) return tl::unexpected(error);
  }
  if (options.resumption) {
    TlsContextState::of(native)->sessions = std::make_unique<TlsSessions>();
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(native, keep_session);
  } else {
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(native, SSL_OP_NO_TICKET);
  }
  return TlsContext(context->release(), options.verify);
}

Result<TlsContext> TlsContext::server(const TlsServerOptions& options) {
  auto context = make_context(Role::server, options);
  if (!context) return tl::unexpected(context.error());
  SSL_CTX* native = context->get();
  if (const auto error = use_identity(native, options.identity)) return tl::unexpected(error);

  if (options.client_certificates != ClientCertificates::none) {
    if (options.client_authorities.empty()) {
      return tl::unexpected(make_error_code(TlsError::missing_authorities));
    }
    for (const Pem& pem : options.client_authorities) {
      if (const auto error = trust_authorities(native, pem)) return tl::unexpected(error);
      if (const auto error = announce_authorities(native, pem)) return tl::unexpected(error);
    }
    const bool required = options.client_certificates == ClientCertificates::require;
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
  }

  // Tickets carry their session; a cache beside them would only hold memory. Each context has a
  // name of its own, so that what one has verified is not resumed by another that verifies more.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  std::array<unsigned char, 16> name{};
  if (RAND_bytes(name.data(), static_cast<int>(name.size())) != 1) {
    return tl::unexpected(std::make_error_code(std::errc::resource_unavailable_try_again));
  }
  SSL_CTX_set_session_id_context(native, name.data(), static_cast<unsigned int>(name.size()));
  if (!options.resumption) {
    SSL_CTX_set_options(native, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(native, 0);
  }
  if (options.choose) {
    TlsContextState::of(native)->choose = options.choose.get();
    SSL_CTX_set_client_hello_cb(native, choose_context, nullptr);
  }
  return TlsContext(context->release(), Verify::full);
}

TlsContext TlsContext::from_native(ssl_ctx_st* context, Verify verify) {
  SSL_CTX_up_ref(context);
  return {context, verify};
}

}  // namespace wolframite
