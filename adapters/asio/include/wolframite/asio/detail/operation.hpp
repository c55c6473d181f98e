/// @file
/// Asynchronous operations as the compiled part of the adapter knows them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>

#include "wolframite/bytes.hpp"
#include "wolframite/deflate.hpp"
#include "wolframite/event.hpp"
#include "wolframite/frame_header.hpp"
#include "wolframite/http_message.hpp"
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
class Operation : public wolframite::detail::ListNode {
 public:
  enum class What : std::uint8_t { next, send, send_on, send_shared, ready, flush, close, open };

  /// Frees the operation, and calls its handler with the outcome.
  void complete() { end_(*this, true); }
  /// Frees the operation, and drops its handler.
  void destroy() { end_(*this, false); }

  Cancellable* owner = nullptr;
  ConstBytes payload;
  SharedBytes shared;
  std::size_t unwritten = 0;  ///< flush: octets ahead of it, once `begun`
  std::error_code result;
  What what = What::send;
  Kind kind = Kind::binary;
  Compression compression = Compression::automatic;
  bool first = true;
  bool last = true;
  bool begun = false;
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
  [[nodiscard]] Operation* after(Operation& operation) {
    return operation.next == &list_ ? nullptr : static_cast<Operation*>(operation.next);
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
