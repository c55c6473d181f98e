/// @file
/// TLS without I/O: ciphertext on one side, plaintext on the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "wolframite/bytes.hpp"
#include "wolframite/detail/handshake_sizes.hpp"
#include "wolframite/detail/output_queue.hpp"
#include "wolframite/frame_header.hpp"
#include "wolframite/tls_context.hpp"
#include "wolframite/tls_error.hpp"

struct ssl_st;  // OpenSSL's SSL
struct bio_st;  // OpenSSL's BIO

#pragma GCC visibility push(default)
namespace wolframite {

/// Who the other side has shown to be.
struct PeerCertificate {
  std::string subject;  ///< a distinguished name as in RFC 2253: `CN=alice,O=Example`
  std::string issuer;   ///< in the same form
  std::vector<std::string>
      names;           ///< of the subjectAltName: `DNS:`, `IP:`, `URI:` or `email:` and the name
  std::string sha256;  ///< of the DER form, in hexadecimal
};

/// One end of a TLS connection. Like a Connection it does nothing by itself:
///
///      ciphertext --> receive() --> plaintext        write() <-- plaintext
///                                                       |
///                              handshake, alerts --> queue --> output() / consume() --> ciphertext
///
/// A client has its first bytes to send as soon as it is made. `handshake_done` tells when `write`
/// begins to take plaintext. An error is sticky and ends both directions; what is queued then (the
/// alert) should still be written. One thread at a time. It cannot be moved: OpenSSL keeps its
/// address.
class TlsEngine {
 public:
  /// A client verifies that the server is `host`, a name or an address (without brackets); a server
  /// has no use for it. Queued ciphertext comes from `memory`, which must outlive the engine; null
  /// means `std::pmr::get_default_resource()`. What is wrong with the arguments, `error()` tells.
  /// Throws std::bad_alloc if OpenSSL has no memory.
  TlsEngine(const TlsContext& context, Role role, std::string_view host = {},
            std::pmr::memory_resource* memory = nullptr);
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;
  ~TlsEngine();

  /// Takes ciphertext from the front of `in` and puts plaintext into `room`, which must not be
  /// empty, until either is exhausted. Returns how much there is. Nothing means that `in` is empty,
  /// and more is needed unless `error()` or `peer_closed()`; until then call it again.
  [[nodiscard]] std::size_t receive(Bytes& in, Bytes room);

  /// Tells that the stream has ended, and returns the error, if that is one: `truncated`, or
  /// `closed_in_handshake`.
  std::error_code receive_eof();

  /// Encrypts the plaintext of `parts`, small ones together in a record, and returns how much it
  /// took: all of it, or nothing before the handshake is done and after `shutdown` or an error.
  [[nodiscard]] std::size_t write(std::span<const ConstBytes> parts);

  /// Queues a close_notify, if the handshake is done. No plaintext is taken any more.
  void shutdown();

  /// Fills `gather` with ciphertext to write, and returns how many entries it used; see
  /// Connection::output.
  [[nodiscard]] std::size_t output(std::span<ConstBytes> gather) const {
    return output_.gather(gather);
  }
  /// Drops the first `size` octets of it, which were written.
  void consume(std::size_t size);
  /// Drops all ciphertext, this and what will come: nothing can be written any more. What `output`
  /// has shown stays until `release_output`, or the destructor.
  void discard_output() {
    discards_output_ = true;
    output_.drop();
  }
  /// Frees what was dropped: nobody looks at it any more.
  void release_output() { output_.release(); }
  /// Whether there is something to release.
  [[nodiscard]] bool holds_dropped_output() const { return output_.holds_dropped(); }
  [[nodiscard]] bool wants_write() const { return !output_.empty(); }          ///< ciphertext waits
  [[nodiscard]] std::size_t pending_output() const { return output_.size(); }  ///< its octets

  /// Whether plaintext may go either way.
  [[nodiscard]] bool handshake_done() const { return handshake_done_; }
  /// Whether the peer has sent close_notify: no plaintext will come any more.
  [[nodiscard]] bool peer_closed() const { return peer_closed_; }
  /// Whether `shutdown` was called.
  [[nodiscard]] bool is_shut_down() const { return shut_down_; }
  /// Whether plaintext waits that had no room.
  [[nodiscard]] bool has_plaintext() const;

  /// Why it has failed, or none: a TlsError, a TlsAlert, a code of `certificate_error`, or
  /// `errc::not_enough_memory`.
  [[nodiscard]] std::error_code error() const { return error_; }
  /// OpenSSL's own words for `error()`, or empty. For logs.
  [[nodiscard]] std::string_view error_detail() const;

  /// @name What was agreed
  /// Once the handshake is done. Views live as long as the engine.
  /// @{

  [[nodiscard]] std::string_view version() const;  ///< such as `TLSv1.3`
  [[nodiscard]] std::string_view cipher() const;   ///< such as `TLS_AES_256_GCM_SHA384`
  [[nodiscard]] std::string_view application_protocol() const;  ///< ALPN's; empty if none
  [[nodiscard]] bool is_resumed() const;  ///< with the keys of an earlier session
  /// Who the peer has shown to be; nothing if it showed no certificate.
  [[nodiscard]] std::optional<PeerCertificate> peer_certificate() const;
  /// @}

  /// For what this class does not offer. Do not read, write or change its BIO.
  [[nodiscard]] ssl_st* native_handle() const { return ssl_; }

 private:
  struct Bio;

  void set_up(const TlsContext& context, std::string_view host);
  [[nodiscard]] bool is_over() const { return error_ || peer_closed_; }
  void shake_hands();
  [[nodiscard]] bool allows(ConstBytes ciphertext);
  [[nodiscard]] bool queue(ConstBytes ciphertext);
  [[nodiscard]] std::size_t decrypt(Bytes room);
  [[nodiscard]] bool encrypt(ConstBytes plaintext);
  void rekey_if_due(std::size_t size);
  void check_application_protocol();
  void judge(int result);
  void fail(std::error_code why);

  ssl_st* ssl_ = nullptr;
  std::pmr::memory_resource* memory_;
  Bytes lent_{};  ///< the ciphertext that OpenSSL reads, while in receive()
  detail::OutputQueue output_;
  detail::HandshakeSizes sizes_;  ///< what the peer announces, until the handshake is done
  std::error_code error_;
  unsigned long detail_ = 0;   ///< OpenSSL's code for error_
  std::uint64_t rekey_after_;  ///< records
  std::uint64_t records_ = 0;  ///< sent with the present keys
  std::size_t unread_replies_ =
      0;  ///< octets queued in answer to records, since output_ was last empty
  Role role_;
  bool heard_ = false;      ///< something was received
  bool answering_ = false;  ///< in receive(), after the handshake
  bool handshake_done_ = false;
  bool peer_closed_ = false;
  bool shut_down_ = false;
  bool renegotiation_ = false;    ///< the peer tried to
  bool discards_output_ = false;  ///< nothing can be written any more
};

}  // namespace wolframite
#pragma GCC visibility pop
