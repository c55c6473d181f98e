/// @file
/// A Connection over TLS.
#pragma once

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <system_error>

#include "wolframite/bytes.hpp"
#include "wolframite/connection.hpp"
#include "wolframite/event.hpp"
#include "wolframite/tls_engine.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// What a Session puts between its Connection and the socket when the bytes are TLS. Each function
/// means what the Connection's of that name does, for the ciphertext.
///
///      socket -> in -> engine -> room -> Connection -> Event
///      socket <- engine's queue <- Connection's queue       (moved by output(), at the end of a
///      turn)
///
/// Views in events point into the room, a buffer that is held only while there is plaintext in it.
/// An idle connection holds neither that nor OpenSSL's buffers.
class TlsLayer {
 public:
  /// Plaintext is put into a buffer of this size, in octets.
  static constexpr std::size_t room_size = 64 * 1024;

  /// Uses `engine`, with its handshake done or not. The room comes from `memory`, which must
  /// outlive the layer.
  TlsLayer(std::unique_ptr<TlsEngine> engine, std::pmr::memory_resource& memory)
      : engine_(std::move(engine)), memory_(&memory) {}
  TlsLayer(const TlsLayer&) = delete;
  TlsLayer& operator=(const TlsLayer&) = delete;
  ~TlsLayer();

  /// Takes ciphertext from the front of `in`, and gives what it makes the connection tell. Call it
  /// until it gives nothing.
  [[nodiscard]] std::optional<Event> receive(Connection& connection, Bytes& in);

  /// Keeps the room that the last event's view may point into, until the next call of this.
  void keep_view();

  /// Acts on what is due. Besides the connection's own deadlines: ciphertext that waits, of which
  /// nothing is written for `Config::write_timeout`, or `close_timeout` at the end, ends the
  /// connection.
  [[nodiscard]] std::optional<Event> advance(Connection& connection, Time now,
                                             Connection::Unread unread = Connection::Unread::none);
  /// When to call `advance`.
  [[nodiscard]] std::optional<Time> deadline(const Connection& connection) const;

  /// An end without close_notify is `TlsError::truncated`, unless both Close frames have gone.
  [[nodiscard]] std::optional<Event> receive_eof(Connection& connection, std::error_code why);

  /// Encrypts what the connection has queued, as far as the ciphertext waiting stays bounded. Call
  /// it again after `consume` while `wants_write`.
  [[nodiscard]] std::size_t output(Connection& connection, std::span<ConstBytes> gather);

  /// Drops the first `size` octets of ciphertext, which were written. Returns for how many octets
  /// of the connection's output that was the last that was missing.
  std::size_t consume(Connection& connection, std::size_t size);

  /// Drops all that waits: nothing can be written any more.
  void discard_output(Connection& connection);
  /// See Connection::release_output.
  void release_output() { engine_->release_output(); }
  /// See Connection::holds_dropped_output.
  [[nodiscard]] bool holds_dropped_output() const { return engine_->holds_dropped_output(); }

  /// Whether `output` has something to show, or will make it: plaintext only once the handshake is
  /// done.
  [[nodiscard]] bool wants_write(const Connection& connection) const;
  /// Whether the sending side of the socket should be ended now: close_notify is written, too.
  [[nodiscard]] bool wants_shutdown(const Connection& connection) const;
  /// Whether the socket can be closed.
  [[nodiscard]] bool is_terminated(const Connection& connection) const {
    return connection.is_terminated() && !engine_->wants_write();
  }
  /// Octets that wait to be written: ciphertext, and plaintext that is not encrypted yet.
  [[nodiscard]] std::size_t pending_output(const Connection& connection) const {
    return engine_->pending_output() + connection.pending_output();
  }

  /// Octets of the connection's output that are not known to be written: `consume` returns their
  /// number bit by bit.
  [[nodiscard]] std::size_t unwritten(const Connection& connection) const {
    return encrypted_ + connection.pending_output();
  }

  /// Whether `receive` may have more to give although there is no input.
  [[nodiscard]] bool has_plaintext() const {
    return !plaintext_.empty() || engine_->has_plaintext();
  }

  [[nodiscard]] const TlsEngine& engine() const { return *engine_; }  ///< for questions

 private:
  [[nodiscard]] bool owes_close_notify(const Connection& connection) const;
  [[nodiscard]] std::optional<Event> end(Connection& connection);
  [[nodiscard]] Time write_due(const Connection& connection) const;
  void release_room();
  void free_room(std::byte* room);

  std::unique_ptr<TlsEngine> engine_;
  std::pmr::memory_resource* memory_;
  std::byte* room_ = nullptr;
  std::byte* kept_room_ = nullptr;  ///< may be looked at still
  Bytes plaintext_{};               ///< in the room, not received yet

  // What was encrypted and is not known to be written, and up to where in it: `marked_` octets will
  // be once `mark_` octets of ciphertext are.
  std::size_t encrypted_ = 0;
  std::size_t marked_ = 0;
  std::size_t mark_ = 0;

  Time write_at_ = Time::min();  ///< when ciphertext began to wait, or was written last
};

}  // namespace wolframite
#pragma GCC visibility pop
