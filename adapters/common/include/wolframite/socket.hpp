/// @file
/// Sockets and their addresses.
#pragma once

#include <sys/socket.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "wolframite/result.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// The address of one end of a socket: IPv4, IPv6 or a Unix path.
class Endpoint {
 public:
  Endpoint() = default;  ///< no address; room for the system to write one
  /// Copies the first `size` octets of an address.
  Endpoint(const sockaddr* address, socklen_t size);

  /// From an IPv4 or IPv6 address in figures, the latter with or without brackets and with a zone
  /// if need be. `errc::invalid_argument` for anything else: names are the resolver's.
  [[nodiscard]] static Result<Endpoint> ip(std::string_view address, std::uint16_t port);

  /// From a path, or an abstract name where the first octet is NUL. `errc::filename_too_long` above
  /// 107 octets.
  [[nodiscard]] static Result<Endpoint> unix_path(std::string_view path);

  /// The address as the system takes it; lives as long as this.
  [[nodiscard]] const sockaddr* data() const {
    return reinterpret_cast<const sockaddr*>(&storage_);
  }
  /// Where the system may write an address of up to `capacity()` octets; tell `resize` how many.
  [[nodiscard]] sockaddr* data() { return reinterpret_cast<sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const { return size_; }  ///< octets of the address
  /// Octets there is room for.
  [[nodiscard]] socklen_t capacity() const { return sizeof storage_; }
  /// Tells how many octets were written to `data()`.
  void resize(socklen_t size) { size_ = size; }

  [[nodiscard]] int family() const { return storage_.ss_family; }  ///< such as AF_INET
  /// Whether it is IPv4 or IPv6.
  [[nodiscard]] bool is_ip() const { return family() == AF_INET || family() == AF_INET6; }
  /// The port, or 0 of a Unix path.
  [[nodiscard]] std::uint16_t port() const;

  /// `127.0.0.1:80`, `[::1]:80`, `unix:/run/app.sock`.
  [[nodiscard]] std::string to_string() const;

  /// Compares the octets.
  [[nodiscard]] bool operator==(const Endpoint& other) const;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

/// A stream socket that closes itself. Non-blocking and close-on-exec.
class Socket {
 public:
  Socket() = default;  ///< none: `is_open()` is false
  /// Takes over `fd`, and makes it non-blocking and close-on-exec.
  explicit Socket(int fd);
  /// Takes over `fd`, which is both already.
  [[nodiscard]] static Socket from_nonblocking(int fd) noexcept;

  /// Opens a socket for addresses of `family`. Errors are the system's.
  [[nodiscard]] static Result<Socket> open(int family);

  /// Two sockets connected to each other.
  [[nodiscard]] static Result<std::pair<Socket, Socket>> pair();

  /// Takes over the descriptor; `other` has none then.
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  /// Closes what this has, and takes over the descriptor of `other`.
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  [[nodiscard]] int fd() const { return fd_; }             ///< the descriptor, or -1
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }  ///< whether there is a descriptor
  /// Gives up the descriptor, to be closed by the caller.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  /// Closes the descriptor, if there is one.
  void close() noexcept;

  /// The address of this end. Errors are the system's.
  [[nodiscard]] Result<Endpoint> local_endpoint() const;
  /// The address of the other end. Errors are the system's.
  [[nodiscard]] Result<Endpoint> remote_endpoint() const;

  /// Whether octets have come that were not read, or the system does not say. Closing a TCP socket
  /// that has any resets the connection, and the other end may lose what was sent to it last.
  [[nodiscard]] bool has_unread() const noexcept;

  /// Chooses whether small writes go out at once instead of waiting for an acknowledgement
  /// (TCP_NODELAY). Does nothing to a Unix socket.
  std::error_code disable_nagle(bool on = true);

  /// Sets an option of int value (setsockopt(2)).
  std::error_code set_option(int level, int name, int value);

 private:
  int fd_ = -1;
};

}  // namespace wolframite
#pragma GCC visibility pop
