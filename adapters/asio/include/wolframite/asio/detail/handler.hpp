/// @file
/// What a stream passes to the layer below it.
#pragma once

#include <memory>
#include <memory_resource>
#include <utility>

#include "wolframite/asio/detail/engine.hpp"

namespace wolframite::asio::detail {

/// Calls `function` with its engine, which it keeps alive until then. Takes its memory from the
/// engine's pool.
template <class Stream, class Function>
class Handler {
 public:
  using allocator_type = std::pmr::polymorphic_allocator<std::byte>;

  Handler(std::shared_ptr<Stream> stream, Function function)
      : memory_(&stream->handler_memory()),
        stream_(std::move(stream)),
        function_(std::move(function)) {}

  [[nodiscard]] allocator_type get_allocator() const noexcept { return memory_; }

  template <class... Results>
  void operator()(Results... results) {
    const std::shared_ptr<Stream> stream = std::move(stream_);
    function_(*stream, results...);
  }

 private:
  std::pmr::memory_resource* memory_;
  std::shared_ptr<Stream> stream_;
  Function function_;
};

}  // namespace wolframite::asio::detail
