/// @file
/// Asynchronous operations as the compiled part of the adapter knows them.
#pragma once

#include <optional>

#include "wolframite/event.hpp"
#include "wolframite/http_message.hpp"
#include "wolframite/stream_rules.hpp"
#include "wolframite/waiter.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio::detail {

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
  /// Frees the operation, and calls its handler with the outcome.
  void complete() { end_(*this, true); }
  /// Frees the operation, and drops its handler.
  void destroy() { end_(*this, false); }

  Cancellable* owner = nullptr;
  bool done = false;  ///< `result` is final: it waits for its handler to be called

 protected:
  using End = void (*)(Operation& operation, bool call);
  explicit Operation(End end) : end_(end) {}
  ~Operation() = default;

 private:
  End end_;
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
  void push_back(Operation& operation) { operation.insert_before(list_); }
  Operation* pop_front() {
    Operation* const operation = front();
    if (operation != nullptr) operation->unlink();
    return operation;
  }

 private:
  wolframite::detail::ListNode list_;
};

}  // namespace wolframite::asio::detail
#pragma GCC visibility pop
