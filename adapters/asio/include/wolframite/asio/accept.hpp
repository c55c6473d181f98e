/// @file
/// Opening streams as a server.
#pragma once

#include <type_traits>
#include <utility>

#include "wolframite/asio/detail/net.hpp"
#include "wolframite/asio/detail/opening.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio {
namespace detail {

struct AcceptInitiation {
  using executor_type = net::any_io_executor;
  [[nodiscard]] executor_type get_executor() const noexcept { return executor; }

  template <class Handler, class NextLayer>
  void operator()(Handler&& handler, NextLayer layer, AcceptOptions options) const {
    initiate_on<AcceptOperation<NextLayer>>(
        executor, std::forward<Handler>(handler),
        [executor = executor, layer = std::move(layer),
         options = std::move(options)](Owned<AcceptOperation<NextLayer>> operation) mutable {
          open_over(
              executor, std::move(operation), std::move(layer),
              [&] { return begin_server(executor, options); },
              [&](Engine& engine, OpenOperation& opening, std::error_code fault) {
                open_server(engine, opening, std::move(options), fault);
              });
        });
  }

  net::any_io_executor executor;
};

}  // namespace detail

/// Answers the WebSocket request that comes over `layer` and gives the open stream:
/// `void(error_code, WebSocketStream<NextLayer>)`. Errors: of class `tls`, `handshake`,
/// `timeout`, `capacity`, or of the layer; `refused` if the answer was a Response, or `plain_http`
/// where no upgrade was asked for. RFC 6455 §4.2.
///
/// A response that refuses is sent in full after this has completed. Cancelling closes the layer.
/// May be called from any thread; all of it happens on the layer's executor.
template <class NextLayer, CompletionToken T = typename net::default_completion_token<
                               typename NextLayer::executor_type>::type>
auto async_accept(NextLayer layer, AcceptOptions options, T&& token = T()) {
  net::any_io_executor executor = layer.get_executor();
  return net::async_initiate<T, void(error_code, WebSocketStream<NextLayer>)>(
      detail::AcceptInitiation{std::move(executor)}, token, std::move(layer), std::move(options));
}

/// The same with the options' defaults.
template <class NextLayer,
          CompletionToken T =
              typename net::default_completion_token<typename NextLayer::executor_type>::type>
requires(!std::is_convertible_v<T, AcceptOptions>) auto async_accept(NextLayer layer,
                                                                     T&& token = T()) {
  return async_accept(std::move(layer), AcceptOptions(), std::forward<T>(token));
}

}  // namespace wolframite::asio
#pragma GCC visibility pop
