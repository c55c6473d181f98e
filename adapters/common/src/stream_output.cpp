// What a stream sends, and who waits for that.
#include "wolframite/stream_core.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "wolframite/websocket_stream.hpp"

namespace wolframite {

inline bool StreamCore::can_write() {
  const bool matters = session_.deadline() || session_.connection().is_observed();
  if (matters && !is_view_out()) tell_time();
  return !write_failed_ && !ended_;
}

std::error_code StreamCore::why_not_writable() const {
  return write_failed_ ? std::error_code(errno_, std::system_category()) : end_reason();
}

std::error_code StreamCore::end_reason() const {
  return ending_->closed.why ? ending_->closed.why : make_error_code(Error::send_after_close);
}

inline bool StreamCore::has_room() const {
  return session_.pending_output() < session_.connection().config().write_buffer_size;
}

// Once a turn: a producer that the kernel keeps up with must still let the loop turn.
void StreamCore::write_early() {
  if (!wrote_early_ && writable_ && session_.wants_write() && socket_.is_open()) write_output();
  wrote_early_ = true;
  attend();
}

inline bool StreamCore::make_room() {
  if (waiters_ != nullptr && is_send_waiting()) return false;
  if (has_room()) return true;
  write_early();
  return has_room();
}

std::error_code StreamCore::feed(Kind kind, ConstBytes payload, bool last,
                                 Compression compression) {
  if (!can_write()) return why_not_writable();
  const auto error = session_.connection().send(kind, payload, last, compression);
  if (error) return error;
  if (!has_room()) attend();
  return {};
}

std::error_code StreamCore::feed(Kind kind, SharedBytes payload, Compression compression) {
  if (!can_write()) return why_not_writable();
  const auto error = session_.connection().send(kind, std::move(payload), compression);
  if (error) return error;
  if (!has_room()) attend();
  return {};
}

Operation StreamCore::send(Kind kind, ConstBytes payload, bool last, Compression compression) {
  if (!can_write()) return why_not_writable();
  if (make_room()) {
    attend();
    return session_.connection().send(kind, payload, last, compression);
  }
  detail::PendingOperation& operation = wait(What::send);
  operation.payload = payload;
  operation.kind = kind;
  operation.last = last;
  operation.compression = compression;
  return Operation(operation);
}

Operation StreamCore::send(Kind kind, SharedBytes payload, Compression compression) {
  if (!can_write()) return why_not_writable();
  if (make_room()) {
    attend();
    return session_.connection().send(kind, std::move(payload), compression);
  }
  detail::PendingOperation& operation = wait(What::send_shared);
  operation.shared = std::move(payload);
  operation.kind = kind;
  operation.compression = compression;
  return Operation(operation);
}

inline bool StreamCore::goes_from_buffer(const Message& message) const {
  return input_ != nullptr && !input_->sent_on &&
         fills_buffer(message.data, {input_->data, input_->end}, loop_.buffers().size());
}

Operation StreamCore::send(Message&& message, Compression compression) {
  if (!can_write()) return why_not_writable();
  if (make_room()) {
    attend();
    if (goes_from_buffer(message)) return send_from_buffer(std::move(message), compression);
    return session_.connection().send(std::move(message), compression);
  }
  detail::PendingOperation& operation = wait(What::send_on);
  operation.payload = message.data;
  operation.kind = message.kind;
  operation.first = message.first;
  operation.last = message.last;
  operation.compression = compression;
  return Operation(operation);
}

std::error_code StreamCore::send_from_buffer(Message&& message, Compression compression) {
  return session_.connection().send(std::move(message), share_input(), compression);
}

// The stream and its output hold the buffer from here. Whoever lets go last gives it back.
SharedBytes StreamCore::share_input() {
  input_->sent_on = true;
  const auto let_go = [&pool = loop_.buffers()](InputLease* lease) {
    if (!std::exchange(lease->sent_on, false)) pool.release(reinterpret_cast<std::byte*>(lease));
  };
  const std::pmr::polymorphic_allocator<std::byte> allocator(&loop_.memory());
  return {std::shared_ptr<const void>(input_, let_go, allocator),
          ConstBytes(input_->data, input_->end)};
}

Operation StreamCore::ready() {
  if (!can_write()) return why_not_writable();
  if (make_room()) return std::error_code{};
  return Operation(wait(What::ready));
}

Operation StreamCore::flush() {
  if (write_failed_) return std::error_code(errno_, std::system_category());
  if (waiters_ == nullptr || !is_send_waiting()) {
    if (session_.unwritten() > 0) write_early();
    if (write_failed_) return std::error_code(errno_, std::system_category());
    if (session_.unwritten() == 0) return std::error_code{};
  }
  if (ended_) return end_reason();
  return Operation(wait(What::flush));
}

Operation StreamCore::close(CloseCode code, std::string_view reason) {
  if (reader_ == nullptr && input_ != nullptr) input_->holds = InputLease::Holds::nothing;
  if (!is_view_out()) tell_time();
  if (!ended_) {
    const std::error_code error = session_.connection().close(code, reason);
    if (error && error != Error::send_after_close) return error;
    closing_ = true;
    if (reader_ == nullptr && input_ != nullptr) take_in(false);
    attend();
  }
  if (ended_) return ending_->closed.why;
  return Operation(wait(What::close));
}

std::error_code StreamCore::ping(ConstBytes payload) {
  if (!can_write()) return why_not_writable();
  attend();
  return session_.connection().ping(payload);
}

std::error_code StreamCore::pong(ConstBytes payload) {
  if (!can_write()) return why_not_writable();
  attend();
  return session_.connection().pong(payload);
}

// Calls `function` for each in turn, until it returns false. It may finish the one it is called
// for.
template <class Function>
void StreamCore::for_each_waiter(Function function) {
  if (orphaned_ || waiters_ == nullptr) return;
  const detail::ListNode* const last = waiters_->prev;
  detail::PendingOperation* operation = waiters_;
  for (;;) {
    auto* const next = static_cast<detail::PendingOperation*>(operation->next);
    const bool was_last = operation == last;
    if (!function(*operation) || was_last) return;
    operation = next;
  }
}

void StreamCore::wrote(std::size_t size) {
  const std::size_t written = session_.consume(size);
  for_each_waiter([&](detail::PendingOperation& operation) {
    if (operation.begun) operation.unwritten -= std::min(operation.unwritten, written);
    return true;
  });
  // Now, so that those who waited for room go on in this turn.
  if (waiters_ != nullptr) serve_waiters();
}

void StreamCore::write_failed(int error) {
  write_failed_ = true;
  if (!eof_) errno_ = static_cast<std::uint8_t>(error);
  writable_ = false;
  session_.discard_output();  // nobody will ever read it
  attend();
  // Closing and reading go on: what the peer sent before is still to be had, and reading tells the
  // end.
  for_each_waiter([&](detail::PendingOperation& operation) {
    if (operation.what != What::close) finish(operation, {error, std::system_category()});
    return true;
  });
}

// Precondition: something waits.
bool StreamCore::is_send_waiting() const {
  const detail::PendingOperation* operation = waiters_;
  do {
    if (operation->what != What::flush && operation->what != What::close) return true;
    operation = static_cast<const detail::PendingOperation*>(operation->next);
  } while (operation != waiters_);
  return false;
}

detail::PendingOperation& StreamCore::wait(What what) {
  void* const memory = loop_.memory().allocate(sizeof(detail::PendingOperation));
  auto* const operation = new (memory) detail::PendingOperation;
  operation->loop = &loop_;
  operation->core = this;
  operation->what = what;
  if (waiters_ == nullptr) {
    waiters_ = operation;
  } else {
    operation->insert_before(*waiters_);
  }
  attend();
  return *operation;
}

// Serves them in their order. A send that finds no room holds up those behind it; flush and close
// hold up nobody.
void StreamCore::serve_waiters() {
  for_each_waiter([this](detail::PendingOperation& operation) { return serve(operation); });
}

// Returns false if those behind it have to wait as well.
bool StreamCore::serve(detail::PendingOperation& operation) {
  switch (operation.what) {
    case What::send:
    case What::send_on:
    case What::send_shared:
    case What::ready: {
      if (!has_room()) return false;
      std::error_code result;
      Connection& connection = session_.connection();
      if (operation.what == What::send) {
        result = connection.send(operation.kind, operation.payload, operation.last,
                                 operation.compression);
      } else if (operation.what == What::send_on) {
        // It was mutable when it was handed over.
        const Bytes data(const_cast<std::byte*>(operation.payload.data()),
                         operation.payload.size());
        Message message{operation.kind, data, operation.first, operation.last};
        result = goes_from_buffer(message)
                     ? send_from_buffer(std::move(message), operation.compression)
                     : connection.send(std::move(message), operation.compression);
      } else if (operation.what == What::send_shared) {
        result =
            connection.send(operation.kind, std::move(operation.shared), operation.compression);
      }
      finish(operation, result);
      return true;
    }
    case What::flush:
      if (!operation.begun) {
        operation.begun = true;
        operation.unwritten = session_.unwritten();
      }
      if (operation.unwritten == 0) finish(operation, {});
      return true;
    case What::close:
      return true;
  }
  return true;
}

void StreamCore::unlink(detail::PendingOperation& operation) noexcept {
  if (waiters_ == &operation) {
    waiters_ =
        operation.is_linked() ? static_cast<detail::PendingOperation*>(operation.next) : nullptr;
  }
  operation.unlink();
}

void StreamCore::finish(detail::PendingOperation& operation, std::error_code result) noexcept {
  unlink(operation);
  operation.core = nullptr;
  operation.result = result;
  operation.shared = {};
  if (operation.frame) loop_.schedule(operation);
}

void StreamCore::fail_waiters(std::error_code why) noexcept {
  if (orphaned_) return;
  while (waiters_ != nullptr) {
    const bool closed = waiters_->what == What::close && ended_;
    finish(*waiters_, closed ? ending_->closed.why : why);
  }
}

void Operation::call_off() noexcept {
  if (pending_->core != nullptr) pending_->core->unlink(*pending_);
  Loop& loop = *pending_->loop;
  pending_->~PendingOperation();
  loop.memory().deallocate(pending_, sizeof(detail::PendingOperation));
}

}  // namespace wolframite
