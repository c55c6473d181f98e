// What can be measured. Each opens its own connections, measures, and prints a line of JSON.
#pragma once

#include <chrono>
#include <cstdint>

#include "options.hpp"

namespace load {

using Clock = std::chrono::steady_clock;

[[nodiscard]] inline std::uint64_t nanoseconds_now() {
  return static_cast<std::uint64_t>(Clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}
[[nodiscard]] inline Clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

void measure_echo(const Options& options);
void measure_handshakes(const Options& options);
void measure_idle(const Options& options);
void measure_broadcast(const Options& options);

}  // namespace load
