/// @file
/// A connection as the adapters see it: the bytes of the socket on one side, events on the other.
#pragma once

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "wolframite/connection.hpp"
#include "wolframite/tls_layer.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// A Connection, and the TLS between it and the socket, if there is any. Adapters exchange bytes
/// with a Session only, so none of them can tell whether those are encrypted; commands go to
/// `connection()`, and the output they cause comes out here. Each function means what the
/// Connection's of that name does.
class Session {
 public:
  /// Begins without TLS.
  explicit Session(Connection connection) : connection_(std::move(connection)) {}

  /// Has all bytes pass through `engine`, from the first. Its buffers come from `memory`, which
  /// must outlive the session.
  void use_tls(std::unique_ptr<TlsEngine> engine, std::pmr::memory_resource& memory) {
    tls_ = std::make_unique<TlsLayer>(std::move(engine), memory);
  }
  /// The TLS, or null.
  [[nodiscard]] const TlsEngine* tls() const { return is_encrypted() ? &tls_->engine() : nullptr; }

  /// Takes bytes of the socket, decrypts them if there is TLS, and gives an event; see
  /// Connection::receive. Call it until it gives nothing.
  [[nodiscard]] std::optional<Event> receive(Bytes& in) {
    return is_encrypted() ? tls_->receive(connection_, in) : connection_.receive(in);
  }
  /// Keeps what the last event's view points into, beyond the next `receive`, as long as `kept`
  /// lives and this does; see Connection::take_view.
  void keep_view(detail::Assembly& kept) {
    kept = connection_.take_view();
    if (is_encrypted()) tls_->keep_view();
  }
  /// Tells that the socket has ended; see Connection::receive_eof and TlsLayer::receive_eof.
  [[nodiscard]] std::optional<Event> receive_eof(std::error_code why = {}) {
    return is_encrypted() ? tls_->receive_eof(connection_, why) : connection_.receive_eof(why);
  }
  /// Tells the time; see Connection::advance.
  [[nodiscard]] std::optional<Event> advance(Time now,
                                             Connection::Unread unread = Connection::Unread::none) {
    return is_encrypted() ? tls_->advance(connection_, now, unread)
                          : connection_.advance(now, unread);
  }
  /// Whether `receive` or the end of the last view may bring something although there is no input;
  /// see Connection::has_events.
  [[nodiscard]] bool has_events() const { return is_encrypted() || connection_.has_events(); }
  /// Whether `receive` may have more to give although all input was taken.
  [[nodiscard]] bool has_input() const { return is_encrypted() && tls_->has_plaintext(); }

  /// Encrypts at this point, so that what was queued apart leaves together. All that is pending
  /// need not be shown at once: call it again after `consume`, while `wants_write`.
  [[nodiscard]] std::size_t output(std::span<ConstBytes> gather) {
    return is_encrypted() ? tls_->output(connection_, gather) : connection_.output(gather);
  }
  /// Drops the first `size` octets that `output` showed, which were written. Returns how much of
  /// `unwritten` that was.
  std::size_t consume(std::size_t size) {
    if (is_encrypted()) return tls_->consume(connection_, size);
    connection_.consume(size);
    return size;
  }
  /// Drops all that is pending: nothing can be written any more.
  void discard_output() {
    if (is_encrypted()) return tls_->discard_output(connection_);
    connection_.consume(connection_.pending_output());
  }
  /// Tells that nothing `output` has shown is looked at any more; see Connection::release_output.
  void release_output() {
    connection_.release_output();
    if (is_encrypted()) tls_->release_output();
  }
  /// Whether there is something to release.
  [[nodiscard]] bool holds_dropped_output() const {
    return connection_.holds_dropped_output() || (is_encrypted() && tls_->holds_dropped_output());
  }
  /// Octets that the connection has queued and that are not known to be written.
  [[nodiscard]] std::size_t unwritten() const {
    return is_encrypted() ? tls_->unwritten(connection_) : connection_.pending_output();
  }
  /// Octets that wait to be written, encrypted already or not yet.
  [[nodiscard]] std::size_t pending_output() const {
    return is_encrypted() ? tls_->pending_output(connection_) : connection_.pending_output();
  }

  /// When to call `advance`; see Connection::deadline.
  [[nodiscard]] std::optional<Time> deadline() const {
    return is_encrypted() ? tls_->deadline(connection_) : connection_.deadline();
  }
  /// Whether the socket should still be read.
  [[nodiscard]] bool wants_read() const { return connection_.wants_read(); }
  /// Whether `output` has something to show, or will make it.
  [[nodiscard]] bool wants_write() const {
    return is_encrypted() ? tls_->wants_write(connection_) : connection_.wants_write();
  }
  /// Whether the sending side of the socket should be ended now; close_notify is written by then.
  [[nodiscard]] bool wants_shutdown() const {
    return is_encrypted() ? tls_->wants_shutdown(connection_) : connection_.wants_shutdown();
  }
  /// Whether a server may close the socket instead; see Connection::may_close. Not over TLS, where
  /// the peer's close_notify is still to come.
  [[nodiscard]] bool may_close() const { return !is_encrypted() && connection_.may_close(); }
  /// Whether the socket can be closed.
  [[nodiscard]] bool is_terminated() const {
    return is_encrypted() ? tls_->is_terminated(connection_) : connection_.is_terminated();
  }

  /// The connection, for commands and questions. Bytes go through this session only.
  [[nodiscard]] Connection& connection() { return connection_; }
  /// The same, for questions.
  [[nodiscard]] const Connection& connection() const { return connection_; }

 private:
  // The way without TLS is the straight one: beside encryption a jump is nothing.
  [[nodiscard]] bool is_encrypted() const { return __builtin_expect(tls_ != nullptr, 0) != 0; }

  Connection connection_;
  std::unique_ptr<TlsLayer> tls_;
};

}  // namespace wolframite
#pragma GCC visibility pop
