// What a stream receives, and who waits for it.
#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "opening.hpp"
#include "wolframite/asio/detail/engine.hpp"

namespace wolframite::asio::detail {

void Engine::next(NextOperation& operation) {
  operation.what = Operation::What::next;
  if (reader_ != nullptr) {
    finish(operation, make_error_code(Error::already_reading));
  } else {
    reader_ = &operation;
    if (poll()) serve_reader();
  }
  attend();
}

// Ends the wait: there is something to tell.
void Engine::serve_reader() {
  if (holds_ == Holds::message && !handed_out_) {
    handed_out_ = true;
    reader_->message = message_;
    finish(*reader_, {});
  } else if (ended_ != nullptr) {
    std::error_code why = ended_->closed.why;
    if (!why) why = make_error_code(net::error::eof);
    finish(*reader_, why);
  }
}

// Once close() was called reading goes on whether or not another message is asked for. So the
// message that a handler is given gets octets of its own.
void Engine::keep_message() {
  if (reader_->result || holds_ != Holds::message) return;
  const ConstBytes octets = message_.data;
  kept_ = std::make_unique<std::byte[]>(octets.size());
  std::copy(octets.begin(), octets.end(), kept_.get());
  reader_->message.data = Bytes(kept_.get(), octets.size());
}

// Once close() was called, what came and nobody waits for must not hold up what comes after it.
void Engine::discard_unasked() {
  if (!closing_ || reader_ != nullptr || holds_ != Holds::message) return;
  drop_view();
  tell_time();
  if (ended_ == nullptr && (buffer_ != nullptr || receive_first_)) take_in(false);
}

bool Engine::wants_input() const {
  if (buffer_ != nullptr || is_view_out() || eof_ || !is_layer_open() || !session_.wants_read()) {
    return false;
  }
  return is_reader_waiting() || opener_ != nullptr || closing_ || orphaned_ || ended_ != nullptr;
}

// Whether there is something to hand out. The last view dies here.
bool Engine::poll() {
  if (is_view_out()) {
    if (!handed_out_) return true;
    holds_ = Holds::nothing;
  }
  if (ended_ != nullptr || orphaned_) return true;
  if (buffer_ == nullptr && !receive_first_) return false;
  tell_time();  // which may have something to tell as well
  return ended_ != nullptr || is_view_out() || take_in(true);
}

// Receives until there is something to hand out, or nothing left to receive. Precondition: no view
// is out.
bool Engine::take_in(bool deliver) {
  for (;;) {
    Bytes in;
    if (buffer_ != nullptr) in = Bytes(buffer_ + begin_, end_ - begin_);
    // It answers by itself: handshakes, key updates, alerts.
    if (session_.tls() != nullptr) attend();
    const bool at_end = eof_ && buffer_ == nullptr;
    const std::optional<Event> event =
        at_end ? session_.receive_eof(read_error_) : session_.receive(in);
    if (buffer_ != nullptr) begin_ = end_ - static_cast<std::uint32_t>(in.size());
    if (event && handle(*event, deliver)) return true;
    if (event) continue;
    if (!eof_ || at_end) break;
    release_input();
  }
  receive_first_ = false;
  release_input();
  return false;
}

// Returns whether the reader has to be told.
bool Engine::handle(const Event& event, bool deliver) {
  if (const auto* message = std::get_if<Message>(&event)) {
    if (!deliver && (closing_ || orphaned_)) return false;
    hold(Holds::message, nullptr);
    message_ = *message;
    return true;
  }
  // Whatever else happens may have queued an answer.
  attend();
  if (const auto* requested = std::get_if<Requested>(&event)) {
    step_ = Step::requested;
    hold(Holds::head, &requested->request);
    return true;
  }
  if (const auto* opened = std::get_if<Opened>(&event)) {
    step_ = Step::opened;
    handshaking_ = false;
    hold(Holds::head, opened->response);
    return true;
  }
  if (const auto* refused = std::get_if<Refused>(&event)) {
    step_ = Step::refused;
    hold(Holds::head, &refused->response);
    return true;
  }
  if (const auto* closed = std::get_if<Closed>(&event)) {
    step_ = Step::closed;
    handshaking_ = false;
    ended_ = std::make_unique<Ended>(Ended{*closed, std::string(closed->reason)});
    ended_->closed.reason = ended_->reason;
    release_input();
    fail_waiters(end_reason());
    return true;
  }
  return false;
}

void Engine::hold(Holds what, const void* head) {
  holds_ = what;
  head_ = head;
  handed_out_ = false;
}

void Engine::drop_view() noexcept {
  if (!is_view_out()) return;
  holds_ = Holds::nothing;
  // More events may wait all the same: the session's own, and decrypted ones.
  receive_first_ = true;
  if (buffer_ != nullptr && begin_ == end_) release_input();
}

void Engine::release_input() noexcept {
  holds_ = Holds::nothing;
  if (shared_buffer_ == nullptr && buffer_ != nullptr) pool_.release(buffer_);
  shared_buffer_.reset();
  buffer_ = nullptr;
}

Bytes Engine::room() {
  if (room_ == nullptr) room_ = pool_.acquire();
  return {room_, BufferPool::buffer_size};
}

void Engine::give_room_back() noexcept {
  if (room_ != nullptr) pool_.release(std::exchange(room_, nullptr));
}

void Engine::received(std::size_t size) {
  buffer_ = std::exchange(room_, nullptr);
  begin_ = 0;
  end_ = static_cast<std::uint32_t>(size);
  heard_ = true;
  proceed();
}

void Engine::read_failed(std::error_code why) {
  give_room_back();
  eof_ = true;
  if (why != make_error_code(net::error::eof)) read_error_ = why;
  proceed();
}

void Engine::proceed() {
  if (is_view_out()) {
    receive_first_ = true;  // whoever looks at it asks for what comes next
    return;
  }
  tell_time();
  if (is_view_out() || take_in(is_reader_waiting() || opener_ != nullptr)) news_ = true;
  attend();
  if (std::exchange(news_, false) && is_reader_waiting()) serve_reader();
}

}  // namespace wolframite::asio::detail
