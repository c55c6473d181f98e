// Timers: handshake, idle, keepalive and close. A time of Time::min() is one that has not been told
// yet; the first advance() puts the present in its place.
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
  if (since == Time::min()) return since;
  // In milliseconds, of which a longest timeout still has room where it has none in the clock's
  // unit.
  const auto left = std::chrono::floor<milliseconds>(Time::max() - std::max(since, Time{}));
  return timeout < left ? since + timeout : Time::max();
}

}  // namespace

std::optional<Event> Connection::act_on_time(Time now) {
  auto event = next_event_at(now);
  tell(event);
  return event;
}

std::optional<Event> Connection::next_event_at(Time now) {
  release_view();
  now_ = std::max(now_, now);
  for (Time* unknown : {&phase_since_, &heard_at_, &message_at_}) {
    if (*unknown == Time::min()) *unknown = now_;
  }
  if (auto event = waiting_event()) return event;
  switch (phase_) {
    case Phase::request_head:
    case Phase::awaiting_answer:
    case Phase::response_head:
    case Phase::refusal_body:
      if (handshake_due() <= now_) return fail(Error::handshake_timeout);
      break;
    case Phase::open:
      if (close_sent_) return advance_close();
      if (idle_due() <= now_) return fail(Error::idle_timeout);
      if (pong_due() <= now_) return fail(Error::pong_timeout);
      if (ping_due() <= now_) keep_alive();
      if (release_due() <= now_) release_memory();
      break;
    case Phase::closing:
    case Phase::over:
      return advance_close();
  }
  return std::nullopt;
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
      due =
          close_sent_ ? close_due() : std::min({idle_due(), pong_due(), ping_due(), release_due()});
      break;
    case Phase::closing:
      due = close_due();
      break;
    case Phase::over:
      if (!output_.empty()) due = close_due();
      break;
  }
  if (due == Time::max()) return std::nullopt;
  return due == Time::min() ? at_once : due;
}

/// Ends the wait for the end.
std::optional<Event> Connection::advance_close() {
  if (close_due() > now_) return std::nullopt;
  drop_output(Error::close_timeout);
  if (phase_ == Phase::over) return std::nullopt;
  if (ending_ == nullptr) end(Error::close_timeout, CloseCode::abnormal);
  ending_->due = true;
  enter(Phase::over);
  return waiting_event();
}

void Connection::keep_alive() {
  ping_outstanding_ = true;
  heard_at_ = now_;
  // A peer that reads nothing would not see it, and must not make the queue grow.
  if (output_.size() >= config().max_write_buffer_size) return;
  ++ping_serial_;
  std::array<std::byte, 4> payload;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<std::byte>(ping_serial_ >> (24U - 8U * i));
  }
  if (!sends_masked() || entropy_ != nullptr) queue_frame(OpCode::ping, true, payload);
}

Time Connection::handshake_due() const { return after(phase_since_, config().handshake_timeout); }

Time Connection::idle_due() const { return after(message_at_, config().idle_timeout); }

Time Connection::ping_due() const {
  return ping_outstanding_ ? Time::max() : after(heard_at_, config().ping_interval);
}

Time Connection::pong_due() const {
  return ping_outstanding_ ? after(heard_at_, config().pong_timeout) : Time::max();
}

Time Connection::release_due() const {
  const bool holds = codec_ != nullptr && !codec_->released;
  return holds ? after(message_at_, config().deflate.release_after) : Time::max();
}

Time Connection::close_due() const { return after(phase_since_, config().close_timeout); }

}  // namespace wolframite
