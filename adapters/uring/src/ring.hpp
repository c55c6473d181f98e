#pragma once

#include <liburing.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <thread>

#include "wolframite/uring.hpp"

namespace wolframite::uring {

/// The two queues shared with the kernel.
class Ring {
 public:
  /// Throws std::system_error, which names what is missing.
  explicit Ring(const LoopOptions& options);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  [[nodiscard]] io_uring& handle() { return ring_; }
  [[nodiscard]] int fd() const { return ring_.ring_fd; }
  /// Whether requests run only within our own system calls, and go on by themselves if they are
  /// asked to.
  [[nodiscard]] bool is_plain() const { return plain_; }
  void make_plain() { plain_ = true; }

  /// A request to be filled in, until the next call of anything here. Requests are handed over in
  /// the order of these calls.
  [[nodiscard]] io_uring_sqe& request();

  /// Hands over all requests. What the kernel does not take now goes with the next call.
  void submit() noexcept;
  /// Hands over all requests and waits for a result, at most until `until`. Throws
  /// std::system_error.
  void wait(std::optional<Time> until);
  /// The same without end, and without errors: false if no result will ever come.
  [[nodiscard]] bool wait_for_results() noexcept;
  [[nodiscard]] bool is_submitted() const {
    return backlog_.empty() && io_uring_sq_ready(&ring_) == 0;
  }
  /// Whether this thread may hand over requests: it was the first to do so, or would be.
  [[nodiscard]] bool is_ours() const { return !enabled_ || owner_ == std::this_thread::get_id(); }

  /// Gives `handle(key, result, flags)` each result that is there now, and `soon(key)` a result
  /// before its turn.
  template <class Handle, class Soon>
  void drain(Handle handle, Soon soon) {
    for (unsigned left = io_uring_cq_ready(&ring_); left > 0; --left) {
      if (left > 2) soon(key_ahead(2));
      io_uring_cqe* entry = nullptr;
      if (io_uring_peek_cqe(&ring_, &entry) != 0) return;
      const std::uint64_t key = entry->user_data;
      const int result = entry->res;
      const unsigned flags = entry->flags;
      io_uring_cqe_seen(&ring_, entry);
      handle(key, result, flags);
    }
  }

 private:
  void set_up(const LoopOptions& options);
  void probe();
  [[nodiscard]] std::uint64_t key_ahead(unsigned places) const {
    return ring_.cq.cqes[(*ring_.cq.khead + places) & ring_.cq.ring_mask].user_data;
  }
  [[nodiscard]] int enable() noexcept;
  void move_backlog() noexcept;

  io_uring ring_{};
  std::deque<io_uring_sqe> backlog_;  // requests that had no place in the queue
  bool plain_ = false;
  bool enabled_ = false;
  std::thread::id owner_;
};

}  // namespace wolframite::uring
