// Nothing leaks and nothing gets mixed up, whatever streams do: some thousands of them open, talk,
// stop reading, close, drop, reset and are cancelled at random, for a time. At the end there must
// be no stream, task, buffer, request or descriptor more than at the start, and every echo must
// have been what was sent.
#include <dirent.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend.hpp"

namespace wolframite::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* usage = "usage: soak [--seconds N] [--streams N] [--seed N]\n";

struct Counters {
  std::uint64_t opened = 0, accepted = 0, refused = 0, echoed = 0, octets = 0, closed = 0,
                dropped = 0, reset = 0, cancelled = 0, killed = 0, wrong = 0;
};

/// Open descriptors of this process.
std::size_t descriptors() {
  DIR* const directory = ::opendir("/proc/self/fd");
  std::size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

class Soak {
 public:
  Soak(backend::Loop& loop, std::uint64_t seed) : loop_(loop), random_(seed) {
    for (std::size_t i = 0; i < text_.size(); ++i) text_[i] = static_cast<char>('!' + i % 89);
  }

  void run(std::size_t streams, std::chrono::seconds time) {
    auto listener = backend::Listener::bind(loop_, "127.0.0.1", 0);
    if (!listener) {
      std::fprintf(stderr, "cannot listen: %s\n", listener.error().message().c_str());
      std::exit(1);
    }
    url_ = "ws://127.0.0.1:" + std::to_string((*listener)->port()) + "/";
    end_ = std::chrono::steady_clock::now() + time;
    TaskHandle accepting = loop_.spawn(serve(**listener));
    clients_.resize(streams);
    for (TaskHandle& client : clients_) client = loop_.spawn(be_client());
    TaskHandle killing = loop_.spawn(kill());
    while (std::any_of(clients_.begin(), clients_.end(),
                       [](const TaskHandle& each) { return !each.done(); })) {
      loop_.run_once();
      if (!over()) continue;
      // What waits for a server that was killed in the middle would wait for its timeouts.
      for (TaskHandle& client : clients_) client.cancel();
    }
    killing.cancel();
    accepting.cancel();
    listener->reset();
    for (TaskHandle& server : servers_) server.cancel();
    loop_.run();
  }

  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  [[nodiscard]] bool over() const { return loop_.now() >= end_; }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  [[nodiscard]] std::string_view text(std::size_t from, std::size_t size) const {
    return std::string_view(text_).substr(from, size);
  }

  Task<> serve(backend::Listener& listener) {
    while (auto socket = co_await listener.accept()) {
      ++counters_.accepted;
      const TaskHandle server = loop_.spawn(echo(std::move(*socket)));
      const auto ended =
          std::find_if(servers_.begin(), servers_.end(), [](auto& each) { return each.done(); });
      (ended == servers_.end() ? servers_.emplace_back() : *ended) = server;
    }
  }

  Task<> echo(Socket socket) {
    auto stream = co_await accept(loop_, std::move(socket));
    if (!stream) co_return;
    while (auto message = co_await stream->next()) {
      if (below(200) == 0) co_await loop_.sleep(std::chrono::milliseconds(below(20)));
      std::error_code error;
      if (below(2) == 0) {
        error = co_await stream->send(message->kind, message->data);
      } else {
        error = co_await stream->send(std::move(*message));
      }
      if (error) break;
    }
  }

  Task<> be_client() {
    while (!over()) co_await live();
  }

  // One connection, from its beginning to some end.
  Task<> live() {
    auto client = co_await connect(loop_, url_);
    if (!client) {
      ++counters_.refused;  // the server's side was killed before it answered
      co_return;
    }
    ++counters_.opened;
    WebSocketStream& stream = client->stream;
    for (std::uint64_t rounds = below(20); rounds > 0 && !over(); --rounds) {
      if (!co_await talk(stream)) break;
    }
    switch (below(4)) {
      case 0:
        ++counters_.dropped;
        break;
      case 1: {
        ++counters_.reset;
        const linger at_once{1, 0};
        if (stream.next_layer().is_open()) {
          ::setsockopt(stream.next_layer().fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        break;
      }
      default:
        static_cast<void>(co_await stream.close());
        ++counters_.closed;
    }
  }

  // Sends some messages and takes some of the echoes.
  Task<bool> talk(WebSocketStream& stream) {
    constexpr std::array<std::size_t, 7> sizes{16, 16, 200, 1024, 20'000, 50'000, 150'000};
    const std::size_t size = sizes[below(sizes.size())];
    const std::size_t count = size > 10'000 ? 1 : 1 + below(8);
    const std::size_t from = below(89);
    for (std::size_t i = 0; i < count; ++i) {
      if (co_await stream.send(text(from, size))) co_return false;
    }
    if (below(10) == 0) co_await loop_.sleep(std::chrono::milliseconds(below(20)));
    for (std::size_t i = 0; i < count; ++i) {
      const auto message = co_await stream.next();
      if (!message) co_return false;
      counters_.wrong += message->text() != text(from, size);
      ++counters_.echoed;
      counters_.octets += size;
    }
    co_return true;
  }

  Task<> kill() {
    for (;;) {
      co_await loop_.sleep(std::chrono::milliseconds(1 + below(5)));
      TaskHandle& client = clients_[below(clients_.size())];
      client.cancel();
      ++counters_.cancelled;
      if (!over()) client = loop_.spawn(be_client());
      if (servers_.empty()) continue;
      servers_[below(servers_.size())].cancel();
      ++counters_.killed;
    }
  }

  backend::Loop& loop_;
  std::mt19937_64 random_;
  std::string text_ = std::string(200'000, '\0');
  std::string url_;
  Time end_;
  std::vector<TaskHandle> clients_, servers_;
  Counters counters_;
};

int report(const char* what, std::uint64_t left) {
  std::printf("  %-24s %llu\n", what, static_cast<unsigned long long>(left));
  return left == 0 ? 0 : 1;
}

}  // namespace
}  // namespace wolframite::test

int main(int argc, char** argv) {
  using namespace wolframite::test;
  std::uint64_t seconds = 10, streams = 2000, seed = std::random_device{}();
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    std::uint64_t* const value = name == "--seconds"   ? &seconds
                                 : name == "--streams" ? &streams
                                 : name == "--seed"    ? &seed
                                                       : nullptr;
    if (value == nullptr) {
      std::fputs(usage, stderr);
      return 2;
    }
    *value = std::strtoull(argv[i + 1], nullptr, 10);
  }
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const std::size_t descriptors_before = descriptors();
  int leaks = 0;
  {
    backend::Loop loop;
    Soak soak(loop, seed);
    soak.run(streams, std::chrono::seconds(seconds));
    const Counters& c = soak.counters();
    std::printf(
        "%llu opened, %llu accepted, %llu not answered, %llu messages echoed, %llu octets;\n"
        "%llu closed, %llu dropped, %llu reset, %llu clients cancelled, %llu servers killed\n",
        static_cast<unsigned long long>(c.opened), static_cast<unsigned long long>(c.accepted),
        static_cast<unsigned long long>(c.refused), static_cast<unsigned long long>(c.echoed),
        static_cast<unsigned long long>(c.octets), static_cast<unsigned long long>(c.closed),
        static_cast<unsigned long long>(c.dropped), static_cast<unsigned long long>(c.reset),
        static_cast<unsigned long long>(c.cancelled), static_cast<unsigned long long>(c.killed));
    std::printf("left at the end:\n");
    leaks += report("wrong echoes", c.wrong);
    leaks += report("tasks", loop.task_count());
    leaks += report("streams", loop.stream_count());
    leaks += report("lent buffers", loop.buffers().lent());
    leaks += report("octets of messages", loop.memory().counters().in_use);
#ifdef WOLFRAMITE_BACKEND_COUNTS_REQUESTS
    leaks += report("requests", loop.requests());
#endif
    if (c.echoed == 0 || c.closed == 0) {
      std::printf("nothing was done\n");
      ++leaks;
    }
  }
  leaks += report("descriptors", descriptors() - descriptors_before);
  return leaks == 0 ? 0 : 1;
}
