// The smallest echo server there can be, over the adapter that it is compiled for.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <string_view>
#include <utility>

#include WOLFRAMITE_BACKEND_HEADER

namespace {

namespace backend = wolframite::WOLFRAMITE_BACKEND;
using namespace wolframite;

constexpr const char* usage =
    "usage: %s [--port N] [--broadcast] [--deflate] [--cert FILE --key FILE]\n";

struct Server {
  backend::Loop loop{};
  AcceptOptions options{};
  bool broadcasts = false;
  std::list<WebSocketStream*> streams{};  // that messages are sent on to
};

Task<> echo(WebSocketStream stream) {
  while (auto message = co_await stream.next()) {
    if (co_await stream.send(std::move(*message))) break;
  }
}

// A task of its own, so that what accepting needs does not stay as long as the stream does.
Task<> open(Server& server, Socket socket) {
  auto stream = co_await accept(server.loop, std::move(socket), server.options);
  if (stream) server.loop.spawn(echo(std::move(*stream)));
}

Task<> broadcast(Server& server, Socket socket) {
  auto stream = co_await accept(server.loop, std::move(socket), server.options);
  if (!stream) co_return;
  const auto place = server.streams.insert(server.streams.end(), &*stream);
  while (const auto message = co_await stream->next()) {
    const SharedBytes payload = SharedBytes::copy_of(message->data);
    // A receiver that is far behind misses messages; nobody waits for it.
    for (WebSocketStream* const receiver : server.streams)
      static_cast<void>(receiver->send(message->kind, payload));
  }
  server.streams.erase(place);
}

Task<> serve(Server& server, backend::Listener& listener) {
  while (auto socket = co_await listener.accept()) {
    server.loop.spawn(server.broadcasts ? broadcast(server, std::move(*socket))
                                        : open(server, std::move(*socket)));
  }
}

Loop* stopped_by_signal = nullptr;

}  // namespace

int main(int argc, char** argv) {
  Server server;
  std::uint16_t port = 0;
  Config config{.max_frame_size = 64 << 20};  // a message of whatever size in one frame
  TlsServerOptions tls;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--broadcast") {
      server.broadcasts = true;
    } else if (name == "--deflate") {
      config.deflate.enabled = true;
    } else if (name == "--port" && i + 1 < argc) {
      port = static_cast<std::uint16_t>(std::strtoul(argv[++i], nullptr, 10));
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
    auto context = TlsContext::server(tls);
    if (!context) {
      std::fprintf(stderr, "no TLS: %s\n", context.error().message().c_str());
      return 1;
    }
    server.options.tls = std::move(*context);
  }
  auto listener = backend::Listener::bind(server.loop, "127.0.0.1", port);
  if (!listener) {
    std::fprintf(stderr, "cannot listen: %s\n", listener.error().message().c_str());
    return 1;
  }
  stopped_by_signal = &server.loop;
  std::signal(SIGTERM, [](int) { stopped_by_signal->stop(); });
  server.loop.spawn(serve(server, **listener));
  std::printf("%d\n", (*listener)->port());
  std::fflush(stdout);
  server.loop.run();
}
