// A project of somebody else's that uses the Asio adapter: a server and a client in one context.
#ifdef WOLFRAMITE_ASIO_BOOST
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
namespace asio = boost::asio;
#else
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_awaitable.hpp>
#endif
#include <cstdio>
#include <string>
#include <utility>

#include <wolframite/asio.hpp>

using asio::ip::tcp;

namespace {

asio::awaitable<void> serve(tcp::acceptor& acceptor) {
  tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  auto stream = co_await wolframite::asio::async_accept(std::move(socket), asio::use_awaitable);
  const auto message = co_await stream.async_next(asio::use_awaitable);
  co_await stream.async_send(message.kind, message.data, asio::use_awaitable);
  co_await stream.async_close(asio::use_awaitable);
}

asio::awaitable<void> talk(asio::io_context& context, std::string url, std::string& answer) {
  auto [stream, response] =
      co_await wolframite::asio::async_connect(context.get_executor(), url, asio::use_awaitable);
  co_await stream.async_send("hello from outside", asio::use_awaitable);
  const auto message = co_await stream.async_next(asio::use_awaitable);
  answer = message.text();
  co_await stream.async_close(asio::use_awaitable);
}

}  // namespace

int main() {
  asio::io_context context{1};
  tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
  std::string answer;
  const std::string url =
      "ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/";
  asio::co_spawn(context, serve(acceptor), asio::detached);
  asio::co_spawn(context, talk(context, url, answer), asio::detached);
  context.run();
  std::printf("asio: %s\n", answer.c_str());
  return answer == "hello from outside" ? 0 : 1;
}
