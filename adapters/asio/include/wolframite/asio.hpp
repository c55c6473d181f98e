/// @file
/// WebSockets for Asio: `WebSocketStream<NextLayer>`, whose operations take any completion token.
/// With `ssl::stream` below, include `wolframite/asio/ssl.hpp` as well.
#pragma once

#include "wolframite/asio/accept.hpp"
#include "wolframite/asio/acceptor.hpp"
#include "wolframite/asio/client.hpp"
#include "wolframite/asio/connect.hpp"
#include "wolframite/asio/layer.hpp"
#include "wolframite/asio/options.hpp"
#include "wolframite/asio/stream.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio {

extern template class detail::SocketStream<net::ip::tcp::socket>;
extern template class WebSocketStream<net::ip::tcp::socket>;

}  // namespace wolframite::asio
#pragma GCC visibility pop
