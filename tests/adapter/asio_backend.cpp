#include "asio_backend.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <tuple>

namespace wolframite::asio_backend {
namespace {

Loop& of_asio(wolframite::Loop& loop) { return static_cast<Loop&>(loop); }

tcp::socket to_asio(Loop& loop, Socket socket) {
  tcp::socket made(loop.executor());
  // Whatever it is: nothing here depends on the family of its addresses.
  made.assign(tcp::v4(), socket.release());
  return made;
}

/// Accepts on a listening descriptor that the context watches.
class Acceptor final : public Listener {
 public:
  Acceptor(Loop& loop, Socket socket, Endpoint local)
      : Listener(loop, std::move(socket), local),
        watched_(std::make_shared<Watched>(loop.context(), *this)) {
    watched_->descriptor.assign(socket_.fd());
  }
  ~Acceptor() override {
    watched_->owner = nullptr;
    watched_->descriptor.release();
  }

 private:
  struct Watched {
    Watched(asio::net::io_context& context, Acceptor& acceptor)
        : descriptor(context), owner(&acceptor) {}
    asio::net::posix::stream_descriptor descriptor;
    Acceptor* owner;
    bool waiting = false;
  };

  bool try_accept() override {
    if (accepted_) return true;
    if (is_armed()) return false;
    for (;;) {
      const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        succeeded();
        accepted_.emplace(Socket::from_nonblocking(fd));
        return true;
      }
      if (errno == EAGAIN) {
        wait();
        return false;
      }
      if (!retries_after(errno)) return accepted_.has_value();
    }
  }

  void wait() {
    if (std::exchange(watched_->waiting, true)) return;
    watched_->descriptor.async_wait(asio::net::posix::stream_descriptor::wait_read,
                                    [watched = watched_](std::error_code error) {
                                      watched->waiting = false;
                                      if (!error && watched->owner) watched->owner->serve();
                                    });
  }

  std::shared_ptr<Watched> watched_;
};

}  // namespace

Loop::Loop() {
  mailbox_.assign(mailbox()->fd());
  watch_mailbox();
}

Loop::~Loop() {
  destroy_all();
  mailbox_.release();
}

void Loop::watch_mailbox() {
  mailbox_.async_wait(asio::net::posix::stream_descriptor::wait_read,
                      [this](std::error_code error) {
                        if (error) return;
                        mailbox()->clear();
                        watch_mailbox();
                      });
}

wolframite::asio::detail::Pool& Loop::pool() const {
  return wolframite::asio::detail::pool_of(context_.get_executor());
}

void Loop::wait(std::optional<Time> until) {
  context_.restart();
  if (context_.poll_one() == 0) {
    if (!until) {
      context_.run_one();
    } else if (*until > std::chrono::steady_clock::now()) {
      context_.run_one_until(*until);
    }
  }
  // As much again as there is now, so that a turn comes to its end.
  for (int i = 0; i < 256 && context_.poll_one() > 0; ++i) {
  }
  update_now();
}

Result<StreamCore*> Loop::adopt(Socket, Connection) {
  return tl::unexpected(std::make_error_code(std::errc::operation_not_supported));
}

Result<std::unique_ptr<Listener>> Loop::listen(Socket socket, Endpoint local) {
  return std::make_unique<Acceptor>(*this, std::move(socket), local);
}

std::error_code Loop::begin_connect(ConnectAttempt&) {
  return std::make_error_code(std::errc::operation_not_supported);
}

std::error_code Layer::set_option(int level, int name, int value) {
  if (::setsockopt(socket_->native_handle(), level, name, &value, sizeof value) == 0) return {};
  return {errno, std::system_category()};
}

Result<Endpoint> Layer::remote_endpoint() const {
  Endpoint endpoint;
  socklen_t size = endpoint.capacity();
  if (::getpeername(socket_->native_handle(), endpoint.data(), &size) != 0) {
    return tl::unexpected(std::error_code(errno, std::system_category()));
  }
  endpoint.resize(size);
  return endpoint;
}

Result<WebSocketStream> WebSocketStream::from_partially_read(wolframite::Loop& loop, Socket socket,
                                                             ConstBytes part, Role role,
                                                             SharedConfig config,
                                                             std::unique_ptr<TlsEngine> tls) {
  Loop& on = of_asio(loop);
  auto stream = TcpStream::from_partially_read(to_asio(on, std::move(socket)), part, role,
                                               std::move(config), std::move(tls));
  if (!stream) return tl::unexpected(stream.error());
  return WebSocketStream(on, std::move(*stream));
}

namespace {

Task<> answer_later(std::function<Task<Answer>(const Request&)> decide, const Request& request,
                    std::function<void(Answer)> respond) {
  respond(co_await decide(request));
}

using Opening = Pending<wolframite::asio::Client<tcp::socket>>;

Result<Client, ClientError> outcome(Loop& loop, Opening::State& state) {
  auto& [stream, response] = std::get<0>(state.results);
  if (state.error) return tl::unexpected(ClientError{state.error, std::move(response)});
  return Client{WebSocketStream(loop, std::move(stream)), std::move(*response)};
}

}  // namespace

Task<Result<WebSocketStream>> AcceptFunction::operator()(wolframite::Loop& loop, Socket socket,
                                                         AcceptOptions options) const {
  Loop& on = of_asio(loop);
  wolframite::asio::AcceptOptions with;
  with.config = options.config;
  with.on_request = options.on_request;
  with.tls = options.tls;
  if (options.on_request_async) {
    with.on_request_async = [&on, decide = options.on_request_async](
                                const Request& request, std::function<void(Answer)> respond) {
      on.spawn(answer_later(decide, request, std::move(respond)));
    };
  }
  Pending<TcpStream> pending(on, [&](auto handler) {
    wolframite::asio::async_accept(to_asio(on, std::move(socket)), std::move(with),
                                   std::move(handler));
  });
  const auto state = co_await pending;
  if (state->error) co_return tl::unexpected(state->error);
  co_return WebSocketStream(on, std::move(std::get<0>(state->results)));
}

Task<Result<Client, ClientError>> ClientFunction::operator()(wolframite::Loop& loop,
                                                             ClientRequest request, Socket socket,
                                                             ClientOptions options) const {
  Loop& on = of_asio(loop);
  wolframite::asio::ClientOptions with{options.config, options.connector};
  Opening pending(on, [&](auto handler) {
    wolframite::asio::async_client_tls(to_asio(on, std::move(socket)), std::move(request),
                                       std::move(with), std::move(handler));
  });
  const auto state = co_await pending;
  co_return outcome(on, *state);
}

Task<Result<Client, ClientError>> ConnectFunction::operator()(wolframite::Loop& loop,
                                                              ClientRequest request,
                                                              ConnectOptions options) const {
  Loop& on = of_asio(loop);
  Opening pending(on, [&](auto handler) {
    wolframite::asio::async_connect(on.executor(), std::move(request), options, std::move(handler));
  });
  const auto state = co_await pending;
  co_return outcome(on, *state);
}

namespace {

/// Waits for a socket.
class Dialling {
 public:
  Dialling(Loop& loop, std::vector<Endpoint> endpoints, const ConnectOptions& options)
      : state_(std::make_shared<State>()) {
    attempts_ = wolframite::asio::detail::Connecting::to_endpoints(
        loop.executor(), std::move(endpoints), options,
        [state = state_, &loop](std::error_code error, tcp::socket socket) {
          state->outcome = error ? Result<Socket>(tl::unexpected(of_system(error)))
                                 : Result<Socket>(Socket(socket.release()));
          if (const auto frame = std::exchange(state->frame, nullptr)) loop.resume(frame);
        });
  }
  Dialling(const Dialling&) = delete;
  Dialling& operator=(const Dialling&) = delete;
  ~Dialling() {
    state_->frame = nullptr;
    attempts_->cancel();
  }

  [[nodiscard]] bool await_ready() const { return state_->outcome.has_value(); }
  void await_suspend(std::coroutine_handle<> frame) { state_->frame = frame; }
  Result<Socket> await_resume() { return std::move(*state_->outcome); }

 private:
  struct State {
    std::coroutine_handle<> frame;
    std::optional<Result<Socket>> outcome;
  };
  std::shared_ptr<State> state_;
  std::shared_ptr<wolframite::asio::detail::Connecting> attempts_;
};

}  // namespace

Task<Result<Socket>> ConnectSocketFunction::operator()(wolframite::Loop& loop,
                                                       std::vector<Endpoint> endpoints,
                                                       ConnectOptions options) const {
  Dialling dialling(of_asio(loop), std::move(endpoints), options);
  co_return co_await dialling;
}

Task<Result<Socket>> ConnectSocketFunction::operator()(wolframite::Loop& loop, Endpoint endpoint,
                                                       ConnectOptions options) const {
  std::vector<Endpoint> endpoints{endpoint};
  if (endpoint.is_ip()) co_return co_await (*this)(loop, std::move(endpoints), options);
  auto socket = Socket::open(endpoint.family());
  if (socket && ::connect(socket->fd(), endpoint.data(), endpoint.size()) != 0) {
    co_return tl::unexpected(std::error_code(errno, std::system_category()));
  }
  co_return std::move(socket);
}

}  // namespace wolframite::asio_backend
