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

TlsLayer::~TlsLayer() {
  free_room(room_);
  free_room(kept_room_);
}

std::optional<Event> TlsLayer::receive(Connection& connection, Bytes& in) {
  for (;;) {
    if (auto event = connection.receive(plaintext_)) return event;
    if (!plaintext_.empty() || connection.is_paused()) return std::nullopt;  // to be gone on with
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

std::optional<Event> TlsLayer::advance(Connection& connection, Time now,
                                       Connection::Unread unread) {
  if (write_at_ == Time::min()) write_at_ = now;
  const bool was_over = connection.is_terminated();
  auto event = connection.advance(now, unread);
  // Out of time: the peer has had its chance to take what waits.
  if (!was_over && connection.is_terminated()) discard_output(connection);
  if (event) {
    // What says so in plaintext can never be encrypted.
    if (!engine_->handshake_done()) discard_output(connection);
    return event;
  }
  // Wrong from the start, or gone wrong while encrypting.
  if (engine_->error()) {
    if (auto closed = connection.abort(engine_->error())) return closed;
  }
  if (write_due(connection) <= now) {
    discard_output(connection);
    return connection.abort(connection.is_closing() ? Error::close_timeout : Error::write_timeout);
  }
  return std::nullopt;
}

std::optional<Time> TlsLayer::deadline(const Connection& connection) const {
  if (engine_->error() && connection.wants_read()) return at_once;
  const Time due = write_due(connection);
  const std::optional<Time> other = connection.deadline();
  if (due == Time::max()) return other;
  return other ? std::min(*other, due) : due;
}

/// When what waits will have waited for too long: the end, an alert above all, too.
Time TlsLayer::write_due(const Connection& connection) const {
  if (!engine_->wants_write()) return Time::max();
  const Config& limits = connection.config();
  if (write_at_ == Time::min()) return at_once;  // to be told the time
  const auto after = [this](std::chrono::milliseconds timeout) {
    return timeout.count() > 0 ? later(write_at_, timeout) : Time::max();
  };
  const Time due = after(limits.write_timeout);
  return connection.is_closing() ? std::min(due, after(limits.close_timeout)) : due;
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
  if (!engine_->wants_write()) write_at_ = connection.now();
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
    connection.set_output_in_transit(true);
    connection.consume(taken);
    encrypted_ += taken;
  }
  if (owes_close_notify(connection)) engine_->shutdown();
  return engine_->output(gather);
}

std::size_t TlsLayer::consume(Connection& connection, std::size_t size) {
  engine_->consume(size);
  if (size > 0) write_at_ = connection.now();
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
  if (encrypted_ == 0) connection.set_output_in_transit(false);
  return written;
}

void TlsLayer::discard_output(Connection& connection) {
  engine_->shutdown();
  engine_->discard_output();
  encrypted_ = marked_ = mark_ = 0;
  connection.set_output_in_transit(false);
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

// What is in the room and was not received yet stays where it is; what comes next gets a new one.
void TlsLayer::keep_view() {
  if (room_ == nullptr) return;
  free_room(kept_room_);
  kept_room_ = std::exchange(room_, nullptr);
}

void TlsLayer::release_room() {
  free_room(std::exchange(room_, nullptr));
  plaintext_ = {};
}

void TlsLayer::free_room(std::byte* room) {
  if (room == nullptr) return;
#if defined(WOLFRAMITE_SCRIBBLE)
  std::memset(room, 0xDB, room_size);
#endif
  memory_->deallocate(room, room_size, alignof(std::max_align_t));
}

}  // namespace wolframite
