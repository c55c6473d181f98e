/// @file
/// Accepting sockets, without what an accept loop gets wrong.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "wolframite/asio/detail/accepting.hpp"
#include "wolframite/asio/detail/net.hpp"
#include "wolframite/asio/stream.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio {
namespace detail {

struct SocketInitiation {
  using executor_type = net::any_io_executor;
  [[nodiscard]] executor_type get_executor() const noexcept { return accepting->executor(); }

  template <class Handler>
  void operator()(Handler&& handler, net::any_io_executor peer) const {
    initiate_on<SocketOperation>(
        accepting->executor(), std::forward<Handler>(handler),
        [accepting = accepting](Owned<SocketOperation> operation) {
          accepting->accept(std::move(operation));
        },
        std::move(peer));
  }

  std::shared_ptr<Accepting> accepting;
};

}  // namespace detail

/// Accepts TCP connections, for a loop that goes on whatever single connections and shortages do:
///
///     for (;;) {
///       auto socket = co_await acceptor.async_accept(asio::use_awaitable);  // throws if it is
///       over asio::co_spawn(acceptor.get_executor(), serve(std::move(socket)), asio::detached);
///     }
///
/// Destroying it is closing it. `async_accept` may be called from any thread, all else on the
/// acceptor's executor, or while nothing runs that.
class Acceptor {
 public:
  using executor_type = net::any_io_executor;  ///< the acceptor's

  /// Listens on `endpoint`, with SO_REUSEADDR and the longest backlog. Port 0 picks a free
  /// one. Throws `system_error`.
  Acceptor(executor_type executor, const net::ip::tcp::endpoint& endpoint)
      : Acceptor(net::ip::tcp::acceptor(std::move(executor), endpoint)) {}
  /// Takes over an acceptor that listens. Throws `system_error` if it cannot be made non-blocking.
  explicit Acceptor(net::ip::tcp::acceptor acceptor)
      : accepting_(detail::Accepting::make(std::move(acceptor))) {}
  Acceptor(Acceptor&&) noexcept = default;  ///< leaves one behind that may be destroyed
  /// Closes the one that was here.
  Acceptor& operator=(Acceptor&& other) noexcept {
    if (this != &other) {
      if (accepting_) accepting_->close();
      accepting_ = std::move(other.accepting_);
    }
    return *this;
  }
  ~Acceptor() {
    if (accepting_) accepting_->close();
  }

  /// Waits for a connection, and gives its socket, with TCP_NODELAY: `void(error_code,
  /// asio::ip::tcp::socket)`. Errors of a single connection are passed over. Where descriptors or
  /// memory are wanting it waits, 20 ms at a time, until they are there. Any other error comes out,
  /// and will again: nothing more can be accepted. Any number may wait. Cancellation, of any type,
  /// loses no connection.
  template <CompletionToken T>
  auto async_accept(T&& token) {
    return async_accept(get_executor(), std::forward<T>(token));
  }
  /// The same for a socket with an executor of its own, such as a strand.
  template <CompletionToken T>
  auto async_accept(executor_type of_socket, T&& token) {
    return net::async_initiate<T, void(error_code, net::ip::tcp::socket)>(
        detail::SocketInitiation{accepting_}, token, std::move(of_socket));
  }

  /// Takes back everything that waits here; it completes with `operation_aborted`.
  void cancel() { accepting_->cancel_all(); }
  /// The same, and listens no more. Connections that were not accepted are reset.
  void close() { accepting_->close(); }

  /// The executor on which all of it happens.
  [[nodiscard]] executor_type get_executor() const { return accepting_->executor(); }
  /// The acceptor below, for questions and options.
  [[nodiscard]] net::ip::tcp::acceptor& next_layer() { return accepting_->acceptor(); }
  /// Where it listens, with the port that was picked. Throws `system_error`.
  [[nodiscard]] net::ip::tcp::endpoint local_endpoint() const {
    return accepting_->acceptor().local_endpoint();
  }
  /// How often accepting had to be put off, for want of descriptors or memory as a rule.
  [[nodiscard]] std::uint64_t shortages() const { return accepting_->shortages(); }

 private:
  std::shared_ptr<detail::Accepting> accepting_;
};

}  // namespace wolframite::asio
#pragma GCC visibility pop
