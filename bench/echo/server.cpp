// The smallest echo server there can be, over the adapter that it is compiled for. Prints its port;
// ends on SIGTERM.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include WOLFRAMITE_BACKEND_HEADER

namespace {

namespace backend = wolframite::WOLFRAMITE_BACKEND;
using namespace wolframite;

Task<> echo(Loop& loop, Socket socket) {
  auto stream = co_await accept(loop, std::move(socket));
  if (!stream) co_return;
  while (const auto message = co_await stream->next()) {
    if (co_await stream->send(message->kind, message->data)) break;
  }
}

Task<> serve(Loop& loop, backend::Listener& listener) {
  while (auto socket = co_await listener.accept()) loop.spawn(echo(loop, std::move(*socket)));
}

Loop* stopped_by_signal = nullptr;

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
  backend::Loop loop;
  auto listener = backend::Listener::bind(loop, "127.0.0.1", static_cast<std::uint16_t>(port));
  if (!listener) {
    std::fprintf(stderr, "cannot listen: %s\n", listener.error().message().c_str());
    return 1;
  }
  stopped_by_signal = &loop;
  std::signal(SIGTERM, [](int) { stopped_by_signal->stop(); });
  loop.spawn(serve(loop, **listener));
  std::printf("%d\n", (*listener)->port());
  std::fflush(stdout);
  loop.run();
}
