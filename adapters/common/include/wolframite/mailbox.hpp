/// @file
/// How other threads, and signal handlers, reach a loop.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#pragma GCC visibility push(default)
namespace wolframite {

/// Functions from any thread, for one thread to run; with an eventfd(2) that is readable while it
/// should look. Whoever posts shares ownership, so that a thread may outlive the loop it reports
/// to.
class Mailbox {
 public:
  /// Throws std::system_error if the system has no descriptor to give.
  Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox();

  /// Any thread: leaves `function` for the owner to run. Dropped once the owner has closed the box.
  void post(std::function<void()> function);

  /// Any thread, and signal handlers: makes the eventfd readable.
  void wake() noexcept;

  /// Owner: the eventfd.
  [[nodiscard]] int fd() const { return fd_; }
  /// Owner: makes the eventfd unreadable. Call it before `take`.
  void clear() noexcept;
  /// Owner: whether anything waits.
  [[nodiscard]] bool empty() const { return !waiting_.load(std::memory_order_acquire); }
  /// Owner: moves what waits to `into`, which is empty.
  void take(std::vector<std::function<void()>>& into);
  /// Owner: drops what waits and all that comes later.
  void close();

 private:
  int fd_;
  std::atomic<bool> waiting_ = false;
  std::mutex mutex_;
  std::vector<std::function<void()>> functions_;
  bool closed_ = false;
};

}  // namespace wolframite
#pragma GCC visibility pop
