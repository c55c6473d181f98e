// What a stream sends, and who waits for that.
#include <algorithm>
#include <array>
#include <utility>

#include "wolframite/asio/detail/engine.hpp"

namespace wolframite::asio::detail {
namespace {

using What = Operation::What;

}  // namespace

std::error_code Engine::check_writable() {
  const bool matters = session_.deadline() || session_.connection().is_observed();
  if (matters && !is_view_out()) tell_time();
  if (write_failed_) return write_error_;
  if (ended_ != nullptr) return end_reason();
  return {};
}

std::error_code Engine::end_reason() const {
  return ended_->closed.why ? ended_->closed.why : make_error_code(Error::send_after_close);
}

bool Engine::has_room() const {
  return session_.pending_output() < session_.connection().config().write_buffer_size;
}

std::error_code Engine::feed(Kind kind, ConstBytes payload, bool last, Compression compression) {
  if (const std::error_code error = check_writable()) return error;
  const auto error = session_.connection().send(kind, payload, last, compression);
  if (!error && !has_room()) attend();
  return error;
}

std::error_code Engine::feed(Kind kind, SharedBytes payload, Compression compression) {
  if (const std::error_code error = check_writable()) return error;
  const auto error = session_.connection().send(kind, std::move(payload), compression);
  if (!error && !has_room()) attend();
  return error;
}

void Engine::send(Operation& operation, Kind kind, ConstBytes payload, bool last,
                  Compression compression) {
  operation.what = What::send;
  operation.kind = kind;
  operation.payload = payload;
  operation.last = last;
  operation.compression = compression;
  begin(operation);
}

void Engine::send(Operation& operation, Kind kind, SharedBytes payload, Compression compression) {
  operation.what = What::send_shared;
  operation.kind = kind;
  operation.shared = std::move(payload);
  operation.compression = compression;
  begin(operation);
}

void Engine::send(Operation& operation, const Message& message, Compression compression) {
  operation.what = What::send_on;
  operation.kind = message.kind;
  operation.payload = message.data;
  operation.first = message.first;
  operation.last = message.last;
  operation.compression = compression;
  begin(operation);
}

void Engine::ready(Operation& operation) {
  operation.what = What::ready;
  begin(operation);
}

// Does what there is room for, and has the rest wait.
void Engine::begin(Operation& operation) {
  if (const std::error_code error = check_writable()) {
    finish(operation, error);
  } else if (is_send_waiting() || !has_room()) {
    waiters_.push_back(operation);
  } else {
    finish(operation, queue(operation));
  }
  attend();
}

std::error_code Engine::queue(Operation& operation) {
  Connection& connection = session_.connection();
  if (operation.what == What::send) {
    return connection.send(operation.kind, operation.payload, operation.last,
                           operation.compression);
  }
  if (operation.what == What::send_on) {
    // It was mutable when it was handed over.
    const Bytes data(const_cast<std::byte*>(operation.payload.data()), operation.payload.size());
    Message message{operation.kind, data, operation.first, operation.last};
    if (!goes_from_buffer(message))
      return connection.send(std::move(message), operation.compression);
    return connection.send(std::move(message), share_buffer(), operation.compression);
  }
  if (operation.what == What::send_shared) {
    return connection.send(operation.kind, std::move(operation.shared), operation.compression);
  }
  return {};
}

bool Engine::goes_from_buffer(const Message& message) const {
  return buffer_ != nullptr && shared_buffer_ == nullptr &&
         fills_buffer(message.data, {buffer_, end_}, BufferPool::buffer_size);
}

// The stream and its output hold the buffer from here. Whoever lets go last gives it back.
SharedBytes Engine::share_buffer() {
  const auto give_back = [&pool = pool_](std::byte* buffer) { pool.release(buffer); };
  const std::pmr::polymorphic_allocator<std::byte> allocator(&pool_.memory());
  shared_buffer_ = std::shared_ptr<std::byte>(buffer_, give_back, allocator);
  return {shared_buffer_, ConstBytes(buffer_, end_)};
}

void Engine::flush(Operation& operation) {
  operation.what = What::flush;
  if (write_failed_) {
    finish(operation, write_error_);
  } else if (!is_send_waiting() && session_.unwritten() == 0) {
    finish(operation, {});
  } else if (ended_ != nullptr) {
    finish(operation, end_reason());
  } else {
    waiters_.push_back(operation);
  }
  attend();
}

void Engine::close(Operation& operation, CloseCode code, std::string_view reason) {
  operation.what = What::close;
  if (reader_ == nullptr && !handshaking_) drop_view();
  if (!is_view_out()) tell_time();
  if (ended_ == nullptr) {
    const std::error_code error = session_.connection().close(code, reason);
    if (error && error != Error::send_after_close) {
      finish(operation, error);
      return attend();
    }
    closing_ = true;
    if (reader_ == nullptr && !is_view_out() && (buffer_ != nullptr || receive_first_)) {
      take_in(false);
    }
  }
  if (ended_ != nullptr) {
    finish(operation, ended_->closed.why);
  } else {
    waiters_.push_back(operation);
  }
  attend();
}

std::error_code Engine::ping(ConstBytes payload) {
  if (const std::error_code error = check_writable()) return error;
  attend();
  return session_.connection().ping(payload);
}

std::error_code Engine::pong(ConstBytes payload) {
  if (const std::error_code error = check_writable()) return error;
  attend();
  return session_.connection().pong(payload);
}

std::size_t Engine::gather(std::span<net::const_buffer> buffers) {
  const auto by_way_of = [&](std::span<ConstBytes> segments) {
    const std::size_t count = session_.output(segments);
    for (std::size_t i = 0; i < count; ++i) {
      buffers[i] = net::const_buffer(segments[i].data(), segments[i].size());
    }
    return count;
  };
  if (buffers.size() == 2) {
    std::array<ConstBytes, 2> segments;
    return by_way_of(segments);
  }
  std::array<ConstBytes, 64> segments;
  return by_way_of(std::span(segments).first(std::min(buffers.size(), segments.size())));
}

void Engine::wrote(std::size_t size) {
  const std::size_t written = session_.consume(size);
  for (Operation* each = waiters_.front(); each != nullptr; each = waiters_.after(*each)) {
    if (each->begun) each->unwritten -= std::min(each->unwritten, written);
  }
}

void Engine::write_failed(std::error_code why) {
  write_failed_ = true;
  write_error_ = why;
  session_.discard_output();  // nobody will ever read it
  attend();
  // Closing and reading go on: what the peer sent before is still to be had, and reading tells the
  // end.
  for (Operation* each = waiters_.front(); each != nullptr;) {
    Operation* const following = waiters_.after(*each);
    if (each->what != What::close) finish(*each, why);
    each = following;
  }
}

bool Engine::is_send_waiting() {
  for (Operation* each = waiters_.front(); each != nullptr; each = waiters_.after(*each)) {
    if (each->what != What::flush && each->what != What::close) return true;
  }
  return false;
}

// Serves them in their order. A send that finds no room holds up those behind it; flush and close
// hold up nobody.
void Engine::serve_waiters() {
  for (Operation* each = waiters_.front(); each != nullptr;) {
    Operation* const following = waiters_.after(*each);
    if (!serve(*each)) return;
    each = following;
  }
}

// Returns false if those behind it have to wait as well.
bool Engine::serve(Operation& operation) {
  if (operation.what == What::close) return true;
  if (operation.what == What::flush) {
    if (!operation.begun) {
      operation.begun = true;
      operation.unwritten = session_.unwritten();
    }
    if (operation.unwritten == 0) finish(operation, {});
    return true;
  }
  if (!has_room()) return false;
  finish(operation, queue(operation));
  return true;
}

void Engine::finish(Operation& operation, std::error_code result) noexcept {
  operation.unlink();
  operation.shared = {};
  operation.result = result;
  operation.done = true;
  done_.push_back(operation);
}

void Engine::fail_waiters(std::error_code why) noexcept {
  while (Operation* const operation = waiters_.front()) {
    const bool closed = operation->what == What::close && ended_ != nullptr;
    finish(*operation, closed ? ended_->closed.why : why);
  }
}

}  // namespace wolframite::asio::detail
