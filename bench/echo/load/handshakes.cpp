// Connections that are opened, closed and opened again: TCP (and TLS), upgrade, closing handshake,
// and the end of the stream, which the server has to make first (RFC 6455 §7.1.1).
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "modes.hpp"
#include "opening.hpp"
#include "poller.hpp"
#include "usage.hpp"

namespace load {
namespace {

// Code 1000, masked with 01020304.
constexpr std::string_view close_frame = "\x88\x82\x01\x02\x03\x04\x02\xEA";

struct Attempt {
  explicit Attempt(const Target& target) : transport(target.connect()), unsent(target.request()) {}

  Transport transport;
  std::string_view unsent;
  std::string received{};
  bool open = false;
};

class Handshakes {
 public:
  Handshakes(const Target& target, std::size_t at_a_time) : target_(target), attempts_(at_a_time) {
    for (std::size_t i = 0; i < at_a_time; ++i) begin(i);
  }

  void turn() {
    poller_.wait([this](std::size_t key) { go_on(key); });
  }

  [[nodiscard]] std::uint64_t done() const { return done_; }

 private:
  void begin(std::size_t key) {
    attempts_[key] = std::make_unique<Attempt>(target_);
    poller_.add(attempts_[key]->transport.fd(), key, EPOLLIN);
    write(*attempts_[key]);
  }

  void go_on(std::size_t key) {
    Attempt& attempt = *attempts_[key];
    write(attempt);
    std::array<char, 4096> room;
    while (const auto size = attempt.transport.read(room)) {
      if (*size == 0) {
        if (!attempt.open || !attempt.received.starts_with('\x88'))
          fail("the server ends a connection without a Close");
        ++done_;
        return begin(key);
      }
      attempt.received.append(room.data(), *size);
      if (!attempt.open && target_.accepts(attempt.received)) {
        attempt.open = true;
        attempt.received.clear();
        attempt.unsent = close_frame;
        write(attempt);
      }
    }
  }

  static void write(Attempt& attempt) {
    while (!attempt.unsent.empty()) {
      const iovec part{const_cast<char*>(attempt.unsent.data()), attempt.unsent.size()};
      const auto size = attempt.transport.write({&part, 1});
      if (!size) return;
      attempt.unsent.remove_prefix(*size);
    }
  }

  const Target& target_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  Poller poller_;
  std::uint64_t done_ = 0;
};

}  // namespace

void measure_handshakes(const Options& options) {
  const Target target(options);
  Handshakes load(target, options.connections);
  while (load.done() < 2 * options.connections) load.turn();

  const std::uint64_t done_before = load.done();
  const CpuTime cpu_before = CpuTime::of(options.pid);
  const auto started = Clock::now();
  const auto end = started + duration_of(options.seconds);
  while (Clock::now() < end) load.turn();
  const double wall = std::chrono::duration<double>(Clock::now() - started).count();
  const CpuSpent cpu(cpu_before, CpuTime::of(options.pid));
  const auto done = static_cast<double>(load.done() - done_before);
  if (done == 0) fail("no handshake was done in the time given");
  std::printf(R"({"mode":"handshakes","connections":%zu,"handshakes":%.0f,"seconds":%.4f,)"
              R"("per_second":%.1f,"cpu_ns":%.1f,"user_ns":%.1f,"system_ns":%.1f})"
              "\n",
              options.connections, done, wall, done / wall, cpu.total / done, cpu.user / done,
              cpu.system / done);
}

}  // namespace load
