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
#include "wolframite/listener.hpp"
#include "wolframite/loop.hpp"
#include "wolframite/result.hpp"
#include "wolframite/socket.hpp"
#include "wolframite/task.hpp"
#include "wolframite/websocket_stream.hpp"

#pragma GCC visibility push(default)
/// WebSockets over epoll(7): a loop, and the names one uses with it.
namespace wolframite::epoll {

class [[gnu::visibility("hidden")]] Stream;

/// Something other than a stream that epoll reports on: see Loop::watch.
class EventSource {
 public:
  /// Tells what epoll has reported, as in epoll_event. It may `forget` this source, and destroy it.
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~EventSource() = default;
};

/// A loop over one epoll instance. Sockets are registered once, edge-triggered for both directions.
class Loop final : public wolframite::Loop {
 public:
  /// Throws std::system_error if the system has no descriptor to give.
  Loop();
  /// Destroys all tasks, and closes what lingers. No stream may be left that a task does not own.
  ~Loop() override;

  [[nodiscard]] int fd() const override { return epoll_; }

  [[nodiscard]] Result<StreamCore*> adopt(Socket socket, Connection connection) override;
  [[nodiscard]] Result<std::unique_ptr<Listener>> listen(Socket socket, Endpoint local) override;
  [[nodiscard]] std::error_code begin_connect(ConnectAttempt& attempt) override;
  void abort_connect(ConnectAttempt& attempt) noexcept override;

  /// Reports `events` (of epoll_ctl(2)) of `fd` to `source`, which must live until `forget`. Errors
  /// are the system's.
  [[nodiscard]] std::error_code watch(int fd, std::uint32_t events, EventSource& source);
  /// Ends that. Events that were collected in this turn already are not reported either.
  void forget(int fd, EventSource* source) noexcept;

 private:
  friend class Stream;
  class Connecting;

  void deregister(int fd) noexcept;

  void wait(std::optional<Time> until) override;
  void dispatch(const epoll_event& event);
  [[nodiscard]] std::size_t collect(std::optional<Time> until);
  [[nodiscard]] std::error_code add(int fd, std::uint32_t events, std::uint64_t key) noexcept;

  int epoll_;
  std::vector<epoll_event> events_;
  std::size_t collected_ = 0;          // events of this turn
  std::size_t received_ = 0;           // octets of this turn
  detail::StreamList<Stream> unread_;  // streams to read from although no event will come
  Stream* last_ = nullptr;             // has used this turn up: the others come first in the next
};

using wolframite::accept;
using wolframite::client;
using wolframite::Client;
using wolframite::connect;
using wolframite::connect_socket;
using wolframite::Listener;
using wolframite::ListenOptions;
using wolframite::Operation;
using wolframite::WebSocketStream;

}  // namespace wolframite::epoll
#pragma GCC visibility pop
