/// @file
/// Opening streams as a server.
#pragma once

#include <asio/async_result.hpp>
#include <system_error>
#include <type_traits>
#include <utility>

#include "wolframite/asio/detail/opening.hpp"

namespace wolframite::asio {
namespace detail {

struct AcceptInitiation {
  using executor_type = ::asio::any_io_executor;
  [[nodiscard]] executor_type get_executor() const noexcept { return executor; }

  template <class Handler, class NextLayer>
  void operator()(Handler&& handler, NextLayer layer, AcceptOptions options) {
    auto& operation = OperationOf<std::decay_t<Handler>, AcceptOperation<NextLayer>>::make(
        std::decay_t<Handler>(std::forward<Handler>(handler)), executor);
    Beginning beginning = begin_server(executor, options);
    Engine& engine = attach(operation.stream, std::move(layer), beginning);
    operation.let_cancel(engine);
    open_server(engine, operation, std::move(options), beginning.fault);
  }

  ::asio::any_io_executor executor;
};

}  // namespace detail

/// Answers the WebSocket request that comes over `layer` and gives the open stream:
/// `void(std::error_code, WebSocketStream<NextLayer>)`. Errors: of class `tls`, `handshake`,
/// `timeout`, `capacity`, or of the layer; `refused` if the answer was a Response. RFC 6455 §4.2.
///
/// A response that refuses is sent in full after this has completed. Cancelling closes the layer.
template <class NextLayer, CompletionToken T = typename ::asio::default_completion_token<
                               typename NextLayer::executor_type>::type>
auto async_accept(NextLayer layer, AcceptOptions options, T&& token = T()) {
  ::asio::any_io_executor executor = layer.get_executor();
  return ::asio::async_initiate<T, void(std::error_code, WebSocketStream<NextLayer>)>(
      detail::AcceptInitiation{std::move(executor)}, token, std::move(layer), std::move(options));
}

template <class NextLayer,
          CompletionToken T =
              typename ::asio::default_completion_token<typename NextLayer::executor_type>::type>
requires(!std::is_convertible_v<T, AcceptOptions>) auto async_accept(NextLayer layer,
                                                                     T&& token = T()) {
  return async_accept(std::move(layer), AcceptOptions(), std::forward<T>(token));
}

}  // namespace wolframite::asio
