// A stream's life: how it begins and ends, and what the end of a turn brings.
#include "wolframite/stream_core.hpp"

#include <cassert>
#include <utility>

namespace wolframite {

StreamCore::StreamCore(Loop& loop, Socket socket, Connection connection)
    : socket_(std::move(socket)),
      loop_(loop),
      session_(std::move(connection)),
      handshaking_(!session_.connection().is_open()),
      told_turn_(loop.turn_ - 1) {
  ++loop_.streams_;
  attend();  // the clock starts, and a client's request goes out
}

StreamCore::~StreamCore() {
  assert(orphaned_ && reader_ == nullptr && input_ == nullptr);
  loop_.remove_orphan(*this);
  if (is_armed()) loop_.timers().disarm(*this);
  --loop_.streams_;
}

std::error_code StreamCore::accept(const Accept& with) {
  if (input_ != nullptr && (input_->begin != input_->end || session_.has_input())) {
    // The client has sent more before it had its answer: an error, and the connection's to find.
    input_->holds = InputLease::Holds::nothing;
    take_in(false);
    if (ended_) return ending_->closed.why;
  }
  if (const std::error_code error = session_.connection().accept(with)) return error;
  drop_view();
  attend();
  return {};
}

std::error_code StreamCore::refuse(const Response& response) {
  if (const std::error_code error = session_.connection().refuse(response)) return error;
  drop_view();
  handshaking_ = false;
  attend();
  return {};
}

void StreamCore::abandon() noexcept {
  // Worth lingering for is only a closing handshake, or the reason why there is no other.
  const bool is_ending = ended_ || (!handshaking_ && !session_.connection().is_open());
  aborted_ = !is_ending || session_.connection().config().close_timeout.count() == 0;
  fail_waiters(std::make_error_code(std::errc::operation_canceled));
  orphaned_ = true;
  orphan_index_ = loop_.orphans_.size();
  loop_.orphans_.push_back(this);
  release_input();
  attend();
}

void StreamCore::settle() {
  wrote_early_ = false;
  if (closing_) discard_unasked();
  advance();
  if (socket_.is_open() && writable_ && session_.wants_write()) write_output();
  if (is_settled() && !news_) {  // as nearly always
    if (queued_) attend();
    return;
  }
  if (waiters_ != nullptr) serve_waiters();
  if (!shut_ && socket_.is_open() && session_.wants_shutdown()) {
    shut_ = true;
    may_end() ? end() : shut_down();
  }
  if (socket_.is_open() && session_.is_terminated()) close_socket();
  if (orphaned_ && reader_ == nullptr && (aborted_ || !socket_.is_open())) {
    if (socket_.is_open()) close_socket();
    release_input();
    if (!attended_) destroy();  // else the next time
    return;
  }
  if (socket_.is_open() && writable_ && session_.wants_write()) attend();
  if (wants_input()) want_input();
  if (queued_ || (orphaned_ && reader_ != nullptr)) attend();
  const bool news = news_ || orphaned_;
  news_ = false;
  if (news) wake_reader();
}

bool StreamCore::may_end() const {
  return input_ == nullptr && !eof_ && session_.may_close() && !socket_.has_unread();
}

// Does not wait for the peer's end. Closing ends both sides.
void StreamCore::end() {
  tell_time();
  if (ended_) return;
  eof_ = true;
  if (take_in(false)) news_ = true;
}

// Tells the time before input or a command, which are stamped with it. Stops just short of a
// deadline: the input may put that off. Ends a view.
void StreamCore::tell_time_now() {
  told_turn_ = loop_.turn_;
  Time now = loop_.now();
  if (const auto due = session_.deadline(); due && *due <= now && *due != at_once)
    now = *due - Time::duration(1);
  if (const auto event = session_.advance(now); event && handle(*event, false)) news_ = true;
}

// Lets the session act on the time. Not while a view is out, for that would end it; nor while there
// is input nobody asked for, for what the peer sent in time must not come too late.
void StreamCore::advance() {
  const bool heard = heard_;
  heard_ = false;
  std::optional<Time> due = session_.deadline();
  if (!due) {
    if (is_armed()) loop_.timers().disarm(*this);
    return;
  }
  if (is_view_out() || (readable_ && !heard && session_.wants_read())) return;
  // Twice, for the first call may be there only to set the clock.
  for (int round = 0; due && *due <= loop_.now() && !news_ && round < 2; ++round) {
    if (const auto event = session_.advance(loop_.now())) news_ = handle(*event, false);
    due = session_.deadline();
  }
  if (!due || !socket_.is_open()) {
    if (is_armed()) loop_.timers().disarm(*this);
  } else if (!is_armed() || *due < loop_.timers().due(*this)) {
    loop_.timers().arm(*this, *due);  // a later deadline is looked up when this one has passed
  }
}

void StreamCore::fire() { attend(); }

}  // namespace wolframite
