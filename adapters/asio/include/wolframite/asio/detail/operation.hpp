/// @file
/// Asynchronous operations as the compiled part of the adapter knows them.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "wolframite/event.hpp"
#include "wolframite/http_message.hpp"
#include "wolframite/stream_rules.hpp"
#include "wolframite/waiter.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio::detail {

class Engine;
class Operation;

/// Who an operation can be taken back from.
class Cancellable {
 public:
  /// Has it complete with `operation_aborted`, unless it is done.
  virtual void cancel(Operation& operation) = 0;

 protected:
  ~Cancellable() = default;
};

/// An operation that was initiated and whose handler was not called yet. Made by an initiating
/// function, then owned by an engine, and ended by exactly one of `complete` and `destroy`.
class Operation : public PendingCommand<wolframite::detail::ListNode> {
 public:
  /// Asks the engine for what it is to do.
  void begin(Engine& engine) { run_(*this, Step::begin, &engine); }
  /// Frees the operation, and calls its handler with the outcome.
  void complete() { run_(*this, Step::complete, nullptr); }
  /// Frees the operation, and drops its handler.
  void destroy() { run_(*this, Step::destroy, nullptr); }

  Cancellable* owner = nullptr;  ///< null until it was begun, unless it waits on a stream
  bool cancelled = false;        ///< cancelled before it was begun
  bool done = false;             ///< `result` is final: it waits for its handler to be called

 protected:
  enum class Step : std::uint8_t { begin, complete, destroy };
  using Run = void (*)(Operation& operation, Step step, Engine* engine);
  explicit Operation(Run run) : run_(run) {}
  ~Operation() = default;

 private:
  Run run_;
};

/// An operation that gives a message.
class NextOperation : public Operation {
 public:
  Message message{Kind::binary, {}};

 protected:
  using Operation::Operation;
};

/// An operation that gives a stream.
class OpenOperation : public Operation {
 public:
  std::optional<Response> response;  ///< client: the server's answer

 protected:
  using Operation::Operation;
};

/// Operations in the order in which they came.
class Operations {
 public:
  [[nodiscard]] bool empty() const { return !list_.is_linked(); }
  [[nodiscard]] Operation* front() {
    return empty() ? nullptr : static_cast<Operation*>(list_.next);
  }
  void push_back(Operation& operation) noexcept { operation.insert_before(list_); }
  void push_front(Operation& operation) noexcept { operation.insert_before(*list_.next); }
  Operation* pop_front() {
    Operation* const operation = front();
    if (operation != nullptr) operation->unlink();
    return operation;
  }

 private:
  wolframite::detail::ListNode list_;
};

/// Operations on their way from any thread to the executor of their stream.
class Arrivals {
 public:
  /// On the executor: false if an operation arrived that it knows of.
  [[nodiscard]] bool empty() const { return last_.load(std::memory_order_relaxed) == nullptr; }

  /// From any thread. The operation is in no list.
  void push(Operation& operation) noexcept {
    Operation* before = last_.load(std::memory_order_relaxed);
    do {
      operation.prev = before;
    } while (!last_.compare_exchange_weak(before, &operation, std::memory_order_release,
                                          std::memory_order_relaxed));
  }

  /// Appends all that have arrived, in their order.
  void take(Operations& into) noexcept {
    Operations arrived;
    Operation* each = last_.exchange(nullptr, std::memory_order_acquire);
    while (each != nullptr) {
      Operation& operation = *each;
      each = static_cast<Operation*>(operation.prev);
      operation.prev = &operation;  // in no list, as it came
      arrived.push_front(operation);
    }
    while (Operation* const operation = arrived.pop_front()) into.push_back(*operation);
  }

 private:
  std::atomic<Operation*> last_ = nullptr;  // the others follow by `prev`
};

}  // namespace wolframite::asio::detail
#pragma GCC visibility pop
