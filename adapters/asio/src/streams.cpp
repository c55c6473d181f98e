// What is compiled once instead of in each program.
#include "wolframite/asio.hpp"

namespace wolframite::asio {

template class detail::SocketStream<::asio::ip::tcp::socket>;
template class WebSocketStream<::asio::ip::tcp::socket>;

}  // namespace wolframite::asio
