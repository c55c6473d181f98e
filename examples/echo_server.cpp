// An echo server, over epoll or io_uring; over Asio it is in echo_server_asio.cpp.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "adapter.hpp"
#include "arguments.hpp"
#ifdef EXAMPLES_WITH_ASIO
#include "asio_adapter.hpp"
#endif

using namespace wolframite;

namespace {

constexpr std::string_view usage =
    R"(usage: echo_server [--host H] [--port P] [--max-message-size N] [--allow-origin O]
                   [--cert F --key F] [--deflate [--window-bits N] [--no-context-takeover]]
                   [--adapter A]
Sends every message back. Plain HTTP requests are answered with 200, as health checks want it.
  --host H              address to listen on (127.0.0.1)
  --port P              port to listen on; 0 takes a free one (9001)
  --max-message-size N  largest message accepted, in octets (64 MiB, a frame 16 MiB)
  --allow-origin O      refuse requests that a browser sends from another origin than this
  --cert F              speak TLS, with the certificate in this PEM file; its intermediates follow it
  --key F               the certificate's private key, a PEM file
  --deflate             compress messages, if the client offers to (RFC 7692)
  --window-bits N       with windows of at most so many bits, 8 to 15 (15)
  --no-context-takeover forget them after each message
  --adapter A           epoll, uring or asio (epoll)
Ends on SIGTERM or SIGINT, once all connections are closed.)";

/// A connection being served. It has no stream yet while its handshake is under way.
struct Served {
  TaskHandle task;
  WebSocketStream* stream = nullptr;
};

/// Serves what a listener accepts, and can send all its clients away.
class Server {
 public:
  Server(Loop& loop, AcceptOptions options) : loop_(loop), options_(std::move(options)) {}

  Task<> run(Listener& listener) {
    while (true) {
      Result<Socket> socket = co_await listener.accept();
      if (!socket) {
        std::fprintf(stderr, "cannot accept connections: %s\n", socket.error().message().c_str());
        co_return;
      }
      const std::uint64_t id = next_id_++;
      served_[id].task = loop_.spawn(serve(std::move(*socket), id));
    }
  }

  /// Closes every connection with 1001.
  void dismiss_all() {
    for (auto entry = served_.begin(); entry != served_.end();) {
      auto& [id, served] = *entry++;
      if (served.stream != nullptr) {
        loop_.spawn(dismiss(id));
      } else {
        served.task.cancel();
      }
    }
  }

 private:
  Task<> serve(Socket socket, std::uint64_t id) {
    struct Leave {
      Server& server;
      std::uint64_t id;
      ~Leave() { server.served_.erase(id); }
    } leave{*this, id};

    Result<WebSocketStream> stream = co_await accept(loop_, std::move(socket), options_);
    if (!stream) co_return;
    served_[id].stream = &*stream;
    while (const auto message = co_await stream->next()) {
      if (co_await stream->send(message->kind, message->data)) break;
    }
  }

  Task<> dismiss(std::uint64_t id) {
    // It may have gone since.
    const auto found = served_.find(id);
    if (found != served_.end()) co_await found->second.stream->close(CloseCode::going_away);
  }

  Loop& loop_;
  AcceptOptions options_;
  std::map<std::uint64_t, Served> served_;
  std::uint64_t next_id_ = 0;
};

/// Answers a request: echoes over any path, speaking the subprotocol "echo" if asked to.
Answer answer(const Request& request, std::string_view allowed_origin) {
  if (!request.is_upgrade()) {
    return Response{.status = 200, .headers = {{"Content-Type", "text/plain"}}, .body = "ok\n"};
  }
  // Browsers let any page connect anywhere, with the user's cookies: who relies on them must look
  // at the origin.
  const auto origin = request.headers.find("Origin");
  if (!allowed_origin.empty() && origin && *origin != allowed_origin) {
    return Response{.status = 403,
                    .headers = {{"Content-Type", "text/plain"}},
                    .body = "Origin " + std::string(*origin) + " is not allowed here.\n"};
  }
  Accept accept{.headers = {{"Server", "wolframite"}}};
  if (request.offers_subprotocol("echo")) accept.subprotocol = "echo";
  return accept;
}

Loop* stopped_by_signal = nullptr;

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, usage,
                            {"host=", "port=", "max-message-size=", "allow-origin=", "adapter=",
                             "deflate", "window-bits=", "no-context-takeover", "cert=", "key="});
  Config config;
  if (arguments.has("max-message-size")) {
    config.max_message_size = arguments.number<std::size_t>("max-message-size", 0);
    config.max_frame_size = config.max_message_size;
    if (config.check() != Error::none) arguments.fail("--max-message-size must be above 0");
  }

  config.deflate = deflate_config(arguments);

  const std::string host = arguments.value("host", "127.0.0.1");
  const auto port = arguments.number<std::uint16_t>("port", 9001);
  const std::string origin = arguments.value("allow-origin");

  std::optional<TlsContext> tls;
  if (arguments.has("cert") != arguments.has("key")) arguments.fail("--cert and --key go together");
  if (arguments.has("cert")) {
    TlsServerOptions options;
    options.identity.certificate.file = arguments.value("cert");
    options.identity.key.file = arguments.value("key");
    const auto context = TlsContext::server(options);
    if (!context) arguments.fail("cannot use the certificate: " + context.error().message());
    tls = *context;
  }

#ifdef EXAMPLES_WITH_ASIO
  if (arguments.value("adapter") == "asio") {
    return serve_over_asio(
        host, port, config, [&origin](const Request& request) { return answer(request, origin); },
        tls);
  }
#endif
  const std::unique_ptr<Loop> adapter = make_loop(arguments);
  Loop& loop = *adapter;
  auto listener = Listener::bind(loop, host, port);
  if (!listener) {
    std::fprintf(stderr, "echo_server: cannot listen on %s, port %d: %s\n", host.c_str(), port,
                 listener.error().message().c_str());
    return 1;
  }
  stopped_by_signal = &loop;
  struct sigaction action {};
  action.sa_handler = [](int) { stopped_by_signal->stop(); };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second signal ends the program at once
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  Server server(
      loop, {.config = config,
             .on_request = [&origin](const Request& request) { return answer(request, origin); },
             .tls = tls});
  TaskHandle accepting = loop.spawn(server.run(**listener));
  std::printf("listening on %s://%s\n", tls ? "wss" : "ws",
              (*listener)->local_endpoint().to_string().c_str());
  std::fflush(stdout);
  loop.run();

  accepting.cancel();
  listener->reset();
  server.dismiss_all();
  loop.run();
}
