// What a stream receives, and who waits for it.
#include <utility>

#include "wolframite/asio/detail/engine.hpp"

namespace wolframite::asio::detail {

void Engine::next(NextOperation& operation) {
  if (orphaned_) return abort(operation);
  if (reader_ != nullptr) {
    finish(operation, make_error_code(Error::already_reading));
  } else {
    reader_ = &operation;
    if (poll()) wake_reader();
  }
  attend();
}

// Ends the wait, if there is something to tell. A message is taken when the handler is called.
void Engine::wake_reader() {
  if (!is_reader_waiting()) return;
  if (has_message()) {
    finish(*reader_, {});
  } else if (ended_) {
    std::error_code why = closed()->why;
    if (!why) why = make_error_code(net::error::eof);
    finish(*reader_, why);
  }
}

Bytes Engine::room() {
  if (room_ == nullptr) room_ = &lend();
  return {room_->data, BufferPool::buffer_size - InputLease::header_size};
}

void Engine::give_room_back() noexcept {
  if (room_ != nullptr) give_back(*std::exchange(room_, nullptr));
}

void Engine::received(std::size_t size) {
  InputLease& lease = *std::exchange(room_, nullptr);
  lease.end = static_cast<std::uint32_t>(size);
  if (input_ == nullptr) {
    StreamRules::received(lease);
  } else {
    kept_ = &lease;
  }
}

void Engine::read_failed(std::error_code why) {
  give_room_back();
  if (std::exchange(read_all_, true)) return;
  if (why != make_error_code(net::error::eof)) read_error_ = why;
  hand_on();
}

// What was read while other input was being taken in, and then the end.
void Engine::hand_on() {
  if (kept_ != nullptr && is_layer_open()) {
    if (!wants_input()) return;
    StreamRules::received(*std::exchange(kept_, nullptr));
  }
  if (read_all_ && !eof_ && input_ == nullptr) input_ended();
}

}  // namespace wolframite::asio::detail
