// A client that stays connected: it tries again after every end, waiting longer each time it fails,
// and a random part of that so that a thousand clients do not come back at once.
#include <csignal>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "adapter.hpp"
#include "arguments.hpp"

using namespace wolframite;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view usage =
    R"(usage: reconnect --url U [--hello TEXT] [--first-delay MS] [--adapter A]
Prints what comes from the server at U, and connects again whenever the connection ends, until it is refused for good.
  --hello TEXT      say this each time the connection is there
  --first-delay MS  wait about so long after the first failure (500)
  --adapter A       epoll or uring (epoll))";

/// How long to wait before the next try.
class BackOff {
 public:
  explicit BackOff(std::chrono::milliseconds first) : first_(first) {}

  std::chrono::milliseconds next() {
    const auto most = std::min<std::chrono::milliseconds>(first_ * (1 << failures_), 30s);
    failures_ = std::min(failures_ + 1, 10);
    std::uniform_int_distribution<std::int64_t> part(most.count() / 2, most.count());
    return std::chrono::milliseconds(part(random_));
  }
  void succeeded() { failures_ = 0; }

 private:
  std::chrono::milliseconds first_;
  int failures_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

/// Whether another try may do better. Who was refused for what he asked for will be refused again.
bool may_pass(const ClientError& error) {
  if (error.why == ErrorClass::url) return false;
  if (!error.response) return true;
  return error.response->status >= 500 || error.response->status == 429;
}

Task<> stay(Loop& loop, std::string url, std::string hello, BackOff back_off, int& status) {
  Config config;
  // A connection that died without a word is found out, and replaced.
  config.ping_interval = 20s;
  config.pong_timeout = 10s;
  const ConnectOptions options{.config = config};
  for (;;) {
    auto client = co_await connect(loop, url, options);
    if (client) {
      back_off.succeeded();
      std::printf("connected\n");
      std::fflush(stdout);
      WebSocketStream& stream = client->stream;
      if (!hello.empty()) (void)co_await stream.send(hello);
      while (const auto message = co_await stream.next()) {
        std::printf("%.*s\n", static_cast<int>(message->data.size()), message->text().data());
        std::fflush(stdout);
      }
      const Closed& closed = *stream.closed();
      std::printf("disconnected: %s (%d)\n",
                  closed.why ? closed.why.message().c_str() : "closed by the server",
                  static_cast<int>(closed.code));
    } else {
      std::printf("cannot connect: %s\n", client.error().why.message().c_str());
      if (!may_pass(client.error())) {
        status = 1;
        co_return;
      }
    }
    const auto delay = back_off.next();
    std::printf("next try in %lld ms\n", static_cast<long long>(delay.count()));
    std::fflush(stdout);
    co_await loop.sleep(delay);
  }
}

Loop* stopped_by_signal = nullptr;

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, usage, {"url=", "hello=", "first-delay=", "adapter="});
  if (!arguments.has("url")) arguments.fail("--url is missing");
  const std::unique_ptr<Loop> loop = make_loop(arguments);
  stopped_by_signal = loop.get();
  std::signal(SIGTERM, [](int) { stopped_by_signal->stop(); });
  std::signal(SIGINT, [](int) { stopped_by_signal->stop(); });
  int status = 0;
  const std::chrono::milliseconds first(arguments.number<unsigned>("first-delay", 500));
  loop->spawn(
      stay(*loop, arguments.value("url"), arguments.value("hello"), BackOff(first), status));
  loop->run();
  return status;
}
