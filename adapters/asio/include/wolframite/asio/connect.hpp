/// @file
/// Opening streams as a client, from a URL.
#pragma once

#include <type_traits>
#include <utility>

#include "wolframite/asio/detail/connecting.hpp"
#include "wolframite/asio/detail/net.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio {
namespace detail {

struct ConnectInitiation {
  using executor_type = net::any_io_executor;
  [[nodiscard]] executor_type get_executor() const noexcept { return executor; }

  template <class Handler>
  void operator()(Handler&& handler, ClientRequest request, ConnectOptions options) const {
    using Asked = ClientOperation<net::ip::tcp::socket>;
    initiate_on<Asked>(executor, std::forward<Handler>(handler),
                       [executor = executor, request = std::move(request),
                        options = std::move(options)](Owned<Asked> operation) mutable {
                         begin_connect(executor, std::move(operation), std::move(request),
                                       std::move(options));
                       });
  }

  net::any_io_executor executor;
};

}  // namespace detail

/// Connects to the request's host, and asks for a WebSocket there, over TLS for a `wss://` URL:
/// `void(error_code, Client<asio::ip::tcp::socket>)`. The name is resolved and its addresses
/// are tried as RFC 8305 says. Errors: the resolver's, those of the last address tried,
/// `asio::error::timed_out` after `ConnectOptions::connect_timeout`, and those of `async_client`.
/// May be called from any thread. Everything happens on `executor`: where several threads run that,
/// it is a strand.
template <class T>
auto async_connect(net::any_io_executor executor, ClientRequest request, ConnectOptions options,
                   T&& token) {
  return net::async_initiate<T, void(error_code, Client<net::ip::tcp::socket>)>(
      detail::ConnectInitiation{std::move(executor)}, token, std::move(request),
      std::move(options));
}
/// The same with the options' defaults.
template <class T>
auto async_connect(net::any_io_executor executor, ClientRequest request, T&& token) {
  return async_connect(std::move(executor), std::move(request), ConnectOptions(),
                       std::forward<T>(token));
}

}  // namespace wolframite::asio
#pragma GCC visibility pop
