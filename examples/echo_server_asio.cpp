#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdio>
#include <memory>
#include <set>
#include <utility>

#include <wolframite/asio.hpp>

#include "asio_adapter.hpp"

using asio::ip::tcp;
namespace ws = wolframite::asio;

namespace {

/// Serves what an acceptor accepts, and can send all its clients away.
class Server {
 public:
  Server(asio::io_context& context, ws::Acceptor& acceptor, ws::AcceptOptions options)
      : context_(context), acceptor_(acceptor), options_(std::move(options)) {}

  asio::awaitable<void> run() {
    for (;;) {
      std::error_code error;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return ended(error);
      asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
    }
  }

  /// Closes every connection with 1001, and accepts no more.
  void dismiss_all() {
    acceptor_.close();
    for (Stream* const each : streams_) {
      each->async_close(wolframite::CloseCode::going_away, asio::detached);
    }
  }

 private:
  using Stream = ws::WebSocketStream<tcp::socket>;

  // Clients that are there are served to their end.
  static void ended(std::error_code why) {
    if (why == asio::error::operation_aborted) return;
    std::fprintf(stderr, "echo_server: cannot accept: %s\n", why.message().c_str());
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    std::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    Stream stream = co_await ws::async_accept(std::move(socket), options_, token);
    if (error) co_return;
    streams_.insert(&stream);
    while (!error) {
      const wolframite::Message message = co_await stream.async_next(token);
      if (!error) co_await stream.async_send(message.kind, message.data, token);
    }
    streams_.erase(&stream);
  }

  asio::io_context& context_;
  ws::Acceptor& acceptor_;
  ws::AcceptOptions options_;
  std::set<Stream*> streams_;
};

std::string to_string(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? '[' + address + ']' : address) + ':' +
         std::to_string(endpoint.port());
}

}  // namespace

int serve_over_asio(const std::string& host, std::uint16_t port,
                    const wolframite::SharedConfig& config,
                    std::function<wolframite::Answer(const wolframite::Request&)> on_request,
                    std::optional<wolframite::TlsContext> tls) {
  asio::io_context context{1};
  tcp::acceptor listening(context);
  std::error_code error;
  const tcp::endpoint where(asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error),
                            port);
  if (!error) listening.open(where.protocol(), error);
  if (!error) listening.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) listening.bind(where, error);
  if (!error) listening.listen(4096, error);
  if (error) {
    std::fprintf(stderr, "echo_server: cannot listen on %s, port %d: %s\n", host.c_str(), port,
                 error.message().c_str());
    return 1;
  }
  ws::Acceptor acceptor(std::move(listening));
  const bool secure = tls.has_value();
  Server server(context, acceptor,
                {.config = config, .on_request = std::move(on_request), .tls = std::move(tls)});
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { server.dismiss_all(); });
  asio::co_spawn(context, server.run(), asio::detached);
  std::printf("listening on %s://%s\n", secure ? "wss" : "ws",
              to_string(acceptor.local_endpoint()).c_str());
  std::fflush(stdout);
  context.run();
  return 0;
}
