/// @file
/// The rules of what a stream sends, and of who waits for that. For the source that instantiates
/// them.
#pragma once

#include <algorithm>
#include <memory>
#include <memory_resource>
#include <new>
#include <utility>

#include "wolframite/memory.hpp"
#include "wolframite/stream_rules.hpp"

namespace wolframite {

template <class Host, class Pending>
std::error_code StreamRules<Host, Pending>::end_reason() const {
  const std::error_code why = transition_->closed.why;
  return why ? why : make_error_code(Error::send_after_close);
}

template <class Host, class Pending>
std::error_code StreamRules<Host, Pending>::why_not_writable() const {
  return write_failed_ ? self().write_error() : end_reason();
}

// Whoever waits to send does so because there is no room: what is written serves them at once.
template <class Host, class Pending>
inline bool StreamRules<Host, Pending>::make_room() {
  if (has_room()) return true;
  self().write_early();
  return has_room();
}

template <class Host, class Pending>
std::error_code StreamRules<Host, Pending>::feed(Kind kind, ConstBytes payload, bool last,
                                                 Compression compression) {
  if (!can_write()) return why_not_writable();
  const auto error = session_.connection().send(kind, payload, last, compression);
  if (error) return error;
  if (!has_room()) self().attend();
  return {};
}

template <class Host, class Pending>
std::error_code StreamRules<Host, Pending>::feed(Kind kind, SharedBytes payload,
                                                 Compression compression) {
  if (!can_write()) return why_not_writable();
  const auto error = session_.connection().send(kind, std::move(payload), compression);
  if (error) return error;
  if (!has_room()) self().attend();
  return {};
}

template <class Host, class Pending>
std::error_code StreamRules<Host, Pending>::ping(ConstBytes payload) {
  if (!can_write()) return why_not_writable();
  self().attend();
  return session_.connection().ping(payload);
}

template <class Host, class Pending>
std::error_code StreamRules<Host, Pending>::pong(ConstBytes payload) {
  if (!can_write()) return why_not_writable();
  self().attend();
  return session_.connection().pong(payload);
}

template <class Host, class Pending>
inline std::error_code StreamRules<Host, Pending>::send_on(Message&& message,
                                                           Compression compression) {
  const bool from_buffer =
      input_ != nullptr && !input_->sent_on &&
      fills_buffer(message.data, {input_->data, input_->end}, self().buffers().size());
  if (!from_buffer) return session_.connection().send(std::move(message), compression);
  SharedBytes buffer;
  try {
    buffer = share_input();
  } catch (const std::bad_alloc&) {
    return Error::out_of_memory;
  }
  return session_.connection().send(std::move(message), std::move(buffer), compression);
}

// The stream and its output hold the buffer from here. Whoever lets go last gives it back.
template <class Host, class Pending>
SharedBytes StreamRules<Host, Pending>::share_input() {
  input_->sent_on = true;
  const auto let_go = [&pool = self().buffers()](InputLease* lease) {
    if (!std::exchange(lease->sent_on, false)) pool.release(reinterpret_cast<std::byte*>(lease));
  };
  const std::pmr::polymorphic_allocator<std::byte> allocator(&self().memory());
  return {std::shared_ptr<const void>(input_, let_go, allocator),
          ConstBytes(input_->data, input_->end)};
}

template <class Host, class Pending>
std::optional<std::error_code> StreamRules<Host, Pending>::flush_at_once() {
  if (write_failed_) return self().write_error();
  if (session_.unwritten() > 0) self().write_early();
  if (write_failed_) return self().write_error();
  // What is with the kernel may never have come to a peer that closed for an error.
  if (session_.unwritten() == 0 && waiters_ == nullptr) return session_.connection().why_closed();
  if (ended_) return end_reason();
  return std::nullopt;
}

template <class Host, class Pending>
std::optional<std::error_code> StreamRules<Host, Pending>::begin_close(CloseCode code,
                                                                       std::string_view reason) {
  tell_time();
  if (!ended_) {
    const std::error_code error = session_.connection().close(code, reason);
    if (error && !session_.connection().is_closing()) return error;  // and nothing has changed
    closing_ = true;
    if (is_view_out() && input_->handed_out) keep_view();
    if (!self().has_reader() && !is_view_out() && !paused_ && (input_ != nullptr || receive_first_))
      take_in(false);
    self().attend();
  }
  if (ended_) return transition_->closed.why;
  return std::nullopt;
}

// Calls `function` for each in turn, until it returns false. It may finish the one it is called
// for.
template <class Host, class Pending>
template <class Function>
void StreamRules<Host, Pending>::for_each_waiter(Function function) {
  if (orphaned_ || waiters_ == nullptr) return;
  const detail::ListNode* const last = waiters_->prev;
  Pending* command = waiters_;
  for (;;) {
    auto* const next = static_cast<Pending*>(command->next);
    const bool was_last = command == last;
    if (!function(*command) || was_last) return;
    command = next;
  }
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::wrote(std::size_t size) {
  // What is left may be written at any time, and what ends with it is waited for from now on.
  if (session_.connection().stamps_output() || size < session_.pending_output()) tell_time();
  // Less is left where the session has dropped its output meanwhile, over an error.
  const std::size_t written = session_.consume(std::min(size, session_.pending_output()));
  for_each_waiter([&](Pending& command) {
    if (command.begun) command.unwritten -= std::min(command.unwritten, written);
    return true;
  });
  // Now, so that those who waited for room go on in this turn.
  if (waiters_ != nullptr) serve_waiters();
}

// Payloads that waiting sends are to take from a message get bytes of their own, before those of
// the message go.
template <class Host, class Pending>
void StreamRules<Host, Pending>::own_waiting_payloads(ConstBytes message) {
  for_each_waiter([this, message](Pending& command) {
    using What = typename Pending::What;
    if (command.what != What::send && command.what != What::send_on) return true;
    const std::byte* const payload = command.payload.data();
    if (payload < message.data() || payload >= message.data() + message.size()) return true;
    try {
      command.shared = SharedBytes::copy_of(command.payload);
    } catch (const std::bad_alloc&) {
      finish(command, Error::out_of_memory);
      return true;
    }
    command.payload = command.shared.bytes();
    command.what = What::send;
    return true;
  });
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::output_failed() {
  write_failed_ = true;
  session_.discard_output();  // nobody will ever read it
  self().attend();
  // Closing and reading go on: what the peer sent before is still to be had, and reading tells the
  // end.
  for_each_waiter([this](Pending& command) {
    if (command.what != Pending::What::close) finish(command, self().write_error());
    return true;
  });
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::enqueue(Pending& command) noexcept {
  if (waiters_ == nullptr) {
    waiters_ = &command;
  } else {
    command.insert_before(*waiters_);
  }
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::serve_waiters() {
  for_each_waiter([this](Pending& command) { return serve(command); });
}

// Returns false if those behind it have to wait as well.
template <class Host, class Pending>
bool StreamRules<Host, Pending>::serve(Pending& command) {
  using What = typename Pending::What;
  if (command.what == What::close) return true;
  if (command.what == What::flush) {
    if (!command.begun) {
      command.begun = true;
      command.unwritten = session_.unwritten();
    }
    if (command.unwritten == 0) finish(command, {});
    return true;
  }
  if (!has_room()) return false;
  finish(command, carry_out(command));
  return true;
}

template <class Host, class Pending>
std::error_code StreamRules<Host, Pending>::carry_out(Pending& command) {
  using What = typename Pending::What;
  Connection& connection = session_.connection();
  if (command.what == What::send) {
    return connection.send(command.kind, command.payload, command.last, command.compression);
  }
  if (command.what == What::send_shared) {
    return connection.send(command.kind, std::move(command.shared), command.compression);
  }
  if (command.what == What::send_on) {
    // It was mutable when it was handed over.
    const Bytes data(const_cast<std::byte*>(command.payload.data()), command.payload.size());
    return send_on({command.kind, data, command.first, command.last}, command.compression);
  }
  return {};
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::withdraw(Pending& command) noexcept {
  if (waiters_ == &command) {
    waiters_ = command.is_linked() ? static_cast<Pending*>(command.next) : nullptr;
  }
  command.unlink();
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::finish(Pending& command, std::error_code result) noexcept {
  withdraw(command);
  command.shared = {};
  command.result = result;
  self().finished(command);
}

template <class Host, class Pending>
void StreamRules<Host, Pending>::fail_waiters(std::error_code why) noexcept {
  if (orphaned_) return;
  while (waiters_ != nullptr) {
    const bool closed = waiters_->what == Pending::What::close && ended_;
    finish(*waiters_, closed ? transition_->closed.why : why);
  }
}

}  // namespace wolframite
