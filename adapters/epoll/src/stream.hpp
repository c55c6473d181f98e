#pragma once

#include <sys/types.h>

#include <cstdint>
#include <utility>

#include "wolframite/epoll.hpp"

namespace wolframite::epoll {

/// A stream's system calls.
class Stream final : public StreamCore {
 public:
  Stream(Loop& loop, Socket socket, Connection connection)
      : StreamCore(loop, std::move(socket), std::move(connection)) {}

  /// Takes note of what epoll reports, and reads if somebody waits for it.
  void on_events(std::uint32_t events);

  /// Reads as long as there may be something and somebody waits for it; or goes on with that in the
  /// next turn.
  void read();

 private:
  friend class Loop;

  void read_once();
  void want_input() override;
  InputLease& lend() override;
  void write_output() override;
  void write_segments();
  void written(ssize_t size, std::size_t offered);
  void shut_down() override;
  void close_socket() noexcept override;

  [[nodiscard]] Loop& epoll_loop() const { return static_cast<Loop&>(loop_); }
};

}  // namespace wolframite::epoll
