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

// There is no other input: reading begins when all was taken in, and more comes in this way only.
void Engine::received(std::size_t size) {
  room_->end = static_cast<std::uint32_t>(size);
  StreamRules::received(*std::exchange(room_, nullptr));
}

// The end of a layer, or of its being open, may come while a view is out; then it is told later.
void Engine::read_failed(std::error_code why) {
  give_room_back();
  if (std::exchange(read_all_, true)) return;
  if (why != make_error_code(net::error::eof)) read_error_ = why;
  if (input_ == nullptr) input_ended();
}

}  // namespace wolframite::asio::detail
