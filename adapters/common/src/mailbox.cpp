#include "wolframite/mailbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace wolframite {

Mailbox::Mailbox() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

Mailbox::~Mailbox() { ::close(fd_); }

void Mailbox::post(std::function<void()> function) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    functions_.push_back(std::move(function));
    // The first to post wakes the owner; those after it find the alarm ringing.
    if (waiting_.exchange(true, std::memory_order_release)) return;
  }
  wake();
}

void Mailbox::wake() noexcept {
  const int saved = errno;  // a signal handler must not change it
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the descriptor is readable anyway.
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
  errno = saved;
}

void Mailbox::clear() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
}

void Mailbox::take(std::vector<std::function<void()>>& into) {
  const std::lock_guard lock(mutex_);
  waiting_.store(false, std::memory_order_relaxed);
  into.swap(functions_);
}

void Mailbox::close() {
  std::vector<std::function<void()>> dropped;  // declared first, so destroyed after the lock is
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(functions_);
}

}  // namespace wolframite
