// Asking the application what to answer to a request.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "wolframite/options.hpp"
#include "wolframite/stream_core.hpp"
#include "wolframite/task.hpp"

namespace wolframite {

/// Waits for `AcceptOptions::on_request_async`, or for the end of the stream if that comes first:
/// then the application's task is cancelled, and there is no answer. So `Config::handshake_timeout`
/// holds, and a peer that goes away is noticed, however long the application thinks.
class [[nodiscard]] Asking : public InputAwaiter {
 public:
  /// Waits on `core`, whose request `task` was given.
  Asking(StreamCore& core, Task<Answer> task) : InputAwaiter(core), task_(std::move(task)) {}
  ~Asking() {
    if (running_) running_.destroy();
  }

  [[nodiscard]] static bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    InputAwaiter::await_suspend(frame);
    running_ = run(*this).release();
    running_.promise().resume_after(std::noop_coroutine());
    running_.resume();
  }
  /// The answer, or none if the stream has ended. Throws what the application has thrown.
  [[nodiscard]] std::optional<Answer> await_resume() {
    static_cast<void>(resumed());
    if (thrown_) std::rethrow_exception(thrown_);
    return std::move(answer_);
  }

 private:
  static Task<void> run(Asking& self) {
    try {
      self.answer_ = co_await std::move(self.task_);
    } catch (...) {
      self.thrown_ = std::current_exception();
    }
    self.core().wake_at_end_of_turn();
  }

  Task<Answer> task_;
  std::coroutine_handle<Task<void>::promise_type> running_;
  std::optional<Answer> answer_;
  std::exception_ptr thrown_;
};

}  // namespace wolframite
