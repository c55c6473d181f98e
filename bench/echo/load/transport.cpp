#include "transport.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "failure.hpp"

namespace load {

TlsClient::TlsClient() : context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
  // Peers that end the connection without close_notify have ended it nevertheless.
  SSL_CTX_set_options(context_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
}

Transport::Transport(std::uint16_t port, const TlsClient* tls)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (fd_ < 0) fail_errno("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail_errno("connect");
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  if (tls == nullptr) return;
  ssl_.reset(SSL_new(tls->native()));
  SSL_set_fd(ssl_.get(), fd_);
  SSL_set_connect_state(ssl_.get());
}

Transport::Transport(Transport&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ssl_(std::move(other.ssl_)) {}

Transport::~Transport() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<std::size_t> Transport::read(std::span<char> room) {
  if (ssl_ == nullptr) {
    const ssize_t size = ::recv(fd_, room.data(), room.size(), 0);
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno == EAGAIN) return std::nullopt;
    fail_errno("recv");
  }
  ERR_clear_error();
  std::size_t size = 0;
  if (SSL_read_ex(ssl_.get(), room.data(), room.size(), &size) == 1) return size;
  switch (SSL_get_error(ssl_.get(), 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return std::nullopt;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      fail(std::string("TLS: ") + ERR_reason_error_string(ERR_peek_error()));
  }
}

std::optional<std::size_t> Transport::write(std::span<const iovec> parts) {
  if (ssl_ == nullptr) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());  // which the kernel only reads
    message.msg_iovlen = parts.size();
    const ssize_t size = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno == EAGAIN) return std::nullopt;
    fail_errno("send");
  }
  ERR_clear_error();
  std::size_t size = 0;
  if (SSL_write_ex(ssl_.get(), parts[0].iov_base, parts[0].iov_len, &size) == 1) return size;
  const int error = SSL_get_error(ssl_.get(), 0);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return std::nullopt;
  fail("TLS: the server does not take what is written");
}

}  // namespace load
