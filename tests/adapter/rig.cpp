#include "rig.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace wolframite::test {

std::pair<Socket, Socket> connected(Transport transport) {
  if (transport == Transport::local) {
    auto pair = Socket::pair();
    REQUIRE(pair);
    return std::move(*pair);
  }
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(listener >= 0);
  Endpoint endpoint = *Endpoint::ip("127.0.0.1", 0);
  REQUIRE(::bind(listener, endpoint.data(), endpoint.size()) == 0);
  REQUIRE(::listen(listener, 1) == 0);
  socklen_t size = endpoint.capacity();
  REQUIRE(::getsockname(listener, endpoint.data(), &size) == 0);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(client, endpoint.data(), endpoint.size()) == 0);
  const int server = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  REQUIRE(server >= 0);
  ::close(listener);
  std::pair<Socket, Socket> ends{Socket(server), Socket(client)};
  CHECK_FALSE(ends.first.disable_nagle());
  CHECK_FALSE(ends.second.disable_nagle());
  return ends;
}

void turn_until(Loop& loop, const std::function<bool()>& done) {
  while (!done()) loop.run_once(1ms);
}

void settle(Loop& loop) {
  for (int turn = 0; turn < 10; ++turn) loop.run_once(0ms);
}

void run(Loop& loop, Task<> task) {
  const TaskHandle handle = loop.spawn(std::move(task));
  turn_until(loop, [&] { return handle.done(); });
}

void Peer::send(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t sent = ::send(socket_.fd(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      octets.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      loop_.run_once(1ms);
    } else {
      error_ = errno;
      return;
    }
  }
}

bool Peer::receive_some(std::string& into) {
  char buffer[65536];
  const ssize_t got = ::recv(socket_.fd(), buffer, sizeof buffer, 0);
  if (got > 0) {
    into.append(buffer, static_cast<std::size_t>(got));
    return true;
  }
  if (got < 0 && errno == EAGAIN) return false;
  error_ = got == 0 ? 0 : errno;
  ended_ = true;
  return false;
}

std::string Peer::receive(std::size_t size) {
  std::string octets;
  while (octets.size() < size && !ended_) {
    if (!receive_some(octets) && !ended_) loop_.run_once(1ms);
  }
  return octets;
}

std::string Peer::receive_all() { return receive(static_cast<std::size_t>(-1)); }

std::string Peer::receive_until(std::string_view end) {
  std::string octets;
  while (octets.find(end) == std::string::npos && !ended_) {
    if (!receive_some(octets) && !ended_) loop_.run_once(1ms);
  }
  return octets;
}

std::string Peer::receive_now() {
  std::string octets;
  while (!ended_ && receive_some(octets)) {
  }
  return octets;
}

void Peer::finish() { ::shutdown(socket_.fd(), SHUT_WR); }

void Peer::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  socket_.close();
}

Pair open_pair(backend::Loop& loop, Role role, Transport transport, SharedConfig config) {
  auto [ours, theirs] = connected(transport);
  auto stream = WebSocketStream::from_raw_socket(loop, std::move(ours), role, std::move(config));
  REQUIRE(stream);
  return {std::move(*stream), Peer(loop, std::move(theirs))};
}

std::string upgrade_request(std::string_view lines) {
  return "GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n" +
         std::string(lines) + "\r\n";
}

Task<> read_all(WebSocketStream& stream, Outcome& outcome) {
  while (auto message = co_await stream.next()) outcome.messages.emplace_back(message->text());
  outcome.ended = true;
  if (const Closed* const closed = stream.closed()) {
    outcome.why = closed->why;
    outcome.code = closed->code;
    outcome.clean = closed->clean;
  }
  outcome.done = true;
}

Task<> echo(WebSocketStream stream) {
  while (auto message = co_await stream.next()) {
    if (co_await stream.send(message->kind, message->data)) break;
  }
}

namespace {

Task<> serve_one(Loop& loop, Socket socket, AcceptOptions options) {
  auto stream = co_await accept(loop, std::move(socket), std::move(options));
  if (stream) loop.spawn(echo(std::move(*stream)));
}

}  // namespace

Task<> serve_echo(Loop& loop, backend::Listener& listener, AcceptOptions options) {
  for (;;) {
    auto socket = co_await listener.accept();
    if (!socket) co_return;
    loop.spawn(serve_one(loop, std::move(*socket), options));
  }
}

std::unique_ptr<backend::Listener> listen(backend::Loop& loop) {
  auto listener = backend::Listener::bind(loop, "127.0.0.1", 0);
  REQUIRE(listener);
  return std::move(*listener);
}

}  // namespace wolframite::test
