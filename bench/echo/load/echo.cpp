// Messages that come back. A connection keeps `depth` of them on their way and sends the next ones
// as soon as others have come back; every octet of a reply is compared with what it has to be.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "failure.hpp"
#include "frames.hpp"
#include "histogram.hpp"
#include "modes.hpp"
#include "opening.hpp"
#include "poller.hpp"
#include "usage.hpp"

namespace load {
namespace {

struct Connection {
  Transport transport;
  std::size_t to_write;                  // octets that may be written
  std::size_t written = 0;               // where in the frames writing goes on
  std::size_t read = 0;                  // where in the replies reading goes on
  std::string unread{};                  // of a compressed reply that is not whole yet
  std::size_t oldest = 0;                // which of `sent_at` is the next to come back
  std::vector<std::uint64_t> sent_at{};  // nanoseconds, of the messages on their way
};

class Load {
 public:
  Load(const Options& options, const Target& target)
      : text_(options.deflate ? make_text(options.size) : ""),
        frames_(options.deflate ? make_compressed_frame(text_) : make_frames(options.size)),
        buffer_(1 << 20) {
    std::vector<Transport> transports = target.open(options.connections);
    connections_.reserve(transports.size());
    for (Transport& transport : transports) {
      connections_.push_back({std::move(transport), options.depth * frames_.sent_size()});
      connections_.back().sent_at.assign(options.depth, nanoseconds_now());
    }
    for (std::size_t i = 0; i < connections_.size(); ++i)
      poller_.add(connections_[i].transport.fd(), i, EPOLLIN | EPOLLOUT | EPOLLET);
  }

  /// Handles what is ready.
  void turn() {
    poller_.wait([this](std::size_t key) {
      read(connections_[key]);
      write(connections_[key]);
    });
  }

  [[nodiscard]] std::uint64_t echoed() const { return echoed_; }
  [[nodiscard]] Histogram& latencies() { return latencies_; }

 private:
  void read(Connection& connection) {
    for (;;) {
      const auto size = connection.transport.read(buffer_);
      if (!size) return;
      if (*size == 0) fail("the server hangs up");
      received(connection, *size);
      if (*size < buffer_.size() && connection.transport.short_read_is_last()) return;
    }
  }

  void received(Connection& connection, std::size_t size) {
    const std::size_t whole =
        text_.empty() ? compare(connection, size) : compare_inflated(connection, size);
    count(connection, whole);
  }

  // How many replies are whole now.
  std::size_t compare(Connection& connection, std::size_t size) {
    const std::size_t reply = frames_.reply_size();
    const std::size_t whole = (connection.read % reply + size) / reply;
    for (std::size_t at = 0; at < size;) {
      const std::size_t part = std::min(size - at, frames_.replies.size() - connection.read);
      if (std::memcmp(buffer_.data() + at, frames_.replies.data() + connection.read, part) != 0)
        fail("what came back is not what was sent");
      at += part;
      connection.read = (connection.read + part) % frames_.replies.size();
    }
    return whole;
  }

  std::size_t compare_inflated(Connection& connection, std::size_t size) {
    connection.unread.append(buffer_.data(), size);
    std::string_view unread = connection.unread;
    std::size_t whole = 0;
    while (const std::size_t reply = first_message_size(unread)) {
      check_inflated(unread.substr(0, reply));
      unread.remove_prefix(reply);
      ++whole;
    }
    connection.unread.erase(0, connection.unread.size() - unread.size());
    return whole;
  }

  void check_inflated(std::string_view reply) {
    if (std::find(known_.begin(), known_.end(), reply) != known_.end()) return;
    if (read_message(reply) != text_) fail("what came back is not what was sent");
    constexpr std::size_t most_known = 16;
    if (known_.size() < most_known) known_.emplace_back(reply);
  }

  void count(Connection& connection, std::size_t whole) {
    if (whole == 0) return;
    if (whole > connection.sent_at.size()) fail("more came back than was sent");
    const std::uint64_t now = nanoseconds_now();
    for (std::size_t i = 0; i < whole; ++i) {
      std::uint64_t& sent_at = connection.sent_at[connection.oldest];
      latencies_.record(now - sent_at);
      sent_at = now;
      connection.oldest = (connection.oldest + 1) % connection.sent_at.size();
    }
    echoed_ += whole;
    connection.to_write += whole * frames_.sent_size();
  }

  void write(Connection& connection) {
    while (connection.to_write > 0) {
      // Up to the end of the frames, and on from their beginning.
      const std::size_t straight =
          std::min(connection.to_write, frames_.sent.size() - connection.written);
      const std::size_t around = std::min(connection.to_write - straight, frames_.sent.size());
      const std::array<iovec, 2> parts{
          iovec{frames_.sent.data() + connection.written, straight},
          iovec{frames_.sent.data(), around},
      };
      const auto size = connection.transport.write({parts.data(), around > 0 ? 2U : 1U});
      if (!size) return;
      connection.to_write -= *size;
      connection.written = (connection.written + *size) % frames_.sent.size();
    }
  }

  std::string text_;  // what is compressed; empty if nothing is
  Frames frames_;
  std::vector<std::string> known_;  // compressed replies that were right
  std::vector<char> buffer_;
  std::vector<Connection> connections_;
  Poller poller_;
  Histogram latencies_;
  std::uint64_t echoed_ = 0;
};

}  // namespace

void measure_echo(const Options& options) {
  const Target target(options);
  Load load(options, target);
  // Until every connection, and what the server keeps for it, is warm.
  const auto warm = Clock::now() + duration_of(options.seconds / 5);
  const std::uint64_t enough = 2 * options.connections * options.depth;
  while (load.echoed() < enough || Clock::now() < warm) load.turn();

  load.latencies().clear();
  const std::uint64_t echoed_before = load.echoed();
  const CpuTime cpu_before = CpuTime::of(options.pid);
  const auto started = Clock::now();
  const auto end = started + duration_of(options.seconds);
  while (Clock::now() < end) load.turn();
  const double wall = std::chrono::duration<double>(Clock::now() - started).count();
  const CpuSpent cpu(cpu_before, CpuTime::of(options.pid));
  const auto messages = static_cast<double>(load.echoed() - echoed_before);
  if (messages == 0) fail("nothing came back in the time given");
  std::printf(
      R"({"mode":"echo","size":%zu,"connections":%zu,"depth":%zu,"messages":%.0f,"seconds":%.4f,)"
      R"("per_second":%.1f,"cpu_ns":%.2f,"user_ns":%.2f,"system_ns":%.2f,)"
      R"("p50_us":%.2f,"p99_us":%.2f,"p999_us":%.2f})"
      "\n",
      options.size, options.connections, options.depth, messages, wall, messages / wall,
      cpu.total / messages, cpu.user / messages, cpu.system / messages,
      load.latencies().quantile(0.5) / 1e3, load.latencies().quantile(0.99) / 1e3,
      load.latencies().quantile(0.999) / 1e3);
}

}  // namespace load
