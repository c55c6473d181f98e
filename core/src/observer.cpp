#include "wolframite/observer.hpp"

#include <algorithm>
#include <variant>

namespace wolframite {

void Counters::count(Direction& way, const FrameHeader& header) {
  way.octets += header.size() + header.length;
  ++way.frames;
  if (header.opcode == OpCode::ping) ++way.pings;
  if (header.opcode == OpCode::pong) ++way.pongs;
  if (header.fin && !is_control(header.opcode)) ++way.messages;
}

void Counters::frame_received(const FrameHeader& header, Time) { count(received_, header); }

void Counters::frame_sent(const FrameHeader& header, ConstBytes payload, Time now) {
  count(sent_, header);
  if (header.opcode != OpCode::ping) return;
  std::copy(payload.begin(), payload.end(), ping_.begin());
  ping_size_ = static_cast<std::uint8_t>(payload.size());
  pinged_at_ = now;
  awaits_pong_ = true;
}

// A pong answers the newest ping it has the payload of (RFC 6455 §5.5.3).
void Counters::happened(const Event& event, Time now) {
  const auto* const pong = std::get_if<Ponged>(&event);
  if (pong == nullptr || !awaits_pong_) return;
  if (!std::equal(pong->data.begin(), pong->data.end(), ping_.begin(), ping_.begin() + ping_size_))
    return;
  round_trip_ = now - pinged_at_;
  awaits_pong_ = false;
}

}  // namespace wolframite
