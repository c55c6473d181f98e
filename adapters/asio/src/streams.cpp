// What is compiled once instead of in each program.
#include "wolframite/asio.hpp"

namespace wolframite::asio {

template class detail::SocketStream<net::ip::tcp::socket>;
template class WebSocketStream<net::ip::tcp::socket>;

}  // namespace wolframite::asio
