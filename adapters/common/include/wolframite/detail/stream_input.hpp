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
  if (step_waits_) return hand_out_news();
  if (is_view_out()) {
    if (!input_->handed_out) return true;
    end_view();
  } else if (transition_ != nullptr) [[unlikely]] {
    drop_kept_view();
  }
  if (ended_ || orphaned_) return true;
  if (paused_) return false;
  do {
    if (is_drained()) {
      release_input();
    } else {
      tell_time();
      // Telling the time may have brought an event itself.
      if (ended_ || is_view_out() || step_waits_) return hand_out_news();
      if (take_in(true)) return true;
    }
  } while (input_ == nullptr && self().has_kept() && take_kept());
  return false;
}

// Who asks is told now: at the end of the turn it would be somebody who waits for something else.
template <class Host, class Pending>
inline bool StreamRules<Host, Pending>::hand_out_news() {
  news_ = false;
  return true;
}

template <class Host, class Pending>
inline bool StreamRules<Host, Pending>::take_kept() {
  if (!self().is_open() || !session_.wants_read()) return false;
  input_ = self().kept_input();
  if (input_ != nullptr) heard_ = true;
  return input_ != nullptr;
}

// Member by member: it was stored so a moment ago, and wider loads would have to wait for that.
template <class Host, class Pending>
inline void StreamRules<Host, Pending>::hold_message(const Message& message) {
  if (input_ == nullptr) input_ = &self().lend();
  input_->holds_message = true;
  input_->handed_out = false;
  input_->message.kind = message.kind;
  input_->message.first = message.first;
  input_->message.last = message.last;
  input_->message.data = {message.data.data(), message.data.size()};
}

template <class Host, class Pending>
inline void StreamRules<Host, Pending>::spend(std::size_t bytes) {
  const std::uint32_t before = work_;
  work_ += work_of_event + static_cast<std::uint32_t>(std::min<std::size_t>(bytes, most_work));
  if (work_ / look_at_clock != before / look_at_clock && self().is_turn_long()) work_ = most_work;
}

// The rest waits for the next turn. Returns that there is nothing to hand out now.
template <class Host, class Pending>
bool StreamRules<Host, Pending>::pause() {
  paused_ = true;
  self().go_on_later();
  return false;
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::go_on() {
  paused_ = false;
  work_ = 0;
  heard_ = true;
  proceed();
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
    begin_step(HandshakeStep::requested, &requested->request);
    return true;
  }
  if (const auto* opened = std::get_if<Opened>(&event)) {
    handshaking_ = false;
    begin_step(HandshakeStep::opened, opened->response);
    return true;
  }
  if (const auto* refused = std::get_if<Refused>(&event)) {
    begin_step(HandshakeStep::refused, &refused->response);
    return true;
  }
  if (const auto* closed = std::get_if<Closed>(&event)) {
    Transition& how = transition();
    // A refusal that nobody has taken yet is told before the end that follows it.
    if (!step_waits_ || step_ != HandshakeStep::refused)
      begin_step(HandshakeStep::closed, how.head);
    handshaking_ = false;
    paused_ = false;
    how.reason = closed->reason;
    how.closed = *closed;
    how.closed.reason = how.reason;
    ended_ = true;
    if (!is_view_out()) {
      release_input();
    } else if (input_->handed_out) {
      keep_view();
    }
    fail_waiters(end_reason());
    return true;
  }
  return false;
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::fail(std::error_code why) {
  if (ended_) return;
  static_cast<void>(transition());  // which may be what there is no memory for
  const std::optional<Event> closed = session_.connection().abort(why);
  // It was given already if it was in telling of it that memory was refused.
  handle(closed ? *closed : Event(Closed{why, CloseCode::abnormal, {}, false}), false);
  news_ = true;
}

// What is read after a step needs its buffer no more than the step does.
template <class Host, class Pending>
void StreamRules<Host, Pending>::begin_step(HandshakeStep step, const void* head) {
  transition().head = head;
  step_ = step;
  step_waits_ = true;
  receive_first_ = true;  // another one may follow at once
  if (input_ != nullptr && !input_->holds_message && input_->begin == input_->end) release_input();
}

// Receives until there is something to hand out, or nothing left to receive, or enough was done.
// Precondition: no message holds reading up.
template <class Host, class Pending>
bool StreamRules<Host, Pending>::take_in(bool deliver) {
  for (;;) {
    if (work_ >= most_work) return pause();
    Bytes in;
    if (input_ != nullptr) in = Bytes(input_->data + input_->begin, input_->end - input_->begin);
    // It answers by itself: handshakes, key updates, alerts.
    if (session_.tls() != nullptr) self().attend();
    const std::optional<Event> event =
        eof_ ? session_.receive_eof(self().read_error()) : session_.receive(in);
    if (input_ != nullptr) input_->begin = input_->end - static_cast<std::uint32_t>(in.size());
    if (!event) break;
    if (const auto* message = std::get_if<Message>(&*event); message != nullptr) {
      spend(message->data.size());
      if (deliver) {
        hold_message(*message);
        return true;
      }
    } else {
      spend(0);
    }
    if (handle(*event, deliver)) return true;
  }
  receive_first_ = false;
  if (session_.connection().is_paused()) return pause();
  // What lies behind a request is taken in once that is answered.
  if (input_ == nullptr || input_->begin == input_->end || ended_) release_input();
  return false;
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::release_input() noexcept {
  if (input_ == nullptr) return;
  input_->holds_message = false;
  InputLease& lease = *std::exchange(input_, nullptr);
  if (!lease.kept && !std::exchange(lease.sent_on, false)) give_back(lease);
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
  // After the end what comes is taken in all the same: the stream's own end is among it.
  const bool waits = is_view_out() || (step_waits_ && !ended_);
  const bool news = waits || take_in(self().awaits_input()) || news_;
  news_ = false;
  self().attend();
  if (news) self().wake_reader();
}

template <class Host, class Pending>
std::optional<Message> StreamRules<Host, Pending>::take_message() {
  if (!has_message()) return std::nullopt;
  input_->handed_out = true;
  if (!closing_ && !ended_) [[likely]]
    return input_->message;
  const Message message = input_->message;
  keep_view();
  self().attend();  // reading goes on
  return message;
}

template <class Host, class Pending>
inline void StreamRules<Host, Pending>::end_view() {
  if (waiters_ != nullptr) own_waiting_payloads(input_->message.data);
  input_->holds_message = false;
}

// Once the end has begun reading goes on whether or not another message is asked for. So what the
// message that is looked at lies in is set aside. Precondition: there is one.
template <class Host, class Pending>
void StreamRules<Host, Pending>::keep_view() {
  drop_kept_view();
  Transition& kept = transition();
  session_.keep_view(kept.assembly);
  kept.lease = input_;
  input_->kept = true;
  input_->holds_message = false;
  receive_first_ = true;  // more events may wait all the same
  if (input_->begin == input_->end) input_ = nullptr;
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::drop_kept_view() noexcept {
  if (transition_ == nullptr || transition_->lease == nullptr) return;
  InputLease& lease = *std::exchange(transition_->lease, nullptr);
  if (waiters_ != nullptr) own_waiting_payloads(lease.message.data);
  transition_->assembly.clear();
  lease.kept = false;
  if (&lease != input_ && !std::exchange(lease.sent_on, false)) give_back(lease);
}

template <class Host, class Pending>
typename StreamRules<Host, Pending>::Transition& StreamRules<Host, Pending>::transition() {
  if (transition_ == nullptr) transition_ = std::make_unique<Transition>();
  return *transition_;
}

template <class Host, class Pending>
HandshakeStep StreamRules<Host, Pending>::take_step() {
  const bool waited = step_waits_;
  step_waits_ = false;
  return ended_ && !waited ? HandshakeStep::closed : step_;
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::drop_view() noexcept {
  if (transition_ != nullptr) transition_->head = nullptr;
  if (!handshaking_ && !closing_ && !ended_) transition_.reset();
  // More events may wait all the same: the session's own, and decrypted ones.
  receive_first_ = true;
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::let_go(std::error_code why) noexcept {
  // Worth lingering for is only a closing handshake, or the reason why there is no other.
  const bool is_ending = ended_ || (!handshaking_ && !session_.connection().is_open());
  aborted_ = !is_ending || session_.connection().config().close_timeout.count() == 0;
  fail_waiters(why);
  orphaned_ = true;
  paused_ = false;
  release_buffers();
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::release_buffers() noexcept {
  drop_kept_view();
  release_input();
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::discard_unrequested_messages() {
  if (!closing_ || input_ == nullptr || paused_ || self().has_reader()) return;
  input_->holds_message = false;
  tell_time();
  if (!ended_) take_in(false);
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
// deadline: the input may put that off.
template <class Host, class Pending>
void StreamRules<Host, Pending>::tell_time_now() {
  self().time_is_told();
  work_ = 0;
  Time now = self().read_clock();
  if (const auto due = session_.deadline(); due && *due <= now && *due != at_once)
    now = *due - Time::duration(1);
  if (const auto event = session_.advance(now); event && handle(*event, false)) news_ = true;
}

// What the peer sent in time, and somebody waits for, must not come too late: it is read before
// anything is given up. What nobody waits for puts off what it may put off.
template <class Host, class Pending>
bool StreamRules<Host, Pending>::advance() {
  const bool heard = heard_;
  heard_ = false;
  std::optional<Time> due = session_.deadline();
  if (!due) {
    self().set_alarm(due);
    return true;
  }
  const bool has_unread = has_unread_input();
  const bool is_reading = takes_input() && (input_ == nullptr || paused_);
  if (has_unread && is_reading && !heard) return false;
  const auto unread =
      has_unread && !is_reading ? Connection::Unread::some : Connection::Unread::none;
  // Twice, for the first call may be there only to set the clock.
  const Time now = self().read_clock();
  for (int round = 0; due && *due <= now && !news_ && round < 2; ++round) {
    if (const auto event = session_.advance(now, unread)) news_ = handle(*event, false);
    due = session_.deadline();
  }
  self().set_alarm(due);
  return true;
}

// In the socket, or taken from it already.
template <class Host, class Pending>
bool StreamRules<Host, Pending>::has_unread_input() {
  if (!session_.wants_read()) return false;
  return paused_ || (input_ != nullptr && input_->begin != input_->end) || self().has_unread();
}

}  // namespace wolframite
