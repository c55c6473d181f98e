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
  ~Stream() override { leave_lists(); }

  /// Takes note of what epoll reports, and reads if somebody waits for it.
  void on_events(std::uint32_t events);

  /// Reads as long as there may be something and somebody waits for it; or goes on with that in the
  /// next turn.
  void read();

  /// Makes up for what an exception has left undone: the loop looks after the stream again.
  void recover() noexcept;

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
  void leave_lists() noexcept;

  [[nodiscard]] Loop& epoll_loop() const { return static_cast<Loop&>(loop_); }
};

}  // namespace wolframite::epoll
