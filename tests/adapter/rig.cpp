#include "rig.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "tls_pair.hpp"

namespace wolframite::test {
namespace {

const TlsContext& rig_server() {
  static const TlsContext context = [] {
    TlsServerOptions options;
    options.identity = Authority::trusted().issue(
        {.common_name = "rig", .names = "DNS:localhost,DNS:example.org,IP:127.0.0.1,IP:::1"});
    return made(TlsContext::server(options));
  }();
  return context;
}

const TlsContext& rig_client() {
  static const TlsContext context = client_context();
  return context;
}

std::unique_ptr<TlsEngine> engine_of(Role role, std::pmr::memory_resource* memory) {
  if (!over_tls()) return nullptr;
  const bool server = role == Role::server;
  return std::make_unique<TlsEngine>(server ? rig_server() : rig_client(), role,
                                     server ? "" : "localhost", memory);
}

}  // namespace

bool over_tls() {
  static const bool tls = std::getenv("WOLFRAMITE_TEST_TLS") != nullptr;
  return tls;
}

std::string scheme() { return over_tls() ? "wss://" : "ws://"; }

AcceptOptions secured(AcceptOptions options) {
  if (over_tls()) options.tls = rig_server();
  return options;
}

ClientOptions secured(ClientOptions options) {
  if (over_tls()) options.connector = rig_client();
  return options;
}

ConnectOptions secured(ConnectOptions options) {
  if (over_tls()) options.connector = rig_client();
  return options;
}

std::unique_ptr<TlsEngine> new_engine(Role role) { return engine_of(role, nullptr); }

std::pair<std::unique_ptr<TlsEngine>, std::unique_ptr<TlsEngine>> joined_engines(
    Loop& loop, Role role, std::pmr::memory_resource* their_memory) {
  auto ours = engine_of(role, &loop.memory());
  auto theirs = engine_of(role == Role::server ? Role::client : Role::server, their_memory);
  while (ours && (ours->wants_write() || theirs->wants_write())) {
    give(*theirs, take_output(*ours));
    give(*ours, take_output(*theirs));
  }
  return {std::move(ours), std::move(theirs)};
}

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
  if (!tls_) return send_bare(octets);
  while (!tls_->handshake_done() && !tls_->error() && !ended_) {
    send_ciphertext();
    if (!receive_some(early_)) loop_.run_once(1ms);
  }
  static_cast<void>(write(*tls_, octets));
  send_ciphertext();
}

void Peer::send_ciphertext() {
  const auto bytes = take_output(*tls_);
  send_bare(text_of(bytes));
}

std::size_t Peer::send_now(std::string_view octets) {
  std::string_view bytes = octets;
  if (tls_) {
    if (ciphertext_.empty()) {
      static_cast<void>(write(*tls_, octets));
      ciphertext_ = text_of(take_output(*tls_));
    }
    bytes = ciphertext_;
  }
  const ssize_t sent = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent <= 0) return 0;
  if (!tls_) return static_cast<std::size_t>(sent);
  ciphertext_.erase(0, static_cast<std::size_t>(sent));
  return ciphertext_.empty() ? octets.size() : 0;
}

void Peer::send_bare(std::string_view octets) {
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

void Peer::decrypt(std::string_view octets, std::string& into) {
  std::string copy(octets);
  Bytes in = std::as_writable_bytes(std::span(copy));
  std::vector<std::byte> room(65536);
  while (const std::size_t size = tls_->receive(in, room))
    into += text_of(ConstBytes(room).first(size));
  send_ciphertext();
  if (tls_->peer_closed()) ended_ = true;
  if (tls_->error()) {
    ended_ = true;
    error_ = EPROTO;
  }
}

bool Peer::receive_some(std::string& into) {
  if (tls_) {
    send_ciphertext();
    if (!early_.empty()) {
      into += std::exchange(early_, {});
      return true;
    }
  }
  char buffer[65536];
  const ssize_t got = ::recv(socket_.fd(), buffer, sizeof buffer, 0);
  if (got > 0) {
    const std::string_view octets(buffer, static_cast<std::size_t>(got));
    if (tls_) {
      decrypt(octets, into);
    } else {
      into += octets;
    }
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

void Peer::finish() {
  if (tls_) {
    tls_->shutdown();
    send_ciphertext();
  }
  ::shutdown(socket_.fd(), SHUT_WR);
}

void Peer::close() {
  if (tls_) {
    tls_->shutdown();
    send_ciphertext();
  }
  socket_.close();
}

void Peer::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  socket_.close();
}

Pair open_pair(backend::Loop& loop, Role role, Transport transport, SharedConfig config) {
  return open_pair(loop, role, connected(transport), std::move(config));
}

Pair open_pair(backend::Loop& loop, Role role, std::pair<Socket, Socket> sockets,
               SharedConfig config) {
  auto [ours, theirs] = joined_engines(loop, role);
  auto stream = WebSocketStream::from_raw_socket(loop, std::move(sockets.first), role,
                                                 std::move(config), std::move(ours));
  REQUIRE(stream);
  return {std::move(*stream), Peer(loop, std::move(sockets.second), std::move(theirs))};
}

StreamPair open_streams(backend::Loop& loop, Transport transport) {
  auto [left, right] = connected(transport);
  auto [ours, theirs] = joined_engines(loop, Role::server, &loop.memory());
  auto server =
      WebSocketStream::from_raw_socket(loop, std::move(left), Role::server, {}, std::move(ours));
  auto client =
      WebSocketStream::from_raw_socket(loop, std::move(right), Role::client, {}, std::move(theirs));
  REQUIRE(server);
  REQUIRE(client);
  return {std::move(*server), std::move(*client)};
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
    loop.spawn(serve_one(loop, std::move(*socket), secured(options)));
  }
}

std::unique_ptr<backend::Listener> listen(backend::Loop& loop) {
  auto listener = backend::Listener::bind(loop, "127.0.0.1", 0);
  REQUIRE(listener);
  return std::move(*listener);
}

}  // namespace wolframite::test
