// What a stream receives, and who waits for it.
#include "wolframite/stream_core.hpp"

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

namespace wolframite {

void InputAwaiter::call_off() noexcept { core().reader_ = nullptr; }

void InputAwaiter::await_suspend(std::coroutine_handle<> frame) {
  StreamCore& stream = core();
  assert(stream.reader_ == nullptr && "one coroutine at a time may wait in next()");
  stream.reader_ = frame;
  core_ |= waits;
  if (stream.wants_input()) stream.want_input();
  // What is queued has the loop turn again at once; and time may have stood still.
  if (stream.queued_ || stream.session_.deadline()) stream.attend();
}

// Whether taking in would find nothing.
inline bool StreamCore::is_drained() const {
  if (receive_first_) return false;
  if (input_ == nullptr) return true;
  return input_->begin == input_->end && !eof_ && !session_.has_events();
}

// The last view dies here.
bool StreamCore::poll() {
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
  } while (readable_ && take_kept());
  return false;
}

bool StreamCore::take_kept() {
  if (!socket_.is_open() || !session_.wants_read()) return false;
  input_ = kept_input();
  if (input_ != nullptr) heard_ = true;
  return input_ != nullptr;
}

inline void StreamCore::hold(InputLease::Holds what, const void* head) {
  if (input_ == nullptr) input_ = &lend();
  input_->holds = what;
  input_->head = head;
  input_->handed_out = false;
}

// Member by member: it was stored so a moment ago, and wider loads would have to wait for that.
inline void StreamCore::hold_message(const Message& message) {
  hold(InputLease::Holds::message, nullptr);
  input_->message.kind = message.kind;
  input_->message.first = message.first;
  input_->message.last = message.last;
  input_->message.data = {message.data.data(), message.data.size()};
}

// Returns whether the reader has to be told.
bool StreamCore::handle(const Event& event, bool deliver) {
  if (const auto* message = std::get_if<Message>(&event)) {
    if (!deliver && (closing_ || orphaned_)) return false;
    hold_message(*message);
    return true;
  }
  // Whatever else happens may have queued an answer.
  attend();
  if (const auto* requested = std::get_if<Requested>(&event)) {
    step_ = Step::requested;
    hold(InputLease::Holds::request, &requested->request);
    return true;
  }
  if (const auto* opened = std::get_if<Opened>(&event)) {
    step_ = Step::opened;
    handshaking_ = false;
    hold(InputLease::Holds::response, opened->response);
    return true;
  }
  if (const auto* refused = std::get_if<Refused>(&event)) {
    step_ = Step::refused;
    hold(InputLease::Holds::response, &refused->response);
    return true;
  }
  if (const auto* closed = std::get_if<Closed>(&event)) {
    step_ = Step::closed;
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
bool StreamCore::take_in(bool deliver) {
  for (;;) {
    Bytes in;
    if (input_ != nullptr) in = Bytes(input_->data + input_->begin, input_->end - input_->begin);
    // It answers by itself: handshakes, key updates, alerts.
    if (session_.tls() != nullptr) attend();
    const std::optional<Event> event =
        eof_ ? session_.receive_eof(std::error_code(errno_, std::system_category()))
             : session_.receive(in);
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

void StreamCore::release_input() noexcept {
  if (input_ == nullptr) return;
  input_->holds = InputLease::Holds::nothing;
  InputLease& lease = *std::exchange(input_, nullptr);
  if (!std::exchange(lease.sent_on, false)) give_back(lease);
}

void StreamCore::received(InputLease& lease) {
  assert(input_ == nullptr);
  input_ = &lease;
  heard_ = true;
  proceed();
}

void StreamCore::received_eof(int error) {
  eof_ = true;
  errno_ = static_cast<std::uint8_t>(error);
  proceed();
}

void StreamCore::proceed() {
  tell_time();
  const bool news = is_view_out() || take_in(reader_ != nullptr) || news_;
  news_ = false;
  attend();
  if (news) wake_reader();
}

void StreamCore::wake_reader() {
  if (const auto reader = std::exchange(reader_, nullptr)) loop_.resume(reader);
}

std::optional<Message> StreamCore::take_message() {
  if (input_ == nullptr || input_->holds != InputLease::Holds::message || input_->handed_out) {
    return std::nullopt;
  }
  input_->handed_out = true;
  if (closing_) keep_message();
  return input_->message;
}

// Once close() was called reading goes on whether or not another message is asked for. So the
// message that a coroutine is given gets octets of its own.
void StreamCore::keep_message() {
  const ConstBytes octets = input_->message.data;
  std::unique_ptr<std::byte[]>& kept = ending().kept;
  kept = std::make_unique<std::byte[]>(octets.size());
  std::copy(octets.begin(), octets.end(), kept.get());
  input_->message.data = Bytes(kept.get(), octets.size());
}

StreamCore::Ending& StreamCore::ending() {
  if (ending_ == nullptr) ending_ = std::make_unique<Ending>();
  return *ending_;
}

// Once close() was called, what came and nobody waits for must not hold up what comes after it.
void StreamCore::discard_unasked() {
  if (!closing_ || reader_ != nullptr || !is_view_out()) return;
  drop_view();
  tell_time();
  if (!ended_ && (input_ != nullptr || receive_first_)) take_in(false);
}

StreamCore::Step StreamCore::take_step() {
  if (input_ != nullptr) input_->handed_out = true;
  return step_;
}

void StreamCore::drop_view() noexcept {
  if (input_ == nullptr) return;
  input_->holds = InputLease::Holds::nothing;
  // More events may wait all the same: the session's own, and decrypted ones.
  receive_first_ = true;
  if (input_->begin == input_->end) release_input();
}

}  // namespace wolframite
