/// @file
/// WebSockets over epoll(7).
#pragma once

#include <sys/epoll.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wolframite/handshake.hpp"
#include "wolframite/loop.hpp"
#include "wolframite/result.hpp"
#include "wolframite/socket.hpp"
#include "wolframite/task.hpp"
#include "wolframite/websocket_stream.hpp"

namespace wolframite::epoll {

class Stream;

/// Something other than a stream that epoll reports on.
class EventSource {
 public:
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~EventSource() = default;
};

/// A loop over one epoll instance. Sockets are registered once, edge-triggered for both directions.
class Loop final : public wolframite::Loop {
 public:
  /// Throws std::system_error if the system has no descriptor to give.
  Loop();
  ~Loop() override;

  [[nodiscard]] int fd() const override { return epoll_; }

  [[nodiscard]] Result<StreamCore*> adopt(Socket socket, Connection connection) override;
  [[nodiscard]] std::error_code begin_connect(ConnectAttempt& attempt) override;
  void abort_connect(ConnectAttempt& attempt) noexcept override;

  /// Reports `events` of `fd` to `source`, until `forget`.
  [[nodiscard]] std::error_code watch(int fd, std::uint32_t events, EventSource& source);
  /// Ends that. Events that were collected in this turn already are not reported either.
  void forget(int fd, EventSource* source) noexcept;

 private:
  friend class Stream;
  class Connecting;

  void deregister(int fd) noexcept;

  void wait(std::optional<Time> until) override;
  [[nodiscard]] std::error_code add(int fd, std::uint32_t events, std::uint64_t key) noexcept;

  int epoll_;
  std::vector<epoll_event> events_;
  std::size_t collected_ = 0;     // events of this turn
  std::vector<Stream*> unread_;   // streams to read from although no event will come
  std::vector<Stream*> reading_;  // those of this turn
};

/// How to listen.
struct ListenOptions {
  bool reuse_port = false;    ///< several loops may listen on one port (SO_REUSEPORT)
  int backlog = 4096;         ///< connections that wait to be accepted
  bool disable_nagle = true;  ///< TCP_NODELAY on what is accepted
};

/// Accepts sockets.
class Listener final : private EventSource, private Timer {
 public:
  using Options = ListenOptions;

  /// Listens on an address, or a Unix path. Port 0 picks a free one. Errors are the system's.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> bind(Loop& loop, const Endpoint& endpoint,
                                                              ListenOptions options = {});
  /// Listens on a host in figures (`127.0.0.1`, `::1`, `0.0.0.0`, `::`) or `localhost`.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> bind(Loop& loop, std::string_view host,
                                                              std::uint16_t port,
                                                              ListenOptions options = {});
  /// Listens on a Unix path, which must not exist; it is removed at the end.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> bind_unix(Loop& loop,
                                                                   std::string_view path,
                                                                   ListenOptions options = {});
  ~Listener();

  class [[nodiscard]] Accepting;
  /// Waits for a connection: `Result<Socket>`. Without a free descriptor it waits until one may be
  /// free; errors of a single connection are passed over. Other errors come out. Precondition: no
  /// other coroutine waits here.
  Accepting accept();

  [[nodiscard]] const Endpoint& local_endpoint() const { return local_; }
  [[nodiscard]] std::uint16_t port() const { return local_.port(); }

  /// How often accepting had to be put off for want of descriptors or memory.
  [[nodiscard]] std::uint64_t shortages() const { return shortages_; }

 private:
  Listener(Loop& loop, Socket socket, Endpoint local);
  void on_events(std::uint32_t events) override;
  void fire() override;
  [[nodiscard]] bool try_accept();
  void serve();

  Loop& loop_;
  Socket socket_;
  Endpoint local_;
  bool readable_ = false;
  std::optional<Result<Socket>> accepted_;
  Accepting* waiting_ = nullptr;
  Time turn_{};  // when accepted_in_turn_ was begun to count
  int accepted_in_turn_ = 0;
  std::uint64_t shortages_ = 0;
};

/// What `co_await listener.accept()` waits on.
class [[nodiscard]] Listener::Accepting : private detail::Waiter {
 public:
  explicit Accepting(Listener& listener) : listener_(&listener) {}
  ~Accepting();
  [[nodiscard]] bool await_ready();
  void await_suspend(std::coroutine_handle<> waiting);
  [[nodiscard]] Result<Socket> await_resume();

 private:
  friend class Listener;
  Listener* listener_;  // null once the listener is gone
};

inline Listener::Accepting Listener::accept() { return Accepting(*this); }

using wolframite::accept;
using wolframite::client;
using wolframite::Client;
using wolframite::connect;
using wolframite::connect_socket;
using wolframite::WebSocketStream;

}  // namespace wolframite::epoll
