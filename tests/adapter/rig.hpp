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

/// Whether the tests run over TLS: the environment has WOLFRAMITE_TEST_TLS.
bool over_tls();

/// What a URL begins with: `ws://`, or `wss://` over TLS.
std::string scheme();

/// The options with what they need over TLS. The server's certificate is for localhost, its
/// addresses, and example.org.
AcceptOptions secured(AcceptOptions options = {});
ClientOptions secured(ClientOptions options);
ConnectOptions secured(ConnectOptions options);

/// The engine for one end whose handshake is still to be done; null without TLS.
std::unique_ptr<TlsEngine> new_engine(Role role);

/// Engines for both ends of a connection, the first for `role`, with their handshake done; null
/// without TLS.
std::pair<std::unique_ptr<TlsEngine>, std::unique_ptr<TlsEngine>> joined_engines(
    Loop& loop, Role role, std::pmr::memory_resource* their_memory = nullptr);

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

/// The other end of a stream: a bare socket, which turns the loop while it has to wait. With an
/// engine, what it sends and receives is encrypted on the way.
class Peer {
 public:
  Peer(Loop& loop, Socket socket, std::unique_ptr<TlsEngine> tls = {})
      : loop_(loop), socket_(std::move(socket)), tls_(std::move(tls)) {}

  void send(std::string_view octets);
  /// Sends what the kernel takes at once. Returns how much it was; with TLS all or nothing, and
  /// then the same has to be tried again.
  std::size_t send_now(std::string_view octets);
  /// Sends past TLS.
  void send_bare(std::string_view octets);
  /// At least `size` octets; fewer if the stream ends before.
  std::string receive(std::size_t size);
  /// All octets until the end.
  std::string receive_all();
  /// Octets until `end` is among them, and what came with it.
  std::string receive_until(std::string_view end);
  /// What can be received without waiting.
  std::string receive_now();

  /// Ends the sending side, over TLS with close_notify.
  void finish();
  /// Closes with a TCP reset.
  void reset();
  /// Closes, over TLS after close_notify.
  void close();
  /// Closes without close_notify.
  void cut() { socket_.close(); }

  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] int error() const { return error_; }  // the errno that ended it, 0 for a clean end
  [[nodiscard]] Socket& socket() { return socket_; }
  [[nodiscard]] TlsEngine* tls() { return tls_.get(); }

 private:
  bool receive_some(std::string& into);
  void decrypt(std::string_view octets, std::string& into);
  void send_ciphertext();

  Loop& loop_;
  Socket socket_;
  std::unique_ptr<TlsEngine> tls_;
  std::string early_;       // decrypted while sending
  std::string ciphertext_;  // of send_now, not sent yet
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
/// The same over these sockets, ours and the peer's.
Pair open_pair(backend::Loop& loop, Role role, std::pair<Socket, Socket> sockets,
               SharedConfig config = {});

/// Two streams connected to each other, whose handshake was skipped.
struct StreamPair {
  WebSocketStream server;
  WebSocketStream client;
};
StreamPair open_streams(backend::Loop& loop, Transport transport = Transport::tcp);

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
