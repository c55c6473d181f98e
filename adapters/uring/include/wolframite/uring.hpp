/// @file
/// WebSockets over io_uring(7).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>

#include "wolframite/handshake.hpp"
#include "wolframite/listener.hpp"
#include "wolframite/loop.hpp"
#include "wolframite/result.hpp"
#include "wolframite/socket.hpp"
#include "wolframite/task.hpp"
#include "wolframite/websocket_stream.hpp"

#pragma GCC visibility push(default)
/// WebSockets over io_uring(7): a loop, and the names one uses with it.
namespace wolframite::uring {

class [[gnu::visibility("hidden")]] Engine;
class [[gnu::visibility("hidden")]] Stream;
class [[gnu::visibility("hidden")]] Acceptor;

/// How a loop uses io_uring.
struct LoopOptions {
  unsigned submissions = 512;   ///< requests handed over in one system call; more take further ones
  unsigned completions = 4096;  ///< results that are kept in shared memory; the kernel keeps more
  /// Bytes of a receive buffer, 80 of them ours: 1 KiB to 16 MiB. What nobody reads takes a buffer
  /// only where it fills a quarter of one at least.
  std::size_t buffer_size = BufferPool::buffer_size;
  /// Receive buffers the kernel has in hand at first, and as few as four while each brings a lot.
  unsigned buffers = 32;
  unsigned max_buffers = 512;  ///< and at most, where more streams than that receive at a time
  /// Waits for readiness and then makes plain calls, as is done anyway where the kernel lacks what
  /// the better way needs (before Linux 6.1).
  bool plain = false;
};

/// A loop over one io_uring. What its streams begin in a turn is handed to the kernel in the system
/// call that waits for the next one.
///
/// It must be destroyed by the thread that ran it, or after that thread has ended.
class Loop : public wolframite::Loop {
 public:
  /// Throws std::system_error if there is no io_uring to be had, or not one with what is needed at
  /// least (Linux 5.11). Its text says what is missing; `epoll::Loop` does not need it. With
  /// `errc::invalid_argument` for a `buffer_size` that cannot be used; the other numbers are taken
  /// as the next that can.
  explicit Loop(const LoopOptions& options = {});
  /// Destroys all tasks, and closes what lingers. No stream may be left that a task does not own.
  ~Loop() override;

  [[nodiscard]] int fd() const override;

  [[nodiscard]] Result<StreamCore*> adopt(Socket socket, Connection connection) override;
  [[nodiscard]] Result<std::unique_ptr<Listener>> listen(Socket socket, Endpoint local) override;
  [[nodiscard]] std::error_code begin_connect(ConnectAttempt& attempt) override;
  void abort_connect(ConnectAttempt& attempt) noexcept override;

  /// Whether it makes plain calls: see LoopOptions::plain.
  [[nodiscard]] bool is_plain() const;
  /// How many requests the kernel works on, or will.
  [[nodiscard]] std::size_t requests() const;
  /// How many receive buffers the kernel has in hand.
  [[nodiscard]] std::size_t posted_buffers() const;
  /// How often the kernel found no buffer to receive into.
  [[nodiscard]] std::uint64_t buffer_shortages() const;

 private:
  friend class Stream;
  friend class Acceptor;

  void wait(std::optional<Time> until) override;
  void submit() override;
  void quiesce() noexcept override;
  void dispatch(std::uint64_t key, int result, unsigned flags) noexcept;
  void watch_mailbox();
  void begin_sends() noexcept;
  void feed_starved();

  std::unique_ptr<Engine> engine_;
};

using wolframite::accept;
using wolframite::client;
using wolframite::Client;
using wolframite::connect;
using wolframite::connect_socket;
using wolframite::Listener;
using wolframite::ListenOptions;
using wolframite::Operation;
using wolframite::WebSocketStream;

}  // namespace wolframite::uring
#pragma GCC visibility pop
