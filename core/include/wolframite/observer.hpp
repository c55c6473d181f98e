/// @file
/// Watching a connection: every frame and event, and counters made of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "wolframite/event.hpp"
#include "wolframite/frame_header.hpp"
#include "wolframite/time.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Is told what passes through a connection, in order: derive from it for logs, metrics or a trace.
///
/// Give it to `Connection::observe`. What it is told of goes on being dealt with when it returns:
/// it must not call the connection, nor throw. Times are those last told to the connection.
class Observer {
 public:
  /// A frame's header was received and is in order; its payload may still have to come.
  virtual void frame_received([[maybe_unused]] const FrameHeader& header,
                              [[maybe_unused]] Time now) {}

  /// A frame was queued. `payload` is what will be on the wire, before masking; it lives for this
  /// call.
  virtual void frame_sent([[maybe_unused]] const FrameHeader& header,
                          [[maybe_unused]] ConstBytes payload, [[maybe_unused]] Time now) {}

  /// The connection's owner is given this event.
  virtual void happened([[maybe_unused]] const Event& event, [[maybe_unused]] Time now) {}

 protected:
  Observer() = default;
  Observer(const Observer&) = default;             ///< copies nothing: it has no state
  Observer& operator=(const Observer&) = default;  ///< copies nothing: it has no state
  ~Observer() = default;
};

/// Counts what passes through a connection. Frames refused for a violation are not in it, nor is
/// the opening handshake.
class Counters final : public Observer {
 public:
  /// One way through the connection.
  struct Direction {
    std::uint64_t octets = 0;    ///< of frames, headers included; before TLS
    std::uint64_t frames = 0;    ///< of all kinds
    std::uint64_t messages = 0;  ///< whole ones: their last frame was begun
    std::uint64_t pings = 0;     ///< frames
    std::uint64_t pongs = 0;     ///< frames
  };

  void frame_received(const FrameHeader& header, Time now) override;
  void frame_sent(const FrameHeader& header, ConstBytes payload, Time now) override;
  void happened(const Event& event, Time now) override;

  [[nodiscard]] const Direction& received() const { return received_; }  ///< what came so far
  [[nodiscard]] const Direction& sent() const { return sent_; }          ///< what was queued so far

  /// How long the newest answered ping was on its way, from queueing it to receiving its pong, or
  /// none so far. As fine as the times the connection is told. Without `Config::ping_interval` or
  /// pings of one's own there are none to measure.
  [[nodiscard]] std::optional<Time::duration> round_trip() const { return round_trip_; }

 private:
  static void count(Direction& way, const FrameHeader& header);

  Direction received_, sent_;
  std::optional<Time::duration> round_trip_;
  Time pinged_at_{};
  std::array<std::byte, FrameHeader::max_control_payload> ping_{};  // the newest one's payload
  std::uint8_t ping_size_ = 0;
  bool awaits_pong_ = false;
};

}  // namespace wolframite
#pragma GCC visibility pop
