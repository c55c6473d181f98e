// What both Asio servers have in common: options, a listening socket, and how they end.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/signal_set.hpp>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <wolframite/asio.hpp>

namespace bench {

namespace net = ::asio;
using net::ip::tcp;
using wolframite::asio::AcceptOptions;
using Stream = wolframite::asio::WebSocketStream<tcp::socket>;

constexpr const char* usage = "usage: %s [--port N] [--deflate] [--cert FILE --key FILE]\n";

struct Server {
  net::io_context context{1};
  tcp::acceptor acceptor{context};
  AcceptOptions options{};
};

/// Reads the arguments, listens, and has `serve` begin. Returns the exit status.
template <class Serve>
int run(int argc, char** argv, Serve serve) {
  Server server;
  unsigned short port = 0;
  wolframite::Config config{.max_frame_size = 64 << 20};  // a message of whatever size in one frame
  wolframite::TlsServerOptions tls;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--deflate") {
      config.deflate.enabled = true;
    } else if (name == "--port" && i + 1 < argc) {
      port = static_cast<unsigned short>(std::strtoul(argv[++i], nullptr, 10));
    } else if (name == "--cert" && i + 1 < argc) {
      tls.identity.certificate.file = argv[++i];
    } else if (name == "--key" && i + 1 < argc) {
      tls.identity.key.file = argv[++i];
    } else {
      std::fprintf(stderr, usage, argv[0]);
      return 2;
    }
  }
  server.options.config = config;
  if (!tls.identity.certificate.empty()) {
    auto context = wolframite::TlsContext::server(tls);
    if (!context) {
      std::fprintf(stderr, "no TLS: %s\n", context.error().message().c_str());
      return 1;
    }
    server.options.tls = std::move(*context);
  }
  const tcp::endpoint local(net::ip::make_address("127.0.0.1"), port);
  server.acceptor.open(local.protocol());
  server.acceptor.set_option(tcp::acceptor::reuse_address(true));
  // What is accepted inherits it.
  server.acceptor.set_option(tcp::no_delay(true));
  server.acceptor.bind(local);
  server.acceptor.listen();
  net::signal_set signals(server.context, SIGTERM);
  signals.async_wait([&](std::error_code, int) { server.context.stop(); });
  serve(server);
  std::printf("%d\n", server.acceptor.local_endpoint().port());
  std::fflush(stdout);
  server.context.run();
  return 0;
}

}  // namespace bench
