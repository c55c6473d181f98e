// The Asio adapter with the names that the contract's tests know: its loop turns an io_context, and
// its awaitables are completion handlers that resume coroutines.
#pragma once

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <coroutine>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "wolframite/asio.hpp"
#include "wolframite/handshake.hpp"
#include "wolframite/listener.hpp"
#include "wolframite/loop.hpp"
#include "wolframite/received.hpp"

namespace wolframite::asio_backend {

using tcp = asio::net::ip::tcp;
using TcpStream = wolframite::asio::WebSocketStream<tcp::socket>;

/// The context's executor, for the thread that has the loop: there it calls at once what may be
/// called at once, also between the runs of the context. For so the loop resumes coroutines.
class AtOnce {
 public:
  explicit AtOnce(asio::net::io_context& context) : context_(&context) {}

  [[nodiscard]] asio::net::execution_context& query(
      asio::net::execution::context_t) const noexcept {
    return *context_;
  }
  [[nodiscard]] AtOnce require(asio::net::execution::blocking_t::possibly_t) const {
    return AtOnce(*context_);
  }
  [[nodiscard]] AtOnce require(asio::net::execution::blocking_t::never_t) const {
    AtOnce later(*context_);
    later.at_once_ = false;
    return later;
  }
  template <class Function>
  void execute(Function function) const {
    if (at_once_) {
      function();
    } else {
      asio::net::post(*context_, std::move(function));
    }
  }
  bool operator==(const AtOnce&) const noexcept = default;

 private:
  asio::net::io_context* context_;
  bool at_once_ = true;
};

class Loop final : public wolframite::Loop {
 public:
  Loop();
  ~Loop() override;

  [[nodiscard]] asio::net::io_context& context() { return context_; }
  /// Of the streams.
  [[nodiscard]] asio::net::any_io_executor executor() { return AtOnce(context_); }

  // Of the adapter, not of the loop that carries it here.
  [[nodiscard]] std::size_t stream_count() const { return pool().streams(); }
  [[nodiscard]] wolframite::asio::detail::SharedMemory& memory() { return pool().memory(); }
  [[nodiscard]] wolframite::asio::detail::Pool& buffers() { return pool(); }

  [[nodiscard]] int fd() const override { return -1; }
  [[nodiscard]] Result<StreamCore*> adopt(Socket socket, Connection connection) override;
  [[nodiscard]] Result<std::unique_ptr<Listener>> listen(Socket socket, Endpoint local) override;
  [[nodiscard]] std::error_code begin_connect(ConnectAttempt& attempt) override;
  void abort_connect(ConnectAttempt&) noexcept override {}

 private:
  [[nodiscard]] wolframite::asio::detail::Pool& pool() const;
  void wait(std::optional<Time> until) override;
  void watch_mailbox();

  mutable asio::net::io_context context_{1};
  asio::net::posix::stream_descriptor mailbox_{context_};
};

/// A system error as the system's category has it: Asio 1.22 has one of its own, whose codes equal
/// no `std::errc`.
[[nodiscard]] inline std::error_code of_system(std::error_code error) {
  const bool from_asio = error.category() == static_cast<const std::error_category&>(
                                                 asio::net::error::get_system_category());
  return from_asio ? std::error_code(error.value(), std::system_category()) : error;
}

/// What an operation of the adapter and a coroutine that waits for it share.
template <class... Results>
struct Waiting {
  Loop* loop = nullptr;
  std::coroutine_handle<> frame;
  bool done = false;
  std::error_code error;
  std::tuple<Results...> results;
  asio::net::cancellation_signal signal;
};

/// An operation under way. Destroying it calls it off.
template <class... Results>
class [[nodiscard]] Pending {
 public:
  using State = Waiting<Results...>;

  template <class Begin>
  Pending(Loop& loop, Begin begin) : state_(std::make_shared<State>()) {
    state_->loop = &loop;
    begin(asio::net::bind_cancellation_slot(
        state_->signal.slot(), [state = state_](std::error_code error, Results... results) {
          state->done = true;
          state->error = of_system(error);
          state->results = std::tuple<Results...>(std::move(results)...);
          if (const auto frame = std::exchange(state->frame, nullptr)) state->loop->resume(frame);
        }));
  }
  Pending(Pending&&) noexcept = default;
  Pending& operator=(Pending&&) = delete;
  ~Pending() {
    if (!state_ || state_->done) return;
    state_->frame = nullptr;
    state_->signal.emit(asio::net::cancellation_type::total);
  }

  [[nodiscard]] bool await_ready() const { return state_->done; }
  void await_suspend(std::coroutine_handle<> frame) { state_->frame = frame; }
  [[nodiscard]] std::shared_ptr<State> await_resume() { return state_; }

 private:
  std::shared_ptr<State> state_;
};

class [[nodiscard]] Operation : public Pending<> {
 public:
  using Pending::Pending;
  std::error_code await_resume() { return Pending::await_resume()->error; }
};

class [[nodiscard]] NextAwaiter {
 public:
  NextAwaiter(Loop& loop, TcpStream& stream) : loop_(loop), stream_(stream) {}
  [[nodiscard]] bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    pending_.emplace(loop_, [this](auto handler) { stream_.async_next(std::move(handler)); });
    pending_->await_suspend(frame);
  }
  [[nodiscard]] Received await_resume() {
    const auto state = pending_->await_resume();
    if (state->error == asio::net::error::eof) return std::error_code{};
    if (state->error) return state->error;
    return std::get<0>(state->results).message;
  }

 private:
  friend class WebSocketStream;
  struct Given {
    Given() = default;
    Given(Message given) : message(given) {}
    Message message{Kind::binary, {}};
  };
  Loop& loop_;
  TcpStream& stream_;
  std::optional<Pending<Given>> pending_;
};

/// The layer below a stream, as a Socket.
class Layer {
 public:
  explicit Layer(tcp::socket& socket) : socket_(&socket) {}
  [[nodiscard]] bool is_open() const { return socket_->is_open(); }
  std::error_code set_option(int level, int name, int value);
  [[nodiscard]] Result<Endpoint> remote_endpoint() const;

 private:
  tcp::socket* socket_;
};

class WebSocketStream {
 public:
  [[nodiscard]] static Result<WebSocketStream> from_raw_socket(
      wolframite::Loop& loop, Socket socket, Role role, SharedConfig config = {},
      std::unique_ptr<TlsEngine> tls = {}) {
    return from_partially_read(loop, std::move(socket), {}, role, std::move(config),
                               std::move(tls));
  }
  [[nodiscard]] static Result<WebSocketStream> from_partially_read(
      wolframite::Loop& loop, Socket socket, ConstBytes part, Role role, SharedConfig config = {},
      std::unique_ptr<TlsEngine> tls = {});

  WebSocketStream(Loop& loop, TcpStream stream)
      : loop_(&loop), stream_(std::make_unique<TcpStream>(std::move(stream))) {}

  [[nodiscard]] NextAwaiter next() { return {*loop_, *stream_}; }
  Operation send(Kind kind, ConstBytes payload, bool last = true,
                 Compression compression = Compression::automatic) {
    return {*loop_, [&](auto handler) {
              stream_->async_send(kind, payload, last, compression, std::move(handler));
            }};
  }
  Operation send(Message&& message, Compression compression = Compression::automatic) {
    return {*loop_, [&](auto handler) {
              stream_->async_send(std::move(message), compression, std::move(handler));
            }};
  }
  Operation send(std::string_view text, Compression compression = Compression::automatic) {
    return {*loop_,
            [&](auto handler) { stream_->async_send(text, compression, std::move(handler)); }};
  }
  Operation send(Kind kind, SharedBytes payload, Compression compression = Compression::automatic) {
    return {*loop_, [&](auto handler) {
              stream_->async_send(kind, std::move(payload), compression, std::move(handler));
            }};
  }
  [[nodiscard]] std::error_code feed(Kind kind, ConstBytes payload, bool last = true,
                                     Compression compression = Compression::automatic) {
    return of_system(stream_->feed(kind, payload, last, compression));
  }
  [[nodiscard]] std::error_code feed(Kind kind, SharedBytes payload,
                                     Compression compression = Compression::automatic) {
    return stream_->feed(kind, std::move(payload), compression);
  }
  Operation ready() {
    return {*loop_, [&](auto handler) { stream_->async_ready(std::move(handler)); }};
  }
  Operation flush() {
    return {*loop_, [&](auto handler) { stream_->async_flush(std::move(handler)); }};
  }
  Operation close(CloseCode code = CloseCode::normal, std::string_view reason = {}) {
    return {*loop_, [&](auto handler) { stream_->async_close(code, reason, std::move(handler)); }};
  }
  [[nodiscard]] std::error_code ping(ConstBytes payload = {}) { return stream_->ping(payload); }
  [[nodiscard]] std::error_code pong(ConstBytes payload = {}) { return stream_->pong(payload); }
  void observe(Observer* observer) { stream_->observe(observer); }

  [[nodiscard]] bool is_terminated() const { return stream_->is_terminated(); }
  [[nodiscard]] const Closed* closed() const {
    if (stream_->closed() == nullptr) return nullptr;
    closed_.emplace(*stream_->closed());
    closed_->why = of_system(closed_->why);
    return &*closed_;
  }
  [[nodiscard]] const Config& config() const { return stream_->config(); }
  [[nodiscard]] Role role() const { return stream_->role(); }
  [[nodiscard]] wolframite::Loop& loop() const { return *loop_; }
  [[nodiscard]] Layer& next_layer() { return layer_.emplace(stream_->next_layer()); }
  [[nodiscard]] bool is_tls() const { return stream_->is_tls(); }
  [[nodiscard]] std::string_view tls_version() const { return stream_->tls_version(); }
  [[nodiscard]] std::string_view tls_cipher() const { return stream_->tls_cipher(); }
  [[nodiscard]] std::string_view alpn() const { return stream_->alpn(); }
  [[nodiscard]] std::optional<PeerCertificate> peer_certificate() const {
    return stream_->peer_certificate();
  }
  [[nodiscard]] const TlsEngine* tls() const { return stream_->tls(); }
  [[nodiscard]] std::size_t pending_output() const { return stream_->pending_output(); }
  [[nodiscard]] bool holds_buffer() const { return stream_->holds_buffer(); }

 private:
  Loop* loop_;
  std::unique_ptr<TcpStream> stream_;  // awaiters refer to it while the handle may be moved
  std::optional<Layer> layer_;
  mutable std::optional<Closed> closed_;
};

struct Client {
  WebSocketStream stream;
  Response response;
};

// Objects and not functions, so that a call never finds those of the other adapters as well.
struct AcceptFunction {
  [[nodiscard]] Task<Result<WebSocketStream>> operator()(wolframite::Loop& loop, Socket socket,
                                                         AcceptOptions options = {}) const;
};
struct ClientFunction {
  [[nodiscard]] Task<Result<Client, ClientError>> operator()(wolframite::Loop& loop,
                                                             ClientRequest request, Socket socket,
                                                             ClientOptions options = {}) const;
};
struct ConnectFunction {
  [[nodiscard]] Task<Result<Client, ClientError>> operator()(wolframite::Loop& loop,
                                                             ClientRequest request,
                                                             ConnectOptions options = {}) const;
};
struct ConnectSocketFunction {
  [[nodiscard]] Task<Result<Socket>> operator()(wolframite::Loop& loop,
                                                std::vector<Endpoint> endpoints,
                                                ConnectOptions options = {}) const;
  [[nodiscard]] Task<Result<Socket>> operator()(wolframite::Loop& loop, Endpoint endpoint,
                                                ConnectOptions options = {}) const;
};
inline constexpr AcceptFunction accept;
inline constexpr ClientFunction client;
inline constexpr ConnectFunction connect;
inline constexpr ConnectSocketFunction connect_socket;

using wolframite::Listener;
using wolframite::ListenOptions;

}  // namespace wolframite::asio_backend
