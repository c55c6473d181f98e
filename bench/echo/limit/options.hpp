// The command line of the limit servers, and their listening socket.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "echo.hpp"

namespace limit {

struct Options {
  std::uint16_t port = 0;
  Style style = Style::whole;
  bool broadcasts = false;
  bool waits_for_end = false;  // of the peer's side, once its own is ended (RFC 6455 §7.1.1)
};

[[noreturn]] inline void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

[[nodiscard]] inline Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--broadcast") {
      options.broadcasts = true;
    } else if (name == "--wait-for-end") {
      options.waits_for_end = true;
    } else if (name == "--stream") {
      options.style = Style::streamed;
    } else if (name == "--port" && i + 1 < argc) {
      options.port = static_cast<std::uint16_t>(std::strtoul(argv[++i], nullptr, 10));
    } else {
      std::fprintf(stderr, "usage: %s [--port N] [--stream] [--broadcast] [--wait-for-end]\n",
                   argv[0]);
      std::exit(2);
    }
  }
  return options;
}

/// Listens on 127.0.0.1 and prints the port.
[[nodiscard]] inline int listen_and_tell(const Options& options, int flags) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Accepted sockets inherit it.
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd, generic, size) != 0 || ::listen(fd, 4096) != 0) fail("listen");
  ::getsockname(fd, generic, &size);
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

}  // namespace limit
