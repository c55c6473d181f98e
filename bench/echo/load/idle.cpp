// What connections cost the server's memory that have echoed one message each, and wait.
#include <cstdio>
#include <thread>

#include "failure.hpp"
#include "frames.hpp"
#include "modes.hpp"
#include "opening.hpp"
#include "usage.hpp"

namespace load {
namespace {

void echo_once(Transport& transport, const Frames& frames) {
  write_all(transport, frames.sent.substr(0, frames.sent_size()));
  if (read_exactly(transport, frames.reply_size()) !=
      frames.replies.substr(0, frames.reply_size())) {
    fail("what came back is not what was sent");
  }
}

}  // namespace

void measure_idle(const Options& options) {
  const Target target(options);
  const Frames frames = make_frames(options.size);
  // The first ones pay for what the server has once.
  constexpr std::size_t unmeasured = 16;
  std::vector<Transport> first = target.open(unmeasured);
  for (Transport& transport : first) echo_once(transport, frames);
  const Memory before = Memory::of(options.pid);
  std::vector<Transport> measured = target.open(options.connections);
  for (Transport& transport : measured) echo_once(transport, frames);
  // Some servers give memory back when they have nothing to do.
  std::this_thread::sleep_for(duration_of(options.seconds));
  const Memory after = Memory::of(options.pid);
  const auto connections = static_cast<double>(options.connections);
  std::printf(
      R"({"mode":"idle","connections":%zu,"resident_octets":%.0f,"proportional_octets":%.0f})"
      "\n",
      options.connections, (after.resident - before.resident) / connections,
      (after.proportional - before.proportional) / connections);
}

}  // namespace load
