// What contract tests stand on: connected sockets, a peer made of bare system calls, and a loop
// that is turned by hand, in one thread.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "backend.hpp"
#include "wire.hpp"

namespace wolframite::test {

using namespace std::chrono_literals;
using namespace std::string_literals;

enum class Transport { tcp, local };

/// Two sockets connected to each other, over loopback TCP or a Unix socket.
std::pair<Socket, Socket> connected(Transport transport = Transport::tcp);

/// Turns `loop` until `done`, waiting for I/O in between. The test's time limit ends it if that
/// never comes.
void turn_until(Loop& loop, const std::function<bool()>& done);

/// Turns `loop` until nothing happens any more: a few turns without waiting.
void settle(Loop& loop);

/// Spawns `task` and turns `loop` until it has ended.
void run(Loop& loop, Task<> task);

/// The other end of a stream: a bare socket, which turns the loop while it has to wait.
class Peer {
 public:
  Peer(Loop& loop, Socket socket) : loop_(loop), socket_(std::move(socket)) {}

  void send(std::string_view octets);
  /// At least `size` octets; fewer if the stream ends before.
  std::string receive(std::size_t size);
  /// All octets until the end.
  std::string receive_all();
  /// Octets until `end` is among them, and what came with it.
  std::string receive_until(std::string_view end);
  /// What can be received without waiting.
  std::string receive_now();

  /// Ends the sending side.
  void finish();
  /// Closes with a TCP reset.
  void reset();
  void close() { socket_.close(); }

  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] int error() const { return error_; }  // the errno that ended it, 0 for a clean end
  [[nodiscard]] Socket& socket() { return socket_; }

 private:
  bool receive_some(std::string& into);

  Loop& loop_;
  Socket socket_;
  bool ended_ = false;
  int error_ = 0;
};

/// A stream whose handshake was skipped, and its peer.
struct Pair {
  WebSocketStream stream;
  Peer peer;
};
Pair open_pair(backend::Loop& loop, Role role = Role::server, Transport transport = Transport::tcp,
               SharedConfig config = {});

/// A request as a client sends it, with further header lines.
std::string upgrade_request(std::string_view lines = {});

/// What a task found out.
struct Outcome {
  std::vector<std::string> messages;
  bool ended = false;     // next() gave nullopt
  bool done = false;      // the task came to its end
  std::error_code error;  // of a send, a close, a handshake
  std::error_code why;    // closed()->why
  CloseCode code{};
  bool clean = false;
};

/// Takes messages until the end.
Task<> read_all(WebSocketStream& stream, Outcome& outcome);
/// Sends back what comes, until the end.
Task<> echo(WebSocketStream stream);
/// Accepts whoever comes, and echoes.
Task<> serve_echo(Loop& loop, backend::Listener& listener, AcceptOptions options = {});

/// A listener on a free port.
std::unique_ptr<backend::Listener> listen(backend::Loop& loop);

}  // namespace wolframite::test
