/// @file
/// Every limit and choice of a connection.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "wolframite/deflate.hpp"
#include "wolframite/error.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Limits, timers and choices. Sizes are octets; a time of zero switches its timer off.
struct Config {
  /// Output above this is backpressure: adapters' `send` waits until less is queued.
  std::size_t write_buffer_size = 128 * 1024;
  /// With this much queued, nothing more is: `write_buffer_full`. Above `write_buffer_size`.
  std::size_t max_write_buffer_size = 16 * 1024 * 1024;
  /// Largest message accepted, its fragments together.
  std::size_t max_message_size = 64 * 1024 * 1024;
  /// Largest payload of one frame accepted.
  std::size_t max_frame_size = 16 * 1024 * 1024;
  /// Server: lets clients send unmasked frames, which RFC 6455 §5.1 forbids.
  bool accept_unmasked_frames = false;

  /// Largest head of a request or response accepted, in octets.
  std::size_t max_head_size = 64 * 1024;
  /// Most header fields accepted.
  std::size_t max_headers = 124;
  /// Client: a refusal's body is kept up to this size, and cut there.
  std::size_t max_refusal_body_size = 64 * 1024;

  /// Hands out the pieces of a message as they come instead of assembling it.
  bool deliver_chunks = false;
  /// Answers each ping by itself. If false, the application calls `pong()`.
  bool automatic_pong = true;

  /// Compression of messages (RFC 7692).
  DeflateConfig deflate{};

  /// The opening handshake must be done within this time, which includes what the application takes
  /// to answer. A server then answers with 408.
  std::chrono::milliseconds handshake_timeout{30'000};
  /// Closes with 1001 when no byte of a message was received or written for this long.
  std::chrono::milliseconds idle_timeout{0};
  /// Closes with 1008 when a message that has begun is not complete after this time.
  std::chrono::milliseconds message_timeout{0};
  /// Pings when nothing was received for this long.
  std::chrono::milliseconds ping_interval{0};
  /// Gives the peer up when nothing is received for this long after such a ping was written.
  std::chrono::milliseconds pong_timeout{20'000};
  /// Gives the peer up when output waits and no byte of it could be written for this long.
  std::chrono::milliseconds write_timeout{30'000};
  /// Once our Close was written, the connection must end within this time; until then, something of
  /// what is before it must be written within this time, again and again.
  std::chrono::milliseconds close_timeout{10'000};

  /// `invalid_config` if limits contradict each other or a time is negative.
  [[nodiscard]] Error check() const {
    const bool sizes = write_buffer_size > 0 && max_write_buffer_size > write_buffer_size &&
                       max_message_size > 0 && max_frame_size > 0 && max_head_size > 0 &&
                       max_headers > 0;
    const auto zero = std::chrono::milliseconds::zero();
    const bool times = handshake_timeout >= zero && idle_timeout >= zero &&
                       message_timeout >= zero && ping_interval >= zero && pong_timeout >= zero &&
                       write_timeout >= zero && close_timeout >= zero;
    return sizes && times && deflate.is_valid() ? Error::none : Error::invalid_config;
  }
};

/// A Config that many connections use and none copies. Made from a Config it allocates once; by
/// default it refers to the default Config and allocates nothing.
class SharedConfig {
 public:
  /// Refers to the default Config.
  SharedConfig() : config_(std::shared_ptr<const Config>(), &defaults()) {}
  /// Shares `config` from here on. Implicit on purpose: a Config may stand wherever one is asked
  /// for.
  SharedConfig(Config config) : config_(std::make_shared<const Config>(std::move(config))) {}

  const Config& operator*() const { return *config_; }        ///< lives as long as any copy
  const Config* operator->() const { return config_.get(); }  ///< lives as long as any copy

 private:
  static const Config& defaults() {
    static constinit const Config config{};
    return config;
  }
  std::shared_ptr<const Config> config_;
};

}  // namespace wolframite
#pragma GCC visibility pop
