// The set of connections that are waited for.
#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstddef>

#include "failure.hpp"

namespace load {

class Poller {
 public:
  Poller() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (fd_ < 0) fail_errno("epoll_create1");
  }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller() { ::close(fd_); }

  void add(int fd, std::size_t key, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = key;
    if (::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) fail_errno("epoll_ctl");
  }

  /// Calls `handle(key)` for each that is ready. Ends the program if none is for long.
  template <class Handle>
  void wait(Handle handle) {
    constexpr int patience = 20'000;  // milliseconds
    std::array<epoll_event, 512> events;
    const int count = ::epoll_wait(fd_, events.data(), static_cast<int>(events.size()), patience);
    if (count == 0) fail("the server has stopped answering");
    for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)].data.u64);
  }

 private:
  int fd_;
};

}  // namespace load
