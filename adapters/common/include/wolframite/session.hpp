/// @file
/// A connection as the adapters see it: the bytes of the socket on one side, events on the other.
#pragma once

#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "wolframite/connection.hpp"

namespace wolframite {

/// A Connection, and what lies between it and the socket. Adapters exchange bytes with a Session
/// only, so none of them can tell whether those are encrypted; commands go to `connection()`, and
/// the output they cause comes out here. Each function means what the Connection's of that name
/// does.
class Session {
 public:
  explicit Session(Connection connection) : connection_(std::move(connection)) {}

  [[nodiscard]] std::optional<Event> receive(Bytes& in) { return connection_.receive(in); }
  [[nodiscard]] std::optional<Event> receive_eof(std::error_code why = {}) {
    return connection_.receive_eof(why);
  }
  [[nodiscard]] std::optional<Event> advance(Time now) { return connection_.advance(now); }

  [[nodiscard]] std::size_t output(std::span<ConstBytes> gather) const {
    return connection_.output(gather);
  }
  void consume(std::size_t size) { connection_.consume(size); }
  [[nodiscard]] std::optional<Time> deadline() const { return connection_.deadline(); }
  [[nodiscard]] bool wants_read() const { return connection_.wants_read(); }
  [[nodiscard]] bool wants_write() const { return connection_.wants_write(); }
  [[nodiscard]] bool wants_shutdown() const { return connection_.wants_shutdown(); }
  [[nodiscard]] bool is_terminated() const { return connection_.is_terminated(); }
  [[nodiscard]] std::size_t pending_output() const { return connection_.pending_output(); }

  [[nodiscard]] Connection& connection() { return connection_; }
  [[nodiscard]] const Connection& connection() const { return connection_; }

 private:
  Connection connection_;
};

}  // namespace wolframite
