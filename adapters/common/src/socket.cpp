#include "wolframite/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace wolframite {
namespace {

std::error_code last_error() { return {errno, std::system_category()}; }

}  // namespace

Endpoint::Endpoint(const sockaddr* address, socklen_t size)
    : size_(std::min<socklen_t>(size, sizeof storage_)) {
  std::memcpy(&storage_, address, size_);
}

Result<Endpoint> Endpoint::ip(std::string_view address, std::uint16_t port) {
  std::string text(address);
  sockaddr_in v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1 && text.find('\0') == std::string::npos) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return Endpoint(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  sockaddr_in6 v6{};
  if (const auto percent = text.find('%'); percent != std::string::npos) {
    const char* const zone = text.c_str() + percent + 1;
    const char* const end = text.c_str() + text.size();
    const auto parsed = std::from_chars(zone, end, v6.sin6_scope_id);
    if (parsed.ec != std::errc{} || parsed.ptr != end) v6.sin6_scope_id = if_nametoindex(zone);
    if (v6.sin6_scope_id == 0) {
      return tl::unexpected(std::make_error_code(std::errc::invalid_argument));
    }
    text.resize(percent);
  }
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) != 1 ||
      text.find('\0') != std::string::npos) {
    return tl::unexpected(std::make_error_code(std::errc::invalid_argument));
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  return Endpoint(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

Result<Endpoint> Endpoint::unix_path(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty()) return tl::unexpected(std::make_error_code(std::errc::invalid_argument));
  if (path.size() >= sizeof address.sun_path) {
    return tl::unexpected(std::make_error_code(std::errc::filename_too_long));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  // An abstract name is as long as it says, a path ends with NUL.
  const std::size_t size = offsetof(sockaddr_un, sun_path) + path.size() + (path.front() != '\0');
  return Endpoint(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
}

std::uint16_t Endpoint::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  if (family() == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  return 0;
}

std::string Endpoint::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == AF_INET) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(&storage_);
    inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(port());
  }
  if (family() == AF_INET6) {
    const auto* address = reinterpret_cast<const sockaddr_in6*>(&storage_);
    inet_ntop(AF_INET6, &address->sin6_addr, text.data(), text.size());
    const std::string zone =
        address->sin6_scope_id == 0 ? "" : "%" + std::to_string(address->sin6_scope_id);
    return "[" + std::string(text.data()) + zone + "]:" + std::to_string(port());
  }
  if (family() == AF_UNIX && size_ > offsetof(sockaddr_un, sun_path)) {
    const char* const path = reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
    const std::size_t size = size_ - offsetof(sockaddr_un, sun_path);
    if (path[0] == '\0') return "unix:@" + std::string(path + 1, size - 1);
    return "unix:" + std::string(path, strnlen(path, size));
  }
  return family() == AF_UNIX ? "unix:" : "none";
}

bool Endpoint::operator==(const Endpoint& other) const {
  return size_ == other.size_ && std::memcmp(&storage_, &other.storage_, size_) == 0;
}

Socket::Socket(int fd) : fd_(fd) {
  if (fd < 0) return;
  if (const int flags = fcntl(fd, F_GETFL); flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  if (const int flags = fcntl(fd, F_GETFD); flags >= 0) fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

Socket Socket::from_nonblocking(int fd) noexcept {
  Socket socket;
  socket.fd_ = fd;
  return socket;
}

Result<Socket> Socket::open(int family) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return tl::unexpected(last_error());
  return from_nonblocking(fd);
}

Result<std::pair<Socket, Socket>> Socket::pair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
    return tl::unexpected(last_error());
  }
  return std::pair(from_nonblocking(fds[0]), from_nonblocking(fds[1]));
}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

void Socket::close() noexcept {
  if (fd_ >= 0) ::close(release());
}

Result<Endpoint> Socket::local_endpoint() const {
  Endpoint endpoint;
  socklen_t size = endpoint.capacity();
  if (getsockname(fd_, endpoint.data(), &size) != 0) return tl::unexpected(last_error());
  endpoint.resize(size);
  return endpoint;
}

Result<Endpoint> Socket::remote_endpoint() const {
  Endpoint endpoint;
  socklen_t size = endpoint.capacity();
  if (getpeername(fd_, endpoint.data(), &size) != 0) return tl::unexpected(last_error());
  endpoint.resize(size);
  return endpoint;
}

bool Socket::has_unread() const noexcept {
  int octets = 0;
  return ::ioctl(fd_, FIONREAD, &octets) != 0 || octets > 0;
}

std::error_code Socket::disable_nagle(bool on) {
  const std::error_code error = set_option(IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
  return error == std::errc::operation_not_supported ? std::error_code{} : error;
}

std::error_code Socket::set_option(int level, int name, int value) {
  return setsockopt(fd_, level, name, &value, sizeof value) == 0 ? std::error_code{} : last_error();
}

}  // namespace wolframite
