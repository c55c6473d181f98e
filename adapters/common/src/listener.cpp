#include "wolframite/listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace wolframite {
namespace {

std::error_code last_error() { return {errno, std::system_category()}; }

}  // namespace

Listener::Listener(Loop& loop, Socket socket, Endpoint local)
    : loop_(loop), socket_(std::move(socket)), local_(local) {}

Listener::~Listener() {
  if (is_armed()) loop_.timers().disarm(*this);
  if (local_.family() == AF_UNIX && !loop_.is_in_fork()) {
    const char* const path = reinterpret_cast<const sockaddr_un*>(local_.data())->sun_path;
    if (path[0] != '\0') ::unlink(path);
  }
  if (waiting_ != nullptr) {
    waiting_->listener_ = nullptr;
    loop_.schedule(*waiting_);
  }
}

Result<std::unique_ptr<Listener>> Listener::bind(Loop& loop, const Endpoint& endpoint,
                                                 ListenOptions options) {
  Result<Socket> socket = Socket::open(endpoint.family());
  if (!socket) return tl::unexpected(socket.error());
  std::error_code error;
  if (endpoint.is_ip()) {
    error = socket->set_option(SOL_SOCKET, SO_REUSEADDR, 1);
    if (!error && options.reuse_port) error = socket->set_option(SOL_SOCKET, SO_REUSEPORT, 1);
    // What is accepted inherits it, so that it costs one system call in all.
    if (!error && options.disable_nagle) error = socket->disable_nagle();
  }
  if (error) return tl::unexpected(error);
  if (::bind(socket->fd(), endpoint.data(), endpoint.size()) != 0)
    return tl::unexpected(last_error());
  if (::listen(socket->fd(), options.backlog) != 0) return tl::unexpected(last_error());
  const Result<Endpoint> local = socket->local_endpoint();
  if (!local) return tl::unexpected(local.error());
  return loop.listen(std::move(*socket), *local);
}

Result<std::unique_ptr<Listener>> Listener::bind(Loop& loop, std::string_view host,
                                                 std::uint16_t port, ListenOptions options) {
  const Result<Endpoint> endpoint = Endpoint::ip(host == "localhost" ? "127.0.0.1" : host, port);
  if (!endpoint) return tl::unexpected(endpoint.error());
  return bind(loop, *endpoint, options);
}

Result<std::unique_ptr<Listener>> Listener::bind_unix(Loop& loop, std::string_view path,
                                                      ListenOptions options) {
  const Result<Endpoint> endpoint = Endpoint::unix_path(path);
  if (!endpoint) return tl::unexpected(endpoint.error());
  return bind(loop, *endpoint, options);
}

Listener::Failure Listener::classify(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return Failure::shortage;
    case EBADF:
    case EFAULT:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
      return Failure::listener;
    case EINTR:
    case ECONNABORTED:
    case ECONNRESET:
    case ETIMEDOUT:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
      return Failure::connection;
    default:
      return Failure::unknown;
  }
}

bool Listener::retries_after(int error) {
  constexpr unsigned in_a_row = 16, in_all = 8;  // tries, before a wait and before it is told
  const Failure failure = classify(error);
  if (failure == Failure::shortage) ++shortages_;
  ++failures_;
  if (failure == Failure::connection && failures_ % in_a_row != 0) return true;
  if (failure == Failure::listener || (failure == Failure::unknown && failures_ >= in_all)) {
    failures_ = 0;
    if (!accepted_)
      accepted_.emplace(tl::unexpected(std::error_code(error, std::system_category())));
    return false;
  }
  if (!is_armed()) loop_.timers().arm(*this, loop_.now() + back_off);
  return false;
}

void Listener::serve() {
  if (waiting_ == nullptr || !try_accept()) return;
  loop_.resume(std::exchange(waiting_, nullptr)->frame);
}

Listener::Accepting::~Accepting() {
  if (listener_ != nullptr && listener_->waiting_ == this) listener_->waiting_ = nullptr;
}

void Listener::Accepting::await_suspend(std::coroutine_handle<> waiting) {
  frame = waiting;
  listener_->waiting_ = this;
}

Result<Socket> Listener::Accepting::await_resume() {
  if (second_) return tl::unexpected(make_error_code(Error::already_accepting));
  if (listener_ == nullptr)
    return tl::unexpected(std::make_error_code(std::errc::operation_canceled));
  Result<Socket> socket = std::move(*listener_->accepted_);
  listener_->accepted_.reset();
  return socket;
}

}  // namespace wolframite
