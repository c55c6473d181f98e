#include "wolframite/tls_layer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace wolframite {
namespace {

// Enough to fill a socket's buffer in one write, and little enough to stay in the processor's
// cache.
constexpr std::size_t max_ciphertext = 128 * 1024;

}  // namespace

std::optional<Event> TlsLayer::receive(Connection& connection, Bytes& in) {
  for (;;) {
    if (auto event = connection.receive(plaintext_)) return event;
    if (in.empty() && !engine_->has_plaintext()) break;
    if (room_ == nullptr) {
      room_ = static_cast<std::byte*>(memory_->allocate(room_size, alignof(std::max_align_t)));
    }
    plaintext_ = {room_, engine_->receive(in, {room_, room_size})};
    if (plaintext_.empty()) break;
  }
  release_room();
  return end(connection);
}

std::optional<Event> TlsLayer::advance(Connection& connection, Time now) {
  const bool was_over = connection.is_terminated();
  auto event = connection.advance(now);
  // Out of time: the peer has had its chance to take what waits.
  if (!was_over && connection.is_terminated()) discard_output(connection);
  if (event) return event;
  // Wrong from the start, or gone wrong while encrypting.
  if (engine_->error()) {
    if (auto closed = end(connection)) return closed;
  }
  if (connection.is_terminated() && engine_->wants_write()) {
    if (give_up_at_ == Time::max()) give_up_at_ = now + connection.config().close_timeout;
    if (give_up_at_ <= now) discard_output(connection);
  }
  return std::nullopt;
}

std::optional<Time> TlsLayer::deadline(const Connection& connection) const {
  if (engine_->error() && connection.wants_read()) return at_once;
  if (!connection.is_terminated() || !engine_->wants_write()) return connection.deadline();
  return give_up_at_ == Time::max() ? at_once : give_up_at_;
}

std::optional<Event> TlsLayer::receive_eof(Connection& connection, std::error_code why) {
  // What was decrypted came before the end.
  Bytes nothing;
  if (auto event = receive(connection, nothing)) return event;
  const std::error_code cut = engine_->receive_eof();
  return connection.receive_eof(why ? why : cut);
}

/// What the engine's end means to the connection, if it has ended.
std::optional<Event> TlsLayer::end(Connection& connection) {
  if (engine_->error()) return connection.receive_eof(engine_->error());
  if (engine_->peer_closed()) return connection.receive_eof();
  return std::nullopt;
}

std::size_t TlsLayer::output(Connection& connection, std::span<ConstBytes> gather) {
  std::array<ConstBytes, 16> parts;
  while (engine_->pending_output() < max_ciphertext) {
    std::size_t count = connection.output(parts);
    // A large payload is cut, so that its ciphertext stays within the bound too.
    std::size_t room = max_ciphertext;
    for (std::size_t i = 0; i < count; ++i) {
      parts[i] = parts[i].first(std::min(parts[i].size(), room));
      room -= parts[i].size();
      if (room == 0) count = i + 1;
    }
    const std::size_t taken = engine_->write(std::span(parts).first(count));
    if (taken == 0) break;
    connection.consume(taken);
    encrypted_ += taken;
  }
  if (owes_close_notify(connection)) engine_->shutdown();
  return engine_->output(gather);
}

std::size_t TlsLayer::consume(std::size_t size) {
  engine_->consume(size);
  std::size_t written = 0;
  if (!engine_->wants_write()) {
    written = encrypted_;
  } else if (mark_ <= size) {
    written = marked_;
  } else {
    mark_ -= size;
    return 0;
  }
  encrypted_ -= written;
  marked_ = encrypted_;
  mark_ = engine_->pending_output();
  return written;
}

void TlsLayer::discard_output(Connection& connection) {
  engine_->shutdown();
  static_cast<void>(consume(engine_->pending_output()));
  connection.consume(connection.pending_output());
}

bool TlsLayer::wants_write(const Connection& connection) const {
  if (engine_->wants_write() || owes_close_notify(connection)) return true;
  return connection.wants_write() && engine_->handshake_done() && !engine_->is_shut_down() &&
         !engine_->error();
}

bool TlsLayer::wants_shutdown(const Connection& connection) const {
  return connection.wants_shutdown() && !owes_close_notify(connection) && !engine_->wants_write();
}

bool TlsLayer::owes_close_notify(const Connection& connection) const {
  return connection.wants_shutdown() && engine_->handshake_done() && !engine_->is_shut_down() &&
         !engine_->error();
}

void TlsLayer::release_room() {
  if (room_ == nullptr) return;
#if defined(WOLFRAMITE_SCRIBBLE)
  std::memset(room_, 0xDB, room_size);
#endif
  memory_->deallocate(std::exchange(room_, nullptr), room_size, alignof(std::max_align_t));
  plaintext_ = {};
}

}  // namespace wolframite
