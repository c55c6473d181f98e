/// @file
/// The rules of what a stream receives, and of its end. For the source that instantiates them.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "wolframite/stream_rules.hpp"

namespace wolframite {

// Whether taking in would find nothing.
template <class Host, class Pending>
inline bool StreamRules<Host, Pending>::is_drained() const {
  if (receive_first_) return false;
  if (input_ == nullptr) return true;
  return input_->begin == input_->end && !eof_ && !session_.has_events();
}

template <class Host, class Pending>
inline bool StreamRules<Host, Pending>::poll() {
  if (is_view_out()) {
    if (!input_->handed_out) return true;
    input_->holds = InputLease::Holds::nothing;
  }
  if (ended_ || orphaned_) return true;
  do {
    if (is_drained()) {
      release_input();
    } else {
      tell_time();
      // Telling the time may have brought an event itself.
      if (ended_ || is_view_out() || take_in(true)) return true;
    }
  } while (self().has_kept() && take_kept());
  return false;
}

template <class Host, class Pending>
inline bool StreamRules<Host, Pending>::take_kept() {
  if (!self().is_open() || !session_.wants_read()) return false;
  input_ = self().kept_input();
  if (input_ != nullptr) heard_ = true;
  return input_ != nullptr;
}

template <class Host, class Pending>
inline void StreamRules<Host, Pending>::hold(InputLease::Holds what, const void* head) {
  if (input_ == nullptr) input_ = &self().lend();
  input_->holds = what;
  input_->head = head;
  input_->handed_out = false;
}

// Member by member: it was stored so a moment ago, and wider loads would have to wait for that.
template <class Host, class Pending>
inline void StreamRules<Host, Pending>::hold_message(const Message& message) {
  hold(InputLease::Holds::message, nullptr);
  input_->message.kind = message.kind;
  input_->message.first = message.first;
  input_->message.last = message.last;
  input_->message.data = {message.data.data(), message.data.size()};
}

// Returns whether the reader has to be told.
template <class Host, class Pending>
bool StreamRules<Host, Pending>::handle(const Event& event, bool deliver) {
  if (const auto* message = std::get_if<Message>(&event)) {
    if (!deliver && (closing_ || orphaned_)) return false;
    hold_message(*message);
    return true;
  }
  // Whatever else happens may have queued an answer.
  self().attend();
  if (const auto* requested = std::get_if<Requested>(&event)) {
    step_ = HandshakeStep::requested;
    hold(InputLease::Holds::request, &requested->request);
    return true;
  }
  if (const auto* opened = std::get_if<Opened>(&event)) {
    step_ = HandshakeStep::opened;
    handshaking_ = false;
    hold(InputLease::Holds::response, opened->response);
    return true;
  }
  if (const auto* refused = std::get_if<Refused>(&event)) {
    step_ = HandshakeStep::refused;
    hold(InputLease::Holds::response, &refused->response);
    return true;
  }
  if (const auto* closed = std::get_if<Closed>(&event)) {
    step_ = HandshakeStep::closed;
    handshaking_ = false;
    Ending& how = ending();
    how.reason = closed->reason;
    how.closed = *closed;
    how.closed.reason = how.reason;
    ended_ = true;
    release_input();
    fail_waiters(end_reason());
    return true;
  }
  return false;
}

// Receives until there is something to hand out, or nothing left to receive. Precondition: no view
// is out.
template <class Host, class Pending>
bool StreamRules<Host, Pending>::take_in(bool deliver) {
  for (;;) {
    Bytes in;
    if (input_ != nullptr) in = Bytes(input_->data + input_->begin, input_->end - input_->begin);
    // It answers by itself: handshakes, key updates, alerts.
    if (session_.tls() != nullptr) self().attend();
    const std::optional<Event> event =
        eof_ ? session_.receive_eof(self().read_error()) : session_.receive(in);
    if (input_ != nullptr) input_->begin = input_->end - static_cast<std::uint32_t>(in.size());
    if (!event) break;
    if (const auto* message = std::get_if<Message>(&*event); message != nullptr && deliver) {
      hold_message(*message);
      return true;
    }
    if (handle(*event, deliver)) return true;
  }
  receive_first_ = false;
  release_input();
  return false;
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::release_input() noexcept {
  if (input_ == nullptr) return;
  input_->holds = InputLease::Holds::nothing;
  InputLease& lease = *std::exchange(input_, nullptr);
  if (!std::exchange(lease.sent_on, false)) give_back(lease);
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::received(InputLease& lease) {
  assert(input_ == nullptr);
  input_ = &lease;
  heard_ = true;
  proceed();
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::input_ended() {
  eof_ = true;
  proceed();
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::proceed() {
  tell_time();
  const bool news = is_view_out() || take_in(self().awaits_input()) || news_;
  news_ = false;
  self().attend();
  if (news) self().wake_reader();
}

template <class Host, class Pending>
std::optional<Message> StreamRules<Host, Pending>::take_message() {
  if (!has_message()) return std::nullopt;
  input_->handed_out = true;
  if (closing_) keep_message();
  return input_->message;
}

// Once a close has begun reading goes on whether or not another message is asked for. So the
// message that is handed out gets octets of its own.
template <class Host, class Pending>
void StreamRules<Host, Pending>::keep_message() {
  const ConstBytes octets = input_->message.data;
  std::unique_ptr<std::byte[]>& kept = ending().kept;
  kept = std::make_unique<std::byte[]>(octets.size());
  std::copy(octets.begin(), octets.end(), kept.get());
  input_->message.data = Bytes(kept.get(), octets.size());
}

template <class Host, class Pending>
typename StreamRules<Host, Pending>::Ending& StreamRules<Host, Pending>::ending() {
  if (ending_ == nullptr) ending_ = std::make_unique<Ending>();
  return *ending_;
}

template <class Host, class Pending>
HandshakeStep StreamRules<Host, Pending>::take_step() {
  if (input_ != nullptr) input_->handed_out = true;
  return step_;
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::drop_view() noexcept {
  if (input_ == nullptr) return;
  input_->holds = InputLease::Holds::nothing;
  // More events may wait all the same: the session's own, and decrypted ones.
  receive_first_ = true;
  if (input_->begin == input_->end) release_input();
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::let_go(std::error_code why) noexcept {
  // Worth lingering for is only a closing handshake, or the reason why there is no other.
  const bool is_ending = ended_ || (!handshaking_ && !session_.connection().is_open());
  aborted_ = !is_ending || session_.connection().config().close_timeout.count() == 0;
  fail_waiters(why);
  orphaned_ = true;
  release_input();
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::discard_unasked() {
  const bool is_message = input_ != nullptr && input_->holds == InputLease::Holds::message;
  if (!closing_ || !is_message || self().has_reader()) return;
  drop_view();
  tell_time();
  if (!ended_ && (input_ != nullptr || receive_first_)) take_in(false);
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::end_sending() {
  if (shut_ || !self().is_open() || !session_.wants_shutdown()) return;
  shut_ = true;
  may_end() ? end() : self().shut_down();
}

template <class Host, class Pending>
bool StreamRules<Host, Pending>::may_end() {
  return input_ == nullptr && !eof_ && session_.may_close() && self().closes_at_once();
}

// Does not wait for the peer's end. Closing ends both sides.
template <class Host, class Pending>
void StreamRules<Host, Pending>::end() {
  tell_time();
  if (ended_) return;
  eof_ = true;
  if (take_in(false)) news_ = true;
}

// Tells the time before input or a command, which are stamped with it. Stops just short of a
// deadline: the input may put that off. Ends a view.
template <class Host, class Pending>
void StreamRules<Host, Pending>::tell_time_now() {
  self().time_is_told();
  Time now = self().read_clock();
  if (const auto due = session_.deadline(); due && *due <= now && *due != at_once)
    now = *due - Time::duration(1);
  if (const auto event = session_.advance(now); event && handle(*event, false)) news_ = true;
}

// Not while a view is out, for that would end it; nor while there is input nobody asked for, for
// what the peer sent in time must not come too late.
template <class Host, class Pending>
bool StreamRules<Host, Pending>::advance() {
  const bool heard = heard_;
  heard_ = false;
  std::optional<Time> due = session_.deadline();
  if (!due) {
    self().set_alarm(due);
    return true;
  }
  if (is_view_out() || (!heard && session_.wants_read() && self().has_unread())) return false;
  // Twice, for the first call may be there only to set the clock.
  const Time now = self().read_clock();
  for (int round = 0; due && *due <= now && !news_ && round < 2; ++round) {
    if (const auto event = session_.advance(now)) news_ = handle(*event, false);
    due = session_.deadline();
  }
  self().set_alarm(due);
  return true;
}

}  // namespace wolframite
