// A stream on a loop: how it begins and ends, who waits for it, and what the end of a turn brings.
#include "wolframite/stream_core.hpp"

#include <cassert>
#include <cerrno>
#include <new>
#include <utility>

#include "wolframite/detail/stream_input.hpp"
#include "wolframite/detail/stream_opening.hpp"
#include "wolframite/detail/stream_output.hpp"
#include "wolframite/detail/try_allocate.hpp"
#include "wolframite/websocket_stream.hpp"

namespace wolframite {

StreamCore::StreamCore(Loop& loop, Socket socket, Connection connection)
    : TimerAndSocket(std::move(socket)),
      StreamRules(std::move(connection)),
      told_turn_(loop.turn_ - 1),
      loop_(loop) {
  ++loop_.streams_;
  attend();  // the clock starts, and a client's request goes out
}

StreamCore::~StreamCore() {
  assert(orphaned_ && reader_ == nullptr);
  loop_.remove_orphan(*this);
  if (is_armed()) loop_.timers().disarm(*this);
  --loop_.streams_;
}

void StreamCore::abandon() noexcept {
  let_go(std::make_error_code(std::errc::operation_canceled));
  orphan_index_ = static_cast<std::uint32_t>(loop_.orphans_.size());
  loop_.orphans_.push_back(this);
  attend();
}

void StreamCore::settle() {
  if (errno_ == no_memory) [[unlikely]] {
    fail(Error::out_of_memory);
    errno_ = ENOMEM;
  }
  wrote_early_ = false;
  if (paused_) rest();
  if (closing_) discard_unrequested_messages();
  if (socket_.is_open() && writable_ && session_.wants_write()) write_output();
  const bool has_deadline = session_.deadline().has_value();
  const std::size_t queued = has_deadline ? session_.pending_output() : 0;
  advance();
  if (has_deadline && session_.pending_output() > queued && socket_.is_open() && writable_) {
    write_output();  // what the time has brought: a ping, or a Close
    advance();       // some deadlines count from when that was written
  }
  if (is_settled() && !news_) {  // as nearly always
    if (queued_) attend();
    return;
  }
  if (waiters_ != nullptr) serve_waiters();
  release_dropped_output();
  end_sending();
  if (socket_.is_open() && session_.is_terminated()) close_socket();
  if (orphaned_ && reader_ == nullptr && (aborted_ || !socket_.is_open())) {
    if (socket_.is_open()) close_socket();
    release_buffers();
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

// A turn that has done enough for a stream is followed by another one, in which the others come
// first.
void StreamCore::rest() {
  if (!rested_) {
    rested_ = true;
    return attend();
  }
  go_on();
  if (wants_input()) want_input();
}

void StreamCore::received_eof(int error) {
  errno_ = static_cast<std::uint8_t>(error);
  input_ended();
}

void StreamCore::write_failed(int error) {
  if (!eof_) errno_ = static_cast<std::uint8_t>(error);
  writable_ = false;
  output_failed();
}

// What ended reading, cleanly, may have left nothing to tell.
std::error_code StreamCore::write_error() const {
  return {errno_ != 0 ? errno_ : EPIPE, std::system_category()};
}

// A later deadline than that of the timer is looked up when that one has passed.
inline void StreamCore::set_alarm(std::optional<Time> due) {
  if (!due || !socket_.is_open()) {
    if (is_armed()) loop_.timers().disarm(*this);
  } else if (!is_armed() || *due < loop_.timers().due(*this)) {
    loop_.timers().arm(*this, *due);
  }
}

// Once a turn: a producer that the kernel keeps up with must still let the loop turn.
void StreamCore::write_early() {
  if (!wrote_early_ && writable_ && session_.wants_write() && socket_.is_open()) write_output();
  wrote_early_ = true;
  attend();
}

void InputAwaiter::call_off() noexcept { core().reader_ = nullptr; }

void InputAwaiter::await_suspend(std::coroutine_handle<> frame) {
  StreamCore& stream = core();
  assert(stream.reader_ == nullptr);  // or it would have been refused
  stream.reader_ = frame;
  core_ |= waits;
  try {
    if (stream.wants_input()) stream.want_input();
  } catch (const std::bad_alloc&) {
    stream.lacks_memory();
  }
  // What is queued has the loop turn again at once; and time may have stood still.
  if (!stream.attended_ && (stream.queued_ || stream.session_.deadline())) stream.attend();
}

/// No exception of the stream's reaches who waits for it.
bool StreamCore::poll_input() {
  try {
    return poll();
  } catch (const std::bad_alloc&) {
    lacks_memory();
    return false;  // the end of the turn brings the end
  }
}

std::error_code NextAwaiter::why_none() const {
  if (is_refused()) return make_error_code(Error::already_reading);
  if (core().closed() != nullptr) return core().closed()->why;
  return std::make_error_code(std::errc::operation_canceled);
}

inline void StreamCore::wake_reader() {
  if (const auto reader = std::exchange(reader_, nullptr)) loop_.resume(reader);
}

/// Calls what begins a command, and ends the stream where that finds no memory.
template <class Command>
Operation StreamCore::attempt(Command command) {
  try {
    return command();
  } catch (const std::bad_alloc&) {
    lacks_memory();
    return make_error_code(Error::out_of_memory);
  }
}

Operation StreamCore::send(Kind kind, ConstBytes payload, bool last, Compression compression) {
  return attempt([&]() -> Operation {
    if (!can_write()) return why_not_writable();
    if (make_room()) {
      attend();
      return session_.connection().send(kind, payload, last, compression);
    }
    detail::PendingOperation* const operation = begin_wait(What::send);
    if (operation == nullptr) return make_error_code(Error::out_of_memory);
    operation->payload = payload;
    operation->kind = kind;
    operation->last = last;
    operation->compression = compression;
    return Operation(*operation);
  });
}

Operation StreamCore::send(Kind kind, SharedBytes payload, Compression compression) {
  return attempt([&]() -> Operation {
    if (!can_write()) return why_not_writable();
    if (make_room()) {
      attend();
      return session_.connection().send(kind, std::move(payload), compression);
    }
    detail::PendingOperation* const operation = begin_wait(What::send_shared);
    if (operation == nullptr) return make_error_code(Error::out_of_memory);
    operation->shared = std::move(payload);
    operation->kind = kind;
    operation->compression = compression;
    return Operation(*operation);
  });
}

Operation StreamCore::send(Message&& message, Compression compression) {
  return attempt([&]() -> Operation {
    if (!can_write()) return why_not_writable();
    if (make_room()) {
      attend();
      return send_on(std::move(message), compression);
    }
    detail::PendingOperation* const operation = begin_wait(What::send_on);
    if (operation == nullptr) return make_error_code(Error::out_of_memory);
    operation->payload = message.data;
    operation->kind = message.kind;
    operation->first = message.first;
    operation->last = message.last;
    operation->compression = compression;
    return Operation(*operation);
  });
}

Operation StreamCore::ready() {
  return attempt([&]() -> Operation {
    if (!can_write()) return why_not_writable();
    if (make_room()) return std::error_code{};
    return wait_for(What::ready);
  });
}

Operation StreamCore::flush() {
  return attempt([&]() -> Operation {
    if (const auto outcome = flush_at_once()) return *outcome;
    return wait_for(What::flush);
  });
}

Operation StreamCore::close(CloseCode code, std::string_view reason) {
  return attempt([&]() -> Operation {
    if (const auto outcome = begin_close(code, reason)) return *outcome;
    return wait_for(What::close);
  });
}

/// Begins a command that has nothing to keep.
Operation StreamCore::wait_for(What what) {
  detail::PendingOperation* const operation = begin_wait(what);
  if (operation == nullptr) return make_error_code(Error::out_of_memory);
  return Operation(*operation);
}

/// Null where there is no memory.
detail::PendingOperation* StreamCore::begin_wait(What what) {
  void* const memory = detail::try_allocate(loop_.memory(), sizeof(detail::PendingOperation),
                                            alignof(detail::PendingOperation));
  if (memory == nullptr) return nullptr;
  auto* const operation = new (memory) detail::PendingOperation;
  operation->loop = &loop_;
  operation->core = this;
  operation->what = what;
  enqueue(*operation);
  attend();
  return operation;
}

void StreamCore::finished(detail::PendingOperation& operation) noexcept {
  operation.core = nullptr;
  if (operation.frame) loop_.schedule(operation);
}

void Operation::call_off() noexcept {
  if (pending_->core != nullptr) pending_->core->withdraw(*pending_);
  Loop& loop = *pending_->loop;
  pending_->~PendingOperation();
  loop.memory().deallocate(pending_, sizeof(detail::PendingOperation));
}

template class StreamRules<StreamCore, detail::PendingOperation>;

}  // namespace wolframite
