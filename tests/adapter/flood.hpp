// Peers that send without end, each from a thread of its own.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rig.hpp"

namespace wolframite::test {

constexpr std::size_t mebibyte = 1U << 20U;

/// Sends the same frame over and over, past any TLS, until it is destroyed.
class Flood {
 public:
  /// `peer` must outlive this, and not be used meanwhile.
  Flood(Peer& peer, std::string frame)
      : fd_(peer.socket().fd()), thread_([this, frame = std::move(frame)] { send(frame); }) {}
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  ~Flood() {
    stopped_ = true;
    ::shutdown(fd_, SHUT_RDWR);  // wakes a send that waits for room
    thread_.join();
  }

 private:
  void send(const std::string& frame) {
    std::size_t at = 0;
    while (!stopped_) {
      const ssize_t size = ::send(fd_, frame.data() + at, frame.size() - at, MSG_NOSIGNAL);
      if (size > 0) {
        at = (at + static_cast<std::size_t>(size)) % frame.size();
      } else {
        wait();
      }
    }
  }
  // The socket does not block.
  void wait() const {
    pollfd watched{fd_, POLLOUT, 0};
    ::poll(&watched, 1, 100);
  }

  int fd_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

/// Takes messages until the end, and counts their octets.
inline Task<> swallow(WebSocketStream stream, std::size_t& octets) {
  while (const auto message = co_await stream.next()) octets += message->data.size();
}

/// Streams whose peers flood, and what each has received. They end with it.
struct Flooded {
  explicit Flooded(backend::Loop& loop, std::size_t count, std::size_t message = 16 * 1024)
      : received(count) {
    for (std::size_t& octets : received) {
      Pair pair = open_pair(loop);
      peers.push_back(std::make_unique<Peer>(std::move(pair.peer)));
      tasks.push_back(loop.spawn(swallow(std::move(pair.stream), octets)));
      floods.push_back(std::make_unique<Flood>(
          *peers.back(), client_frame(final_binary, std::string(message, 'x'))));
    }
  }

  Flooded(const Flooded&) = delete;
  Flooded& operator=(const Flooded&) = delete;
  ~Flooded() { stop(); }

  [[nodiscard]] std::size_t least() const { return *std::ranges::min_element(received); }
  [[nodiscard]] std::size_t all() const {
    return std::accumulate(received.begin(), received.end(), std::size_t{0});
  }
  void stop() {
    floods.clear();
    for (TaskHandle& task : tasks) task.cancel();
    tasks.clear();
  }

  std::vector<std::size_t> received;
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<std::unique_ptr<Flood>> floods;
  std::vector<TaskHandle> tasks;
};

/// Eight peers flood, and one says little: each has its turn.
inline void check_that_all_are_served(backend::Loop& loop) {
  Flooded flooded(loop, 8);
  Pair quiet = open_pair(loop);
  loop.spawn(echo(std::move(quiet.stream)));
  for (int i = 0; i < 50; ++i) {
    quiet.peer.send(client_frame(final_text, "little"));
    CHECK(quiet.peer.receive(8) == server_frame(final_text, "little"));
  }
  turn_until(loop, [&] { return flooded.least() > 8 * mebibyte; });
}

}  // namespace wolframite::test
