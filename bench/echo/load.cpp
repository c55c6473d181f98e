// A load of echoed messages over many connections, made with bare epoll and frames that are built
// beforehand, so that what is measured is the server. Each connection keeps `depth` messages on
// their way.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr const char* usage =
    R"(usage: echo_load PORT [connections=512] [size=128] [depth=1] [seconds=3] [messages=0] [pid=0]
Loads the echo server at 127.0.0.1:PORT and prints how many messages it echoed. A number of messages goes before a
time. With the server's pid, which must have one thread, also how many it echoed in a second of its CPU time.)";

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "echo_load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

/// Nanoseconds for which the first thread of a process has run.
std::uint64_t cpu_time(std::uint64_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/schedstat";
  std::FILE* const file = std::fopen(path.c_str(), "r");
  if (file == nullptr) fail(path.c_str());
  std::array<char, 128> line{};
  if (std::fgets(line.data(), line.size(), file) == nullptr) fail(path.c_str());
  std::fclose(file);
  return std::strtoull(line.data(), nullptr, 10);
}

/// `count` masked binary frames with `size` octets each.
std::string frames(std::size_t size, std::size_t count) {
  std::string frame = "\x82";
  if (size < 126) {
    frame += static_cast<char>(0x80 | size);
  } else if (size < 65536) {
    frame += {static_cast<char>(0xFE), static_cast<char>(size >> 8), static_cast<char>(size)};
  } else {
    frame += static_cast<char>(0xFF);
    for (int shift = 56; shift >= 0; shift -= 8) frame += static_cast<char>(size >> shift);
  }
  constexpr std::string_view mask = "\x12\x34\x56\x78";
  frame += mask;
  for (std::size_t i = 0; i < size; ++i) frame += static_cast<char>(mask[i % 4] ^ 'x');
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += frame;
  return all;
}

struct Connection {
  int fd = -1;
  std::size_t to_write = 0;  // octets that may be written
  std::size_t written = 0;   // where in the frames writing goes on
  std::size_t received = 0;  // octets of an echo not complete yet
};

int open(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  constexpr std::string_view request =
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n";
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    fail("send");
  }
  std::string response;
  while (!response.ends_with("\r\n\r\n")) {
    char octet = 0;
    if (::recv(fd, &octet, 1, 0) != 1) fail("recv");
    response += octet;
  }
  if (!response.starts_with("HTTP/1.1 101")) {
    std::fprintf(stderr, "echo_load: the server refused: %s\n", response.c_str());
    std::exit(1);
  }
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

class Load {
 public:
  Load(std::size_t size, std::size_t depth) : output_(frames(size, depth)), buffer_(1 << 20) {
    frame_ = output_.size() / depth;
    reply_ = frame_ - 4;
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  }

  void add(int fd) {
    connections_.push_back({fd, output_.size(), 0, 0});
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = connections_.size() - 1;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }

  /// Handles what is ready.
  void turn() {
    std::array<epoll_event, 512> events;
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), 1000);
    for (int i = 0; i < count; ++i) {
      Connection& connection = connections_[events[static_cast<std::size_t>(i)].data.u64];
      read(connection);
      write(connection);
    }
  }

  [[nodiscard]] std::uint64_t echoed() const { return echoed_; }

 private:
  void read(Connection& connection) {
    for (;;) {
      const ssize_t size = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
      if (size < 0 && errno == EAGAIN) return;
      if (size <= 0) fail("recv");
      connection.received += static_cast<std::size_t>(size);
      const std::size_t whole = connection.received / reply_;
      connection.received %= reply_;
      // A frame always begins where the last one ended.
      const std::size_t start = static_cast<std::size_t>(size) - connection.received;
      if (whole > 0 && connection.received > 0 && buffer_[start] != '\x82') {
        std::fprintf(stderr, "echo_load: that is not what was sent\n");
        std::exit(1);
      }
      echoed_ += whole;
      connection.to_write += whole * frame_;
      if (static_cast<std::size_t>(size) < buffer_.size()) return;
    }
  }

  void write(Connection& connection) {
    while (connection.to_write > 0) {
      const std::size_t part = std::min(connection.to_write, output_.size() - connection.written);
      const ssize_t size =
          ::send(connection.fd, output_.data() + connection.written, part, MSG_NOSIGNAL);
      if (size < 0 && errno == EAGAIN) return;
      if (size <= 0) fail("send");
      connection.to_write -= static_cast<std::size_t>(size);
      connection.written = (connection.written + static_cast<std::size_t>(size)) % output_.size();
    }
  }

  std::string output_;
  std::size_t frame_ = 0, reply_ = 0;
  std::vector<char> buffer_;
  std::vector<Connection> connections_;
  std::uint64_t echoed_ = 0;
  int epoll_;
};

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::uint64_t> values{{"connections", 512}, {"size", 128},   {"depth", 1},
                                              {"seconds", 3},       {"messages", 0}, {"pid", 0}};
  if (argc < 2) {
    std::fprintf(stderr, "%s\n", usage);
    return 2;
  }
  for (int i = 2; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t equals = argument.find('=');
    const auto value = values.find(std::string(argument.substr(0, equals)));
    if (equals == std::string_view::npos || value == values.end()) {
      std::fprintf(stderr, "%s\n", usage);
      return 2;
    }
    value->second = std::strtoull(argv[i] + equals + 1, nullptr, 10);
  }
  const auto port = static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10));
  const std::uint64_t pid = values["pid"];

  Load load(values["size"], values["depth"]);
  for (std::uint64_t i = 0; i < values["connections"]; ++i) load.add(open(port));
  const auto run = [&](std::uint64_t messages, std::chrono::nanoseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    const std::uint64_t last = load.echoed() + messages;
    while (messages > 0 ? load.echoed() < last : std::chrono::steady_clock::now() < end)
      load.turn();
  };
  run(10 * values["connections"] * values["depth"], {});
  const std::uint64_t echoed_before = load.echoed();
  const std::uint64_t cpu_before = pid > 0 ? cpu_time(pid) : 0;
  const auto started = std::chrono::steady_clock::now();
  run(values["messages"], std::chrono::seconds(values["seconds"]));
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  const auto echoed = static_cast<double>(load.echoed() - echoed_before);
  std::printf("%.0f messages, %.0f/s", echoed, echoed / wall);
  if (pid > 0) {
    const double cpu = static_cast<double>(cpu_time(pid) - cpu_before) / 1e9;
    std::printf(", %.0f per CPU second of the server, which had %.2f s", echoed / cpu, cpu);
  }
  std::printf("\n");
}
