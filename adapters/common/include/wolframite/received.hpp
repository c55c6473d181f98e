/// @file
/// What a stream has received: a message, or why there is none.
#pragma once

#include <optional>
#include <system_error>
#include <utility>

#include "wolframite/event.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// What `co_await stream.next()` gives: a message as `std::optional` would hold it, or the end.
///
/// It must have a name before it is asked whether there is a message: `while (auto message =
/// co_await stream.next())`. g++ 12 drops what follows a condition with `co_await` in it from a
/// coroutine that has no variables, and says nothing.
class [[nodiscard]] Received {
 public:
  Received() = default;  ///< the end, in order
  /// The end, or what was wrong with the call. Implicit on purpose, as the next.
  Received(std::error_code error) : category_(&error.category()), value_(error.value()) {}
  /// A message.
  Received(const Message& message) : message_(message) {}

  /// Whether there is a message.
  [[nodiscard]] bool has_value() const { return message_.has_value(); }
  /// The same, of one that has a name.
  [[nodiscard]] explicit operator bool() const& { return has_value(); }
  explicit operator bool() const&& = delete;

  /// Why there is no message: `already_reading` if another coroutine waits in `next`,
  /// `errc::operation_canceled` if the stream's handle is gone, otherwise `closed()->why`. None
  /// with a message, and after an end that was in order.
  [[nodiscard]] std::error_code error() const {
    return category_ != nullptr ? std::error_code(value_, *category_) : std::error_code();
  }

  /// @name The message
  /// Precondition: there is one. Its bytes live until the next `next`.
  /// @{

  [[nodiscard]] Message& operator*() & { return *message_; }              ///< the message
  [[nodiscard]] const Message& operator*() const& { return *message_; }   ///< the message
  [[nodiscard]] Message operator*() && { return *message_; }              ///< the message, by value
  [[nodiscard]] Message* operator->() { return &*message_; }              ///< the message
  [[nodiscard]] const Message* operator->() const { return &*message_; }  ///< the message
  /// @}
  /// The message. Throws std::bad_optional_access if there is none.
  [[nodiscard]] const Message& value() const& { return message_.value(); }
  /// The same of a temporary.
  [[nodiscard]] Message value() && { return message_.value(); }

  /// Whether there is no message.
  [[nodiscard]] bool operator==(std::nullopt_t) const { return !has_value(); }

 private:
  std::optional<Message> message_;
  const std::error_category* category_ = nullptr;  // of the error; null with a message
  int value_ = 0;
};

}  // namespace wolframite
#pragma GCC visibility pop
