/// @file
/// The compiled part of accepting sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "wolframite/asio/detail/initiate.hpp"
#include "wolframite/asio/detail/net.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio::detail {

/// Gives a socket on an executor of its own.
class SocketOperation : public Operation {
 public:
  struct Outcome {
    error_code error;
    std::optional<net::ip::tcp::socket> socket;
    net::any_io_executor peer;
    template <class Handler>
    void give(Handler&& handler) {
      if (!socket) socket.emplace(peer);
      std::forward<Handler>(handler)(error, std::move(*socket));
    }
  };
  [[nodiscard]] Outcome outcome() { return {as_given(result), std::move(socket), peer}; }

  std::optional<net::ip::tcp::socket> socket;
  const net::any_io_executor peer;

 protected:
  SocketOperation(Run run, net::any_io_executor executor)
      : Operation(run), peer(std::move(executor)) {}
};

/// What an error of accept(2) means for those who wait.
enum class AcceptFailure : std::uint8_t {
  none_there,  ///< wait for a connection
  connection,  ///< this connection has failed already, the next one may not have
  shortage,    ///< wait until there are descriptors or memory
  acceptor,    ///< nothing will ever be accepted
};
[[nodiscard]] AcceptFailure classify_accept(const error_code& error);

/// Waits for connections, and accepts without blocking. So nothing is in flight that could be lost
/// with the operations that wait for it.
class Accepting final : public Cancellable, public std::enable_shared_from_this<Accepting> {
 public:
  [[nodiscard]] static std::shared_ptr<Accepting> make(net::ip::tcp::acceptor acceptor) {
    return std::make_shared<Accepting>(std::move(acceptor));
  }
  explicit Accepting(net::ip::tcp::acceptor acceptor);
  Accepting(const Accepting&) = delete;
  Accepting& operator=(const Accepting&) = delete;
  ~Accepting() { drop_waiting(); }

  void accept(Owned<SocketOperation> operation);
  void cancel(Operation& operation) override;
  void cancel_all();
  void close() noexcept;

  [[nodiscard]] const net::any_io_executor& executor() const { return executor_; }
  [[nodiscard]] net::ip::tcp::acceptor& acceptor() { return acceptor_; }
  [[nodiscard]] std::uint64_t shortages() const { return shortages_; }

 private:
  static constexpr std::chrono::milliseconds back_off{20};  // the wait for a shortage to pass
  static constexpr int failures_in_a_row = 16;  // of single connections, before it backs off
  class Wake;

  void schedule();
  void serve(error_code error);
  [[nodiscard]] error_code try_accept(SocketOperation& operation);
  [[nodiscard]] AcceptFailure judge(const error_code& error);
  void finish_later(Operation& operation, std::error_code result);
  void call_off() noexcept;
  void drop_waiting() noexcept;

  net::any_io_executor executor_;
  net::ip::tcp::acceptor acceptor_;
  net::steady_timer timer_;
  Operations waiting_;
  std::uint64_t shortages_ = 0;
  int failures_ = 0;          // of single connections, one after the other
  bool scheduled_ = false;    // `serve` will be called
  bool ready_ = false;        // there may be more connections
  bool backing_off_ = false;  // by the timer
  bool closed_ = false;       // by `close`
  bool called_off_ = false;   // what `serve` was scheduled by, for nobody waited any more
};

}  // namespace wolframite::asio::detail
#pragma GCC visibility pop
