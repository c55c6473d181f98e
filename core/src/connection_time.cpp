// Timers: handshake, idle, message, keepalive, write and close. A time of Time::min() is one that
// has not been told yet; the first advance() puts the present in its place.
#include <algorithm>
#include <array>

#include "connection_state.hpp"
#include "wolframite/connection.hpp"

namespace wolframite {

namespace {

using std::chrono::milliseconds;

/// When `timeout` after `since` is; never (`Time::max()`) if it is switched off.
Time after(Time since, milliseconds timeout) {
  if (timeout <= milliseconds::zero()) return Time::max();
  return since == Time::min() ? since : later(since, timeout);
}

}  // namespace

std::optional<Event> Connection::act_on_time(Time now, Unread unread) {
  auto event = next_event_at(now, unread);
  tell(event);
  return event;
}

std::optional<Event> Connection::next_event_at(Time now, Unread unread) {
  now_ = std::max(now_, now);
  for (Time* unknown : {&since_, &heard_at_, &message_at_, &write_at_}) {
    if (*unknown == Time::min()) *unknown = now_;
  }
  if (auto event = waiting_event()) return event;
  if (unread == Unread::some) put_off();
  switch (phase_) {
    case Phase::request_head:
    case Phase::awaiting_answer:
    case Phase::response_head:
      if (handshake_due() <= now_) return fail(Error::handshake_timeout);
      break;
    case Phase::refusal_body:  // the answer is there, however its body ends
      if (handshake_due() <= now_) return give_refused();
      break;
    case Phase::open:
    case Phase::closing:
    case Phase::over:
      if (write_due() <= now_) return end_at_once(Error::write_timeout);
      if (phase_ == Phase::open && !close_sent_) return advance_open();
      if (close_due() <= now_) return end_at_once(Error::close_timeout);
      break;
  }
  return std::nullopt;
}

std::optional<Event> Connection::advance_open() {
  if (idle_due() <= now_) return fail(Error::idle_timeout);
  if (message_due() <= now_) return fail(Error::message_timeout);
  if (pong_due() <= now_) return fail(Error::pong_timeout);
  if (ping_due() <= now_) keep_alive();
  if (release_due() <= now_) release_memory();
  return std::nullopt;
}

/// Input waits for the owner. So it is not the peer that is silent.
void Connection::put_off() {
  heard_at_ = now_;
  if (phase_ != Phase::open) return;
  if (!output_waits()) message_at_ = now_;
  if (in_message_ && !close_sent_) since_ = now_;
}

std::optional<Time> Connection::first_due() const {
  Time due = Time::max();
  switch (phase_) {
    case Phase::request_head:
    case Phase::awaiting_answer:
    case Phase::response_head:
    case Phase::refusal_body:
      due = handshake_due();
      break;
    case Phase::open:
      due = close_sent_
                ? close_due()
                : std::min({idle_due(), message_due(), pong_due(), ping_due(), release_due()});
      break;
    case Phase::closing:
      due = close_due();
      break;
    case Phase::over:
      if (wants_write()) due = close_due();
      break;
  }
  if (phase_ >= Phase::open) due = std::min(due, write_due());
  if (due == Time::max()) return std::nullopt;
  return due == Time::min() ? at_once : due;
}

void Connection::keep_alive() {
  // A peer that reads nothing would not see it, and must not make the queue grow.
  const bool is_full = output_.size() >= config().max_write_buffer_size;
  if (is_full || (sends_masked() && entropy_ == nullptr)) {
    heard_at_ = now_;
    return;
  }
  if (ping_end_ > 0) {  // one waits to be written already
    ping_outstanding_ = true;
    return;
  }
  const std::uint32_t serial = ping_serial_ + 1;
  std::array<std::byte, 4> payload;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<std::byte>(serial >> (24U - 8U * i));
  }
  if (!queue_frame(OpCode::ping, true, payload)) {  // the next one may find memory
    heard_at_ = now_;
    return;
  }
  ping_serial_ = serial;
  ping_outstanding_ = true;
  ping_end_ = output_.size();
}

Time Connection::handshake_due() const { return after(since_, config().handshake_timeout); }

Time Connection::idle_due() const { return after(message_at_, config().idle_timeout); }

Time Connection::message_due() const {
  return in_message_ ? after(since_, config().message_timeout) : Time::max();
}

Time Connection::ping_due() const {
  return ping_outstanding_ ? Time::max() : after(heard_at_, config().ping_interval);
}

/// The wait for a pong begins when the ping was written, which `heard_at_` says then.
Time Connection::pong_due() const {
  const bool was_written = ping_outstanding_ && ping_end_ == 0 && !in_transit_;
  return was_written ? after(heard_at_, config().pong_timeout) : Time::max();
}

Time Connection::write_due() const {
  return wants_write() ? after(write_at_, config().write_timeout) : Time::max();
}

Time Connection::release_due() const {
  const bool holds = codec_ != nullptr && !codec_->released;
  return holds ? after(message_at_, config().deflate.release_after) : Time::max();
}

/// As long as our Close, or something before it, is still to be written, it is that which must go
/// on.
Time Connection::close_due() const {
  return after(output_waits() ? write_at_ : since_, config().close_timeout);
}

}  // namespace wolframite
