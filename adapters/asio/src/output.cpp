// What a stream sends, and who waits for that.
#include <algorithm>
#include <array>
#include <utility>

#include "wolframite/asio/detail/engine.hpp"

namespace wolframite::asio::detail {

// Does what there is room for, and has the rest wait.
void Engine::carry_out_or_wait(Operation& operation) {
  if (orphaned_) return abort(operation);
  if (!can_write()) {
    finish(operation, why_not_writable());
  } else if (make_room()) {
    finish(operation, carry_out(operation));
  } else {
    enqueue(operation);
  }
  attend();
}

void Engine::flush(Operation& operation) {
  if (orphaned_) return abort(operation);
  conclude(operation, flush_at_once());
}

void Engine::close(Operation& operation, CloseCode code, std::string_view reason) {
  if (orphaned_) return abort(operation);
  conclude(operation, begin_close(code, reason));
}

void Engine::conclude(Operation& operation, std::optional<std::error_code> outcome) {
  if (outcome) {
    finish(operation, *outcome);
  } else {
    enqueue(operation);
  }
  attend();
}

void Engine::abort(Operation& operation) {
  finish(operation, make_error_code(net::error::operation_aborted));
  attend();
}

void Engine::finished(Operation& operation) noexcept {
  operation.done = true;
  done_.push_back(operation);
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

void Engine::write_failed(std::error_code why) {
  write_error_ = why;
  output_failed();
}

}  // namespace wolframite::asio::detail
