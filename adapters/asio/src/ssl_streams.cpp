// What is compiled once instead of in each program that has its TLS from Asio.
#include "wolframite/asio/ssl.hpp"

namespace wolframite::asio {

template class detail::AsyncStream<net::ssl::stream<net::ip::tcp::socket>>;
template class WebSocketStream<net::ssl::stream<net::ip::tcp::socket>>;

}  // namespace wolframite::asio
