// An echo server with a loop a thread: each has a listener of its own on the same port, among which
// the kernel spreads connections (SO_REUSEPORT). SIGTERM drains it: nobody new is accepted,
// everybody is closed with 1001.
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "adapter.hpp"
#include "arguments.hpp"

using namespace wolframite;

namespace {

constexpr std::string_view usage =
    R"(usage: threads [--port N] [--threads N] [--drain-time S] [--adapter A]
Serves echoes with one loop a thread.
  --port N        port, 0 for a free one (9001)
  --threads N     how many (one a core)
  --drain-time S  seconds that connections have to end in, once the server was told to (10)
  --adapter A     epoll or uring (epoll))";

/// One thread's server. Only `drain` is called from other threads.
class Worker {
 public:
  Worker(std::unique_ptr<Loop> loop, std::unique_ptr<Listener> listener,
         std::chrono::milliseconds drain_time)
      : loop_(std::move(loop)), listener_(std::move(listener)), drain_time_(drain_time) {}

  void run() {
    accepting_ = loop_->spawn(serve());
    loop_->run();  // until no task is left
    std::printf("a worker served %llu connections\n", static_cast<unsigned long long>(last_));
    std::fflush(stdout);
  }

  void drain() {
    loop_->post([this] {
      accepting_.cancel();
      listener_.reset();
      for (auto& [id, stream] : streams_) loop_->spawn(dismiss(id));
      loop_->spawn(give_up());
    });
  }

 private:
  Task<> serve() {
    while (auto socket = co_await listener_->accept())
      loop_->spawn(echo(std::move(*socket), ++last_));
  }

  Task<> echo(Socket socket, std::uint64_t id) {
    AcceptOptions options;
    options.config = config_;
    auto stream = co_await accept(*loop_, std::move(socket), options);
    if (!stream) co_return;
    struct Leave {
      Worker& worker;
      std::uint64_t id;
      ~Leave() { worker.streams_.erase(id); }
    } leave{*this, id};
    streams_.emplace(id, &*stream);
    while (const auto message = co_await stream->next()) {
      if (co_await stream->send(message->kind, message->data)) break;
    }
  }

  Task<> dismiss(std::uint64_t id) {
    const auto found = streams_.find(id);
    if (found != streams_.end()) (void)co_await found->second->close(CloseCode::going_away);
  }

  // Ends the loop if it does not end by itself.
  Task<> give_up() {
    const Time end = loop_->now() + drain_time_;
    while (loop_->now() < end && loop_->task_count() > 1) {
      co_await loop_->sleep(std::chrono::milliseconds(20));
    }
    loop_->stop();
  }

  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Listener> listener_;
  SharedConfig config_;
  std::chrono::milliseconds drain_time_;
  TaskHandle accepting_;
  std::map<std::uint64_t, WebSocketStream*> streams_;
  std::uint64_t last_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, usage, {"port=", "threads=", "drain-time=", "adapter="});
  auto port = arguments.number<std::uint16_t>("port", 9001);
  const auto count =
      arguments.number<unsigned>("threads", std::max(std::thread::hardware_concurrency(), 1U));
  if (count == 0) arguments.fail("--threads must be above 0");
  const std::chrono::seconds drain_time(arguments.number<unsigned>("drain-time", 10));

  // Before there are threads, so that all of them leave the signals to the one that waits for them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned i = 0; i < count; ++i) {
    auto loop = make_loop(arguments);
    ListenOptions options;
    options.reuse_port = true;
    auto listener = Listener::bind(*loop, "127.0.0.1", port, options);
    if (!listener) {
      std::fprintf(stderr, "threads: cannot listen: %s\n", listener.error().message().c_str());
      return 1;
    }
    port = (*listener)->port();
    workers.push_back(std::make_unique<Worker>(std::move(loop), std::move(*listener), drain_time));
  }
  std::vector<std::thread> threads;
  for (const auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
  std::printf("listening on ws://127.0.0.1:%d\n", port);
  std::fflush(stdout);

  int number = 0;
  sigwait(&signals, &number);
  for (const auto& worker : workers) worker->drain();
  for (std::thread& thread : threads) thread.join();
}
