// Messages that one connection sends and the server sends on to all.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "failure.hpp"
#include "frames.hpp"
#include "modes.hpp"
#include "opening.hpp"
#include "poller.hpp"
#include "usage.hpp"

namespace load {
namespace {

struct Receiver {
  Transport transport;
  std::size_t received = 0;  // octets of the current message
};

class Broadcast {
 public:
  Broadcast(const Options& options, const Target& target)
      : frames_(make_frames(options.size)), buffer_(1 << 20) {
    receivers_.reserve(options.connections);
    for (Transport& transport : target.open(options.connections))
      receivers_.push_back({std::move(transport)});
    for (std::size_t i = 0; i < receivers_.size(); ++i)
      poller_.add(receivers_[i].transport.fd(), i, EPOLLIN);
  }

  /// Has one message delivered to all.
  void round() {
    const std::size_t size = frames_.sent_size();
    write_all(receivers_.front().transport,
              std::string_view(frames_.sent).substr(index_ * size, size));
    missing_ = receivers_.size();
    for (Receiver& receiver : receivers_) receiver.received = 0;
    while (missing_ > 0) {
      poller_.wait([this](std::size_t key) { read(receivers_[key]); });
    }
    index_ = (index_ + 1) % frames_.count;
    delivered_ += receivers_.size();
  }

  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }

 private:
  void read(Receiver& receiver) {
    const std::size_t reply = frames_.reply_size();
    while (const auto size = receiver.transport.read(buffer_)) {
      if (*size == 0) fail("the server hangs up");
      if (*size > reply - receiver.received) fail("more came than was sent");
      const char* const expected = frames_.replies.data() + index_ * reply + receiver.received;
      if (std::memcmp(buffer_.data(), expected, *size) != 0) fail("what came is not what was sent");
      receiver.received += *size;
      if (receiver.received == reply) --missing_;
      if (receiver.transport.short_read_is_last()) return;
    }
  }

  Frames frames_;
  std::vector<char> buffer_;
  std::vector<Receiver> receivers_;
  Poller poller_;
  std::size_t index_ = 0;    // of the current message
  std::size_t missing_ = 0;  // receivers that do not have it whole
  std::uint64_t delivered_ = 0;
};

}  // namespace

void measure_broadcast(const Options& options) {
  const Target target(options);
  Broadcast load(options, target);
  for (int i = 0; i < 10; ++i) load.round();

  const std::uint64_t delivered_before = load.delivered();
  const CpuTime cpu_before = CpuTime::of(options.pid);
  const auto started = Clock::now();
  const auto end = started + duration_of(options.seconds);
  while (Clock::now() < end) load.round();
  const double wall = std::chrono::duration<double>(Clock::now() - started).count();
  const CpuSpent cpu(cpu_before, CpuTime::of(options.pid));
  const auto delivered = static_cast<double>(load.delivered() - delivered_before);
  std::printf(
      R"({"mode":"broadcast","size":%zu,"connections":%zu,"deliveries":%.0f,"seconds":%.4f,)"
      R"("per_second":%.1f,"cpu_ns":%.2f,"user_ns":%.2f,"system_ns":%.2f})"
      "\n",
      options.size, options.connections, delivered, wall, delivered / wall, cpu.total / delivered,
      cpu.user / delivered, cpu.system / delivered);
}

}  // namespace load
