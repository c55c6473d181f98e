// What the tests of the Asio adapter stand on: a context that is run until something has come
// about, and connected streams.
#pragma once

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/version.hpp>
#include <asio/write.hpp>
#if __has_include(<asio/as_tuple.hpp>)
#include <asio/as_tuple.hpp>
#include <asio/deferred.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/deferred.hpp>
#endif
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "wolframite/asio.hpp"

namespace wolframite::test {

namespace net = wolframite::asio::net;
using net::ip::tcp;
using wolframite::asio::error_code;
using namespace std::chrono_literals;
using namespace std::string_literals;
#if __has_include(<asio/as_tuple.hpp>)
using net::as_tuple;
using net::deferred;
#else
using net::experimental::as_tuple;
using net::experimental::deferred;
#endif
using TcpStream = wolframite::asio::WebSocketStream<tcp::socket>;

/// Runs `context` until `done`. The test's time limit ends it if that never comes.
template <class Done>
void run_until(net::io_context& context, Done done) {
  while (!done()) {
    context.restart();
    context.run_one();
  }
}

/// Runs what can be run without waiting.
inline void settle(net::io_context& context) {
  context.restart();
  while (context.poll() > 0) {
  }
}

inline std::pair<tcp::socket, tcp::socket> connected(const net::any_io_executor& left,
                                                     const net::any_io_executor& right) {
  tcp::acceptor acceptor(left, tcp::endpoint(net::ip::make_address("127.0.0.1"), 0));
  std::pair<tcp::socket, tcp::socket> ends{tcp::socket(left), tcp::socket(right)};
  ends.second.connect(acceptor.local_endpoint());
  ends.first = acceptor.accept();
  for (tcp::socket* each : {&ends.first, &ends.second}) each->set_option(tcp::no_delay(true));
  return ends;
}

template <class NextLayer>
wolframite::asio::WebSocketStream<NextLayer> opened(NextLayer layer, Role role,
                                                    SharedConfig config = {}) {
  auto stream = wolframite::asio::WebSocketStream<NextLayer>::from_raw_socket(
      std::move(layer), role, std::move(config));
  REQUIRE(stream);
  return std::move(*stream);
}

/// Two streams connected to each other, whose handshake was skipped.
template <class NextLayer>
struct Joined {
  wolframite::asio::WebSocketStream<NextLayer> server, client;
};

inline Joined<tcp::socket> joined(const net::any_io_executor& left,
                                  const net::any_io_executor& right, SharedConfig config = {}) {
  auto [a, b] = connected(left, right);
  return {opened(std::move(a), Role::server, config), opened(std::move(b), Role::client, config)};
}
inline Joined<tcp::socket> joined(net::io_context& context, SharedConfig config = {}) {
  return joined(context.get_executor(), context.get_executor(), std::move(config));
}

/// Echoes what comes, by callbacks, until the end. Owns the stream, and is owned by its handlers.
template <class NextLayer>
class Echo : public std::enable_shared_from_this<Echo<NextLayer>> {
 public:
  explicit Echo(wolframite::asio::WebSocketStream<NextLayer> stream) : stream_(std::move(stream)) {}
  void read() {
    stream_.async_next([self = this->shared_from_this()](error_code error, Message message) {
      if (error) return;
      self->stream_.async_send(message.kind, message.data, [self](error_code failed) {
        if (!failed) self->read();
      });
    });
  }

 private:
  wolframite::asio::WebSocketStream<NextLayer> stream_;
};
template <class NextLayer>
void start_echo(wolframite::asio::WebSocketStream<NextLayer> stream) {
  std::make_shared<Echo<NextLayer>>(std::move(stream))->read();
}

}  // namespace wolframite::test
