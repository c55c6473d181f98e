// A non-blocking byte stream to the server, plain or TLS.
#pragma once

#include <openssl/ssl.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "options.hpp"

namespace load {

/// TLS without verification: what is measured is the server, not whom it belongs to.
class TlsClient {
 public:
  TlsClient();
  [[nodiscard]] SSL_CTX* native() const { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, Free> context_;
};

class Transport {
 public:
  /// Connects to 127.0.0.1. A handshake of TLS happens within the first reads and writes.
  Transport(std::uint16_t port, const TlsClient* tls);
  Transport(Transport&& other) noexcept;
  Transport& operator=(Transport&&) = delete;
  ~Transport();

  /// Reads what is there: how many octets, 0 at the end of the stream, nothing if it has to wait.
  [[nodiscard]] std::optional<std::size_t> read(std::span<char> room);
  /// Writes from the front of `parts`: how many octets, nothing if it has to wait.
  [[nodiscard]] std::optional<std::size_t> write(std::span<const iovec> parts);

  /// Whether a read that does not fill its room has taken all there is.
  [[nodiscard]] bool short_read_is_last() const { return ssl_ == nullptr; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  int fd_;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace load
