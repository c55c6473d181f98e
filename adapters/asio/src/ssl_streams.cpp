// What is compiled once instead of in each program that has its TLS from Asio.
#include "wolframite/asio/ssl.hpp"

namespace wolframite::asio {

template class detail::AsyncStream<::asio::ssl::stream<::asio::ip::tcp::socket>>;
template class WebSocketStream<::asio::ssl::stream<::asio::ip::tcp::socket>>;

}  // namespace wolframite::asio
