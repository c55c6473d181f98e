// The core alone in a loop of one's own: an echo server over poll(2), with no adapter.
// Usage: embed_poll [port]
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <vector>

#include <wolframite/connection.hpp>

using namespace wolframite;
using Clock = std::chrono::steady_clock;

struct Client {
  int fd;
  Connection ws = Connection::server();
};

void react(Connection& ws, const Event& event) {
  if (const auto* requested = std::get_if<Requested>(&event)) {
    const bool upgrade = requested->request.is_upgrade();
    (void)(upgrade ? ws.accept() : ws.refuse({.status = 200, .body = "alive\n"}));
  } else if (const auto* message = std::get_if<Message>(&event)) {
    if (ws.send(message->kind, message->data)) (void)ws.close(CloseCode::try_again_later);
  }
}

/// Moves bytes between the socket and the connection.
void turn(Client& client, bool readable) {
  auto& [fd, ws] = client;
  while (const auto event = ws.advance(Clock::now())) react(ws, *event);
  if (readable) {
    std::array<std::byte, 16384> buffer;
    const ssize_t size = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    const bool ended = size == 0 || (size < 0 && errno != EAGAIN);
    Bytes in(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    while (const auto event = ws.receive(in)) react(ws, *event);
    while (const auto event = ended ? ws.receive_eof() : std::nullopt) react(ws, *event);
  }
  for (std::array<ConstBytes, 1> next; ws.output(next) > 0;) {
    const ssize_t size = send(fd, next[0].data(), next[0].size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) break;
    ws.consume(static_cast<std::size_t>(size));
  }
  if (ws.wants_shutdown()) shutdown(fd, SHUT_WR);
}

int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, generic, length) != 0 || listen(listener, SOMAXCONN) != 0 ||
      getsockname(listener, generic, &length) != 0) {
    std::perror("embed_poll");
    return 1;
  }
  std::printf("listening on ws://127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);

  std::list<Client> clients;
  std::vector<pollfd> polled;
  while (true) {
    polled.assign(1, {.fd = listener, .events = POLLIN, .revents = 0});
    const Time now = Clock::now();
    Time due = now + std::chrono::minutes(1);
    for (const auto& [fd, ws] : clients) {
      // Answers that a client does not fetch must not pile up: meanwhile nothing is read from it.
      const bool keeps_up = ws.pending_output() < ws.config().write_buffer_size;
      const int events =
          (ws.wants_read() && keeps_up ? POLLIN : 0) | (ws.wants_write() ? POLLOUT : 0);
      polled.push_back({.fd = fd, .events = static_cast<short>(events), .revents = 0});
      due = std::min(due, ws.deadline().value_or(due));
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(due, now) - now);
    if (poll(polled.data(), polled.size(), static_cast<int>(wait.count())) < 0) continue;
    auto slot = polled.begin();
    for (auto& client : clients) turn(client, ((++slot)->revents & ~POLLOUT) != 0);
    clients.remove_if(
        [](const Client& client) { return client.ws.is_terminated() && close(client.fd) == 0; });
    if (polled[0].revents == 0) continue;
    if (const int fd = accept(listener, nullptr, nullptr); fd >= 0) clients.push_back({fd});
  }
}
