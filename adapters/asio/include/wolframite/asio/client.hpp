/// @file
/// Opening streams as a client, over a layer that is connected.
#pragma once

#include <type_traits>
#include <utility>

#include "wolframite/asio/detail/net.hpp"
#include "wolframite/asio/detail/opening.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio {
namespace detail {

template <bool tls>
struct ClientInitiation {
  using executor_type = net::any_io_executor;
  [[nodiscard]] executor_type get_executor() const noexcept { return executor; }

  template <class Handler, class NextLayer>
  void operator()(Handler&& handler, NextLayer layer, ClientRequest request,
                  ClientOptions options) const {
    initiate_on<ClientOperation<NextLayer>>(
        executor, std::forward<Handler>(handler),
        [executor = executor, layer = std::move(layer), request = std::move(request),
         options = std::move(options)](Owned<ClientOperation<NextLayer>> operation) mutable {
          open_over(
              executor, std::move(operation), std::move(layer),
              [&] {
                return begin_client(executor, request, options.config,
                                    tls ? &options.connector : nullptr);
              },
              open_client);
        });
  }

  net::any_io_executor executor;
};

}  // namespace detail

/// Asks for a WebSocket over `layer`, which is connected already and, if the URL is `wss://`,
/// encrypted already: `void(error_code, Client<NextLayer>)`. RFC 6455 §4.1. Cancelling closes
/// the layer. May be called from any thread; all of it happens on the layer's executor.
template <class NextLayer, CompletionToken T = typename net::default_completion_token<
                               typename NextLayer::executor_type>::type>
auto async_client(NextLayer layer, ClientRequest request, ClientOptions options, T&& token = T()) {
  net::any_io_executor executor = layer.get_executor();
  return net::async_initiate<T, void(error_code, Client<NextLayer>)>(
      detail::ClientInitiation<false>{std::move(executor)}, token, std::move(layer),
      std::move(request), std::move(options));
}

/// The same, but for a `wss://` URL the connector's TLS handshake comes first, and verifies the
/// URL's host.
template <class NextLayer, CompletionToken T = typename net::default_completion_token<
                               typename NextLayer::executor_type>::type>
auto async_client_tls(NextLayer layer, ClientRequest request, ClientOptions options,
                      T&& token = T()) {
  net::any_io_executor executor = layer.get_executor();
  return net::async_initiate<T, void(error_code, Client<NextLayer>)>(
      detail::ClientInitiation<true>{std::move(executor)}, token, std::move(layer),
      std::move(request), std::move(options));
}

/// The same with the options' defaults.
template <class NextLayer,
          CompletionToken T =
              typename net::default_completion_token<typename NextLayer::executor_type>::type>
requires(!std::is_convertible_v<T, ClientOptions>) auto async_client(NextLayer layer,
                                                                     ClientRequest request,
                                                                     T&& token = T()) {
  return async_client(std::move(layer), std::move(request), ClientOptions(),
                      std::forward<T>(token));
}

/// The same with the options' defaults.
template <class NextLayer,
          CompletionToken T =
              typename net::default_completion_token<typename NextLayer::executor_type>::type>
requires(!std::is_convertible_v<T, ClientOptions>) auto async_client_tls(NextLayer layer,
                                                                         ClientRequest request,
                                                                         T&& token = T()) {
  return async_client_tls(std::move(layer), std::move(request), ClientOptions(),
                          std::forward<T>(token));
}

}  // namespace wolframite::asio
#pragma GCC visibility pop
