/// @file
/// A coroutine that runs when it is awaited.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#pragma GCC visibility push(default)
namespace wolframite {

class Loop;
template <class T>
class Task;

namespace detail {

/// Tells a loop that a task it had spawned has ended. The frame is destroyed when this returns.
void task_finished(Loop& loop, std::uint32_t slot, std::exception_ptr why) noexcept;

/// The part of a promise that does not depend on the result. Small: every suspended coroutine holds
/// one.
class TaskPromiseBase {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  /// Makes `frame` run on when this task has ended.
  void resume_after(std::coroutine_handle<> frame) noexcept { continuation_ = frame.address(); }

  /// Makes this task one of `loop`, which is told of its end.
  void belong_to(Loop& loop, std::uint32_t slot) noexcept {
    continuation_ = &loop;
    slot_ = slot;
    is_root_ = true;
  }

 protected:
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      TaskPromiseBase& promise = ended.promise();
      if (promise.is_root_) {
        task_finished(*static_cast<Loop*>(promise.continuation_), promise.slot_,
                      std::move(promise.exception_));
        return std::noop_coroutine();
      }
      return std::coroutine_handle<>::from_address(promise.continuation_);
    }
    void await_resume() const noexcept {}
  };

  void rethrow() {
    if (exception_) std::rethrow_exception(std::move(exception_));
  }

 private:
  void* continuation_ = nullptr;  // the frame to resume, or of a root task its loop
  std::uint32_t slot_ = 0;
  bool is_root_ = false;
  std::exception_ptr exception_;
};

template <class T>
class TaskPromise final : public TaskPromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  FinalAwaiter final_suspend() const noexcept { return {}; }
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> final : public TaskPromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void take() { rethrow(); }
};

}  // namespace detail

/// A coroutine that starts when it is awaited, or spawned on a loop, and gives one result.
///
/// Destroying a Task destroys the coroutine wherever it is suspended, and what it awaits with it:
/// that is cancellation. An exception that leaves the coroutine comes out of the `co_await`.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;  ///< what the language looks for

  /// Takes over the coroutine; `other` has none then.
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  /// Cancels the coroutine of this, and takes over that of `other`.
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (frame_) frame_.destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }

  /// Starts the coroutine and gives its result. Once only.
  auto operator co_await() && noexcept {
    struct Awaiter {
      std::coroutine_handle<promise_type> frame;
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
        frame.promise().resume_after(awaiting);
        return frame;
      }
      T await_resume() const { return frame.promise().take(); }
    };
    return Awaiter{frame_};
  }

  /// Gives up the frame, to whoever will destroy it.
  [[nodiscard]] std::coroutine_handle<promise_type> release() noexcept {
    return std::exchange(frame_, nullptr);
  }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

}  // namespace detail
}  // namespace wolframite
#pragma GCC visibility pop
