#include "wolframite/tls_engine.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <new>
#include <string>

#include "openssl_error.hpp"
#include "tls_context_state.hpp"

namespace wolframite {
namespace {

constexpr std::size_t record_size = SSL3_RT_MAX_PLAIN_LENGTH;
// What a peer can make us queue without reading it. An answer to a key update has some 30 octets.
constexpr std::size_t max_unread_replies = 16 * 1024;

// A connection begins with a handshake record, or an alert of a peer that changed its mind.
bool starts_tls(std::byte first) {
  return first == std::byte{SSL3_RT_HANDSHAKE} || first == std::byte{SSL3_RT_ALERT};
}

// SSL_get_error looks into the thread's queue, which others may have left filled. Clearing it when
// it is empty would cost more than a small record does.
void clear_openssl_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

/// The host as certificates have it: without the dot that ends a full name, and without an IPv6
/// zone.
std::string_view certified_form(std::string_view host) {
  if (host.find(':') != host.npos) return host.substr(0, host.find('%'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

/// Has the certificate checked for `host`, and asks the server for that name.
bool expect_host(SSL* ssl, std::string_view host) {
  const std::string name(certified_form(host));
  if (name.empty() || name.find('\0') != name.npos) return false;
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  std::array<unsigned char, 16> address{};
  if (inet_pton(AF_INET, name.c_str(), address.data()) == 1) {
    return X509_VERIFY_PARAM_set1_ip(param, address.data(), 4) == 1;
  }
  if (inet_pton(AF_INET6, name.c_str(), address.data()) == 1) {
    return X509_VERIFY_PARAM_set1_ip(param, address.data(), 16) == 1;
  }
  // Names count in subjectAltName only (RFC 9525 §2), and a wildcard stands for a whole label.
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(param, name.data(), name.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
}

}  // namespace

/// What OpenSSL sees as the socket: reads come out of `lent_`, writes go into `output_`.
struct TlsEngine::Bio {
  static TlsEngine& engine(BIO* bio) { return *static_cast<TlsEngine*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* out, std::size_t size, std::size_t* taken) {
    BIO_clear_retry_flags(bio);
    TlsEngine& self = engine(bio);
    Bytes& lent = self.lent_;
    *taken = std::min(size, lent.size());
    if (*taken == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    if (!self.handshake_done_ && !self.allows(lent.first(*taken))) {
      *taken = 0;
      return 0;
    }
    std::memcpy(out, lent.data(), *taken);
    lent = lent.subspan(*taken);
    return 1;
  }

  static int write(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
    TlsEngine& self = engine(bio);
    BIO_clear_retry_flags(bio);
    *written = 0;
    if (self.discards_output_) {
      *written = size;
      return 1;
    }
    if (!self.queue(std::as_bytes(std::span(data, size)))) return 0;
    if (self.answering_) self.unread_replies_ += size;
    *written = size;
    return 1;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static BIO_METHOD* const shared = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wolframite");
      if (made == nullptr) throw std::bad_alloc();
      BIO_meth_set_read_ex(made, read);
      BIO_meth_set_write_ex(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return shared;
  }

  /// OpenSSL refuses a renegotiation by itself, but only this tells that there was one.
  static void watch(const SSL* ssl, int where, int value) {
    if (where == SSL_CB_WRITE_ALERT && (value & 0xff) == SSL_AD_NO_RENEGOTIATION) {
      engine(SSL_get_rbio(ssl)).renegotiation_ = true;
    }
    if (auto* users = SSL_CTX_get_info_callback(SSL_get_SSL_CTX(ssl))) users(ssl, where, value);
  }
};

TlsEngine::TlsEngine(const TlsContext& context, Role role, std::string_view host,
                     std::pmr::memory_resource* memory)
    : memory_(memory != nullptr ? memory : std::pmr::get_default_resource()),
      rekey_after_(TlsCommonOptions{}.rekey_after),
      role_(role) {
  clear_openssl_errors();
  ConnectionPointer ssl(SSL_new(context.native_handle()));
  BIO* bio = BIO_new(Bio::method());
  if (ssl == nullptr || bio == nullptr) {
    BIO_free(bio);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);
  ssl_ = ssl.get();
  set_up(context, host);  // may throw: nobody would free the SSL then but its pointer
  static_cast<void>(ssl.release());
}

TlsEngine::~TlsEngine() {
  // Otherwise OpenSSL would spoil the session of a connection that ended without close_notify,
  // although only an error forbids to resume it (RFC 5246 §7.2.1).
  if (!error_) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
}

void TlsEngine::set_up(const TlsContext& context, std::string_view host) {
  apply_tls_rules(ssl_);
  // Buffers are held only while a record is incomplete. Writes never block, so partial ones cannot
  // occur; the other modes guard against a retry all the same.
  SSL_set_mode(ssl_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY |
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_read_ahead(ssl_, 0);
  SSL_set_info_callback(ssl_, Bio::watch);
  const TlsContextState* state = TlsContextState::of(context.native_handle());
  if (state != nullptr) {
    rekey_after_ = state->rekey_after;
    if (state->role != role_) return fail(TlsError::wrong_role);
  }
  if (role_ == Role::server) {
    SSL_set_accept_state(ssl_);
    return;
  }
  SSL_set_connect_state(ssl_);
  const bool verifies = context.verify() == Verify::full;
  SSL_set_verify(ssl_, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                 SSL_CTX_get_verify_callback(context.native_handle()));
  if (!expect_host(ssl_, host)) return fail(TlsError::invalid_server_name);
  if (state != nullptr && state->sessions != nullptr) {
    if (const auto session = state->sessions->take(tls_session_key(ssl_))) {
      SSL_set_session(ssl_, session.get());
    }
  }
  shake_hands();
}

std::size_t TlsEngine::receive(Bytes& in, Bytes room) {
  assert(!room.empty());
  std::size_t size = 0;
  if (!heard_ && !in.empty()) {
    heard_ = true;
    if (!error_ && !starts_tls(in.front())) fail(TlsError::not_tls);
  }
  if (!is_over()) {
    lent_ = in;
    if (!handshake_done_) shake_hands();
    if (handshake_done_ && !is_over()) {
      answering_ = true;
      size = decrypt(room);
      answering_ = false;
    }
    in = std::exchange(lent_, Bytes{});
  }
  if (is_over()) in = in.last(0);
  return size;
}

/// Whether OpenSSL may have the next bytes of the handshake. If not, the peer is told.
bool TlsEngine::allows(ConstBytes ciphertext) {
  if (sizes_.allows(ciphertext, SSL_version(ssl_) < TLS1_3_VERSION)) return true;
  fail(TlsError::handshake_message_too_large);
  constexpr std::array alert{std::byte{SSL3_RT_ALERT},
                             std::byte{3},
                             std::byte{3},
                             std::byte{0},
                             std::byte{2},
                             std::byte{SSL3_AL_FATAL},
                             std::byte{SSL_AD_ILLEGAL_PARAMETER}};
  static_cast<void>(queue(alert));
  return false;
}

/// Queues ciphertext. Called by OpenSSL, through which no exception may pass.
bool TlsEngine::queue(ConstBytes ciphertext) {
  if (output_.append(ciphertext, *memory_)) return true;
  fail(std::make_error_code(std::errc::not_enough_memory));
  return false;
}

void TlsEngine::shake_hands() {
  clear_openssl_errors();
  const int result = SSL_do_handshake(ssl_);
  if (result != 1) return judge(result);
  handshake_done_ = true;
  check_application_protocol();
}

std::size_t TlsEngine::decrypt(Bytes room) {
  std::size_t size = 0;
  while (size < room.size()) {
    clear_openssl_errors();
    std::size_t read = 0;
    const int result = SSL_read_ex(ssl_, room.data() + size, room.size() - size, &read);
    size += read;
    if (result != 1) judge(result);
    if (renegotiation_) fail(TlsError::renegotiation_refused);
    if (unread_replies_ > max_unread_replies) fail(TlsError::too_many_replies);
    if (result != 1 || error_) break;
    // All that was lent is used up: another read could only say so.
    if (lent_.empty() && SSL_pending(ssl_) == 0) break;
  }
  return size;
}

std::error_code TlsEngine::receive_eof() {
  if (!is_over()) fail(handshake_done_ ? TlsError::truncated : TlsError::closed_in_handshake);
  return error_;
}

// Records are filled up: full ones come straight from a large part, smaller parts are put together
// first.
std::size_t TlsEngine::write(std::span<const ConstBytes> parts) {
  if (!handshake_done_ || shut_down_ || error_) return 0;
  std::array<std::byte, record_size> record;  // left uninitialised: mostly unused
  std::size_t filled = 0;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    ConstBytes part = parts[i];
    while (!part.empty()) {
      const bool is_last = i + 1 == parts.size();
      if (filled == 0 && (is_last || part.size() >= record_size)) {
        const std::size_t whole = is_last ? part.size() : part.size() - part.size() % record_size;
        if (!encrypt(part.first(whole))) return taken;
        taken += whole;
        part = part.subspan(whole);
        continue;
      }
      const std::size_t size = std::min(part.size(), record_size - filled);
      std::memcpy(record.data() + filled, part.data(), size);
      filled += size;
      part = part.subspan(size);
      if (filled == record_size) {
        if (!encrypt(record)) return taken;
        taken += filled;
        filled = 0;
      }
    }
  }
  if (filled > 0 && encrypt(ConstBytes(record).first(filled))) taken += filled;
  return taken;
}

bool TlsEngine::encrypt(ConstBytes plaintext) {
  while (!plaintext.empty()) {
    rekey_if_due(plaintext.size());
    clear_openssl_errors();
    std::size_t written = 0;
    const int result = SSL_write_ex(ssl_, plaintext.data(), plaintext.size(), &written);
    if (result != 1) {
      judge(result);
      // Nothing but a failure can stop a write, and half of one cannot be taken back.
      if (!error_) fail(TlsError::protocol_violation);
      return false;
    }
    plaintext = plaintext.subspan(written);
  }
  return true;
}

void TlsEngine::rekey_if_due(std::size_t size) {
  if (records_ >= rekey_after_ && SSL_version(ssl_) == TLS1_3_VERSION) {
    SSL_key_update(ssl_, SSL_KEY_UPDATE_NOT_REQUESTED);
    records_ = 0;
  }
  records_ += (size + record_size - 1) / record_size;
}

void TlsEngine::shutdown() {
  if (handshake_done_ && !error_ && !shut_down_) {
    clear_openssl_errors();
    SSL_shutdown(ssl_);
  }
  shut_down_ = true;
}

void TlsEngine::consume(std::size_t size) {
  output_.consume(size);
  if (output_.empty()) unread_replies_ = 0;
}

bool TlsEngine::has_plaintext() const { return !error_ && SSL_pending(ssl_) > 0; }

// Older releases of OpenSSL 3.0 take whatever protocol the server names.
void TlsEngine::check_application_protocol() {
  const TlsContextState* state = TlsContextState::of(SSL_get_SSL_CTX(ssl_));
  const std::string_view chosen = application_protocol();
  if (role_ == Role::server || state == nullptr || chosen.empty()) return;
  const auto& offered = state->application_protocols;
  for (std::size_t at = 0; at < offered.size(); at += 1U + offered[at]) {
    if (chosen == std::string_view(reinterpret_cast<const char*>(&offered[at]) + 1, offered[at]))
      return;
  }
  fail(TlsError::protocol_violation);
}

void TlsEngine::judge(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return;
    case SSL_ERROR_ZERO_RETURN:
      peer_closed_ = true;
      return;
    default:
      if (error_) return;
      detail_ = take_openssl_error();
      fail(tls_error_of(ssl_, detail_));
  }
}

void TlsEngine::fail(std::error_code why) {
  if (!error_) error_ = why;
}

}  // namespace wolframite
