/// @file
/// Accepting sockets.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "wolframite/loop.hpp"
#include "wolframite/result.hpp"
#include "wolframite/socket.hpp"
#include "wolframite/waiter.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// How to listen.
struct ListenOptions {
  bool reuse_port = false;    ///< several loops may listen on one port (SO_REUSEPORT)
  int backlog = 4096;         ///< connections that wait to be accepted
  bool disable_nagle = true;  ///< TCP_NODELAY on what is accepted
};

/// Accepts sockets on a loop, which outlives it.
class Listener : protected Timer {
 public:
  /// Listens on an address, or a Unix path. Port 0 picks a free one. Errors are the system's.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> bind(Loop& loop, const Endpoint& endpoint,
                                                              ListenOptions options = {});
  /// Listens on a host in figures (`127.0.0.1`, `::1`, `0.0.0.0`, `::`) or `localhost`, which means
  /// `127.0.0.1`. `errc::invalid_argument` for other names.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> bind(Loop& loop, std::string_view host,
                                                              std::uint16_t port,
                                                              ListenOptions options = {});
  /// Listens on a Unix path, which must not exist; it is removed at the end.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> bind_unix(Loop& loop,
                                                                   std::string_view path,
                                                                   ListenOptions options = {});
  /// Ends a wait in `accept` with `errc::operation_canceled`, and removes a Unix path.
  virtual ~Listener();

  class [[nodiscard]] Accepting;
  /// Waits for a connection: `co_await` gives a `Result<Socket>`. Without a free descriptor it
  /// waits until one may be free; errors of a single connection are passed over. Other errors come
  /// out, those that might pass (EACCES, EPERM) after some tries. `already_accepting` if another
  /// coroutine waits here.
  Accepting accept();

  /// Where it listens, with the port that was picked.
  [[nodiscard]] const Endpoint& local_endpoint() const { return local_; }
  [[nodiscard]] std::uint16_t port() const { return local_.port(); }  ///< 0 of a Unix path

  /// How often accepting had to be put off for want of descriptors or memory.
  [[nodiscard]] std::uint64_t shortages() const { return shortages_; }

 protected:
  /// @name For those who build a backend
  /// A backend's listener accepts in `try_accept`, and calls `serve` when the system reports.
  /// @{

  /// What an errno of accept(2) means for those behind.
  enum class Failure : std::uint8_t {
    connection,  ///< this connection has failed already, the next one may not have
    shortage,    ///< wait until there are descriptors or memory
    unknown,     ///< it may pass: wait, and tell it if it comes again and again
    listener,    ///< nothing will ever be accepted
  };
  static constexpr std::chrono::milliseconds back_off{20};  ///< the wait for a shortage to pass

  /// Takes over `socket`, which listens on `local` already.
  Listener(Loop& loop, Socket socket, Endpoint local);

  /// Whether `accepted_` holds an outcome now. If not, the backend calls `serve` once there may be
  /// one.
  virtual bool try_accept() = 0;
  /// Resumes who waits, if there is an outcome.
  void serve();
  /// Judges an errno of accept(2).
  [[nodiscard]] static Failure classify(int error);
  /// Takes note of an errno of accept(2). Returns whether to try again at once: if not, then
  /// `accepted_` holds the error, or `serve` is called in a while.
  [[nodiscard]] bool retries_after(int error);
  /// Takes note of a connection.
  void succeeded() { failures_ = 0; }

  Loop& loop_;                              ///< outlives this
  Socket socket_;                           ///< the one that listens
  std::optional<Result<Socket>> accepted_;  ///< the outcome for the next `accept`

  /// @}

 private:
  void fire() override { serve(); }

  Endpoint local_;
  Accepting* waiting_ = nullptr;
  std::uint64_t shortages_ = 0;
  unsigned failures_ = 0;  // since the last connection
};

/// What `co_await listener.accept()` waits on.
class [[nodiscard]] Listener::Accepting : private detail::Waiter {
 public:
  /// Waits on `listener`; see Listener::accept.
  explicit Accepting(Listener& listener) : listener_(&listener) {}
  ~Accepting();
  [[nodiscard]] bool await_ready() {
    second_ = listener_->waiting_ != nullptr;
    return second_ || listener_->try_accept();
  }
  void await_suspend(std::coroutine_handle<> waiting);
  [[nodiscard]] Result<Socket> await_resume();

 private:
  friend class Listener;
  Listener* listener_;   // null once the listener is gone
  bool second_ = false;  // another one waits
};

inline Listener::Accepting Listener::accept() { return Accepting(*this); }

}  // namespace wolframite
#pragma GCC visibility pop
