/// @file
/// A WebSocket as a stream and sink of messages, for Asio.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "wolframite/asio/detail/engine.hpp"
#include "wolframite/asio/detail/initiate.hpp"
#include "wolframite/asio/detail/layer.hpp"
#include "wolframite/asio/detail/net.hpp"
#include "wolframite/asio/layer.hpp"
#include "wolframite/config.hpp"
#include "wolframite/detail/payload.hpp"
#include "wolframite/event.hpp"
#include "wolframite/result.hpp"
#include "wolframite/tls_engine.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio {

/// A completion token: anything but what may stand before one.
template <class T>
concept CompletionToken =
    !std::is_same_v<std::decay_t<T>, bool> && !std::is_same_v<std::decay_t<T>, Compression>;

/// One end of an open WebSocket connection over `NextLayer`: a socket, an `ssl::stream`, or any
/// other `Layer`. Made by `async_accept`, `async_client`,
/// `async_connect`, `from_raw_socket` and `from_partially_read`.
///
/// Any thread may initiate: the functions whose names begin with `async_` may be called from any,
/// and what they begin happens on the stream's executor, the operations that one thread initiates
/// in the order of their calls. All else is called on the executor, or while nothing runs it: the
/// functions that return at once (`feed`, `ping`, `cancel`, questions), moving and destroying the
/// handle, which has to stay where it is while another thread initiates. Where several threads run
/// the executor, it is a strand. What a handler's cancellation slot is emitted on is the handler's
/// associated executor. Handlers are called on their associated executor,
/// which is the stream's by default, and never from inside the function that began the operation;
/// unless one has an immediate executor of its own (Asio 1.27), and the operation is done at once.
/// Any number of sends, flushes and closes may be under way, and one `async_next` beside them.
///
/// Cancellation, of any type, loses nothing: the next `async_next` goes on where a cancelled one
/// was, and a send is cancelled only while it waits for room, with nothing of it queued. What a
/// cancelled flush or close has begun goes on by itself.
///
/// Destroying the handle of an open stream writes once what is queued and closes the layer,
/// without a closing handshake: `async_close` first. Where the closing handshake is under way
/// already, or the peer was failed for an error, it goes on without the handle until its end or
/// `Config::close_timeout`. What waits on the stream completes with `operation_aborted`. The layer
/// lives until the handlers of what is in flight on it were called.
template <class NextLayer>
class WebSocketStream {
  static_assert(detail::RequireLayer<NextLayer>::is_met);

 public:
  using next_layer_type = NextLayer;                        ///< what the stream is over
  using executor_type = typename NextLayer::executor_type;  ///< the layer's
  /// The stream over the same layer with another executor.
  template <class Executor>
  struct rebind_executor {
    /// That stream.
    using other = WebSocketStream<typename NextLayer::template rebind_executor<Executor>::other>;
  };
  /// The completion token where none is given: the executor's.
  using Token = typename net::default_completion_token<executor_type>::type;

  /// Wraps a connected layer whose opening handshake was done elsewhere. `invalid_config` is the
  /// only error. If the handshake went over TLS of this library then `tls` is its engine.
  [[nodiscard]] static Result<WebSocketStream> from_raw_socket(
      NextLayer layer, Role role, SharedConfig config = {}, std::unique_ptr<TlsEngine> tls = {}) {
    return from_partially_read(std::move(layer), {}, role, std::move(config), std::move(tls));
  }

  /// The same, with bytes that were read, and decrypted, beyond the handshake. They are copied.
  [[nodiscard]] static Result<WebSocketStream> from_partially_read(
      NextLayer layer, ConstBytes part, Role role, SharedConfig config = {},
      std::unique_ptr<TlsEngine> tls = {});

  /// No stream, as what could not be opened gives. It may be assigned to and destroyed.
  WebSocketStream() = default;
  WebSocketStream(WebSocketStream&&) noexcept = default;  ///< leaves no stream behind
  /// Destroys the stream that was here. Leaves none behind.
  WebSocketStream& operator=(WebSocketStream&& other) noexcept {
    if (this != &other) {
      reset();
      engine_ = std::move(other.engine_);
    }
    return *this;
  }
  ~WebSocketStream() { reset(); }

  /// Whether there is a stream.
  explicit operator bool() const { return engine_ != nullptr; }

  /// Waits for the next message: `void(error_code, Message)`. The message's bytes live until the
  /// next `async_next` on this stream, whatever happens meanwhile. After the end the error is
  /// `asio::error::eof` if that was clean, otherwise `closed()->why`; for ever.
  ///
  /// While nobody waits here nothing is read from the layer, and the peer is held up before long;
  /// its pings are not answered meanwhile. Timers go on; see Connection::advance for what input
  /// that is left unread puts off. A second `async_next` while one waits gets
  /// `Error::already_reading`.
  template <CompletionToken T = Token>
  auto async_next(T&& token = T()) {
    return net::async_initiate<T, void(error_code, Message)>(
        detail::Initiation<detail::MessageOperation>{engine_}, token);
  }

  /// Sends a message, or a fragment of one unless `last`: `void(error_code)`. Queues it, to be
  /// written together with others once the handlers of this turn have run, and completes at once;
  /// waits only while `Config::write_buffer_size` or more is queued. `payload` must stay until it
  /// completes; or give it away, as an rvalue of a string or vector. Sends are queued in the order
  /// of their calls. `compression` can keep a message from being compressed where that was agreed
  /// on; what the first fragment says counts. Errors: of class `misuse`, or why the stream has
  /// ended.
  template <CompletionToken T = Token>
  auto async_send(Kind kind, ConstBytes payload WOLFRAMITE_LIFETIMEBOUND, T&& token = T()) {
    return async_send(kind, payload, true, Compression::automatic, std::forward<T>(token));
  }
  /// Sends a fragment, or the last one.
  template <CompletionToken T = Token>
  auto async_send(Kind kind, ConstBytes payload WOLFRAMITE_LIFETIMEBOUND, bool last,
                  T&& token = T()) {
    return async_send(kind, payload, last, Compression::automatic, std::forward<T>(token));
  }
  /// The same, and says whether it may be compressed.
  template <CompletionToken T = Token>
  auto async_send(Kind kind, ConstBytes payload WOLFRAMITE_LIFETIMEBOUND, bool last,
                  Compression compression, T&& token = T()) {
    return initiate<detail::PlainOperation>(token, kind, payload, last, compression);
  }
  /// Sends `text`, which must be UTF-8.
  template <CompletionToken T = Token>
  auto async_send(std::string_view text WOLFRAMITE_LIFETIMEBOUND, T&& token = T()) {
    return async_send(Kind::text, bytes_of(text), true, Compression::automatic,
                      std::forward<T>(token));
  }
  /// The same, and says whether it may be compressed.
  template <CompletionToken T = Token>
  auto async_send(std::string_view text WOLFRAMITE_LIFETIMEBOUND, Compression compression,
                  T&& token = T()) {
    return async_send(Kind::text, bytes_of(text), true, compression, std::forward<T>(token));
  }
  /// Sends a payload that a server does not copy unless it compresses it, to one stream or to many.
  template <CompletionToken T = Token>
  auto async_send(Kind kind, SharedBytes payload, T&& token = T()) {
    return async_send(kind, std::move(payload), Compression::automatic, std::forward<T>(token));
  }
  /// The same, and says whether it may be compressed.
  template <CompletionToken T = Token>
  auto async_send(Kind kind, SharedBytes payload, Compression compression, T&& token = T()) {
    return initiate<detail::PlainOperation>(token, kind, std::move(payload), compression);
  }
  /// Sends a payload that is given away: an rvalue of a string, a vector, or whatever owns its
  /// bytes. The operation owns it from here, so that nothing has to stay.
  template <wolframite::detail::GivenAway P, CompletionToken T = Token>
  auto async_send(Kind kind, P&& payload, T&& token = T()) {
    return async_send(kind, wolframite::detail::own(std::forward<P>(payload)),
                      Compression::automatic, std::forward<T>(token));
  }
  /// The same, and says whether it may be compressed.
  template <wolframite::detail::GivenAway P, CompletionToken T = Token>
  auto async_send(Kind kind, P&& payload, Compression compression, T&& token = T()) {
    return async_send(kind, wolframite::detail::own(std::forward<P>(payload)), compression,
                      std::forward<T>(token));
  }
  /// The same for a fragment, or the last one.
  template <wolframite::detail::GivenAway P, CompletionToken T = Token>
  auto async_send(Kind kind, P&& payload, bool last, T&& token = T()) {
    return async_send(kind, std::forward<P>(payload), last, Compression::automatic,
                      std::forward<T>(token));
  }
  /// The same, and says whether it may be compressed.
  template <wolframite::detail::GivenAway P, CompletionToken T = Token>
  auto async_send(Kind kind, P&& payload, bool last, Compression compression, T&& token = T()) {
    return initiate<detail::PlainOperation>(
        token, kind, wolframite::detail::own(std::forward<P>(payload)), last, compression);
  }
  /// Sends a text, UTF-8, that is given away.
  template <wolframite::detail::TextGivenAway P, CompletionToken T = Token>
  auto async_send(P&& text, T&& token = T()) {
    return async_send(Kind::text, wolframite::detail::own(std::forward<P>(text)),
                      Compression::automatic, std::forward<T>(token));
  }
  /// The same, and says whether it may be compressed.
  template <wolframite::detail::TextGivenAway P, CompletionToken T = Token>
  auto async_send(P&& text, Compression compression, T&& token = T()) {
    return async_send(Kind::text, wolframite::detail::own(std::forward<P>(text)), compression,
                      std::forward<T>(token));
  }

  /// Sends on a message, or a piece of one, that `async_next` has given. A server does not copy it
  /// where it came whole from this stream and is large: it goes out from where it was put together,
  /// or from the receive buffer that it fills. Its octets must not be used any more; while the send
  /// waits, `async_next` must not be called. Otherwise as the first `async_send`.
  template <CompletionToken T = Token>
  auto async_send(Message&& message, T&& token = T()) {
    return async_send(std::move(message), Compression::automatic, std::forward<T>(token));
  }
  /// The same, and says whether it may be compressed.
  template <CompletionToken T = Token>
  auto async_send(Message&& message, Compression compression, T&& token = T()) {
    return initiate<detail::PlainOperation>(token, Message(message), compression);
  }

  /// Queues a message whatever is queued already, and has it written by a later flush or send; or
  /// soon, if `Config::write_buffer_size` is reached. `write_buffer_full` above
  /// `Config::max_write_buffer_size`.
  [[nodiscard]] std::error_code feed(Kind kind, ConstBytes payload, bool last = true,
                                     Compression compression = Compression::automatic) {
    return here().feed(kind, payload, last, compression);
  }
  /// The same for a payload that a server does not copy unless it compresses it.
  [[nodiscard]] std::error_code feed(Kind kind, SharedBytes payload,
                                     Compression compression = Compression::automatic) {
    return here().feed(kind, std::move(payload), compression);
  }

  /// Waits until less than `Config::write_buffer_size` is queued, and nothing waits to be sent
  /// before: `void(error_code)`.
  template <CompletionToken T = Token>
  auto async_ready(T&& token = T()) {
    return initiate<detail::PlainOperation>(token, detail::Operation::What::ready);
  }

  /// Writes what is queued now, and waits until the layer has taken all that was handed over
  /// before: `void(error_code)`.
  template <CompletionToken T = Token>
  auto async_flush(T&& token = T()) {
    return initiate<detail::PlainOperation>(token, detail::Operation::What::flush);
  }

  /// Closes the connection: sends a Close, waits for the peer's and for the end of the stream,
  /// which a server brings about itself; at most `Config::close_timeout`: `void(error_code)`.
  /// Messages that still come are discarded unless `async_next` waits for them; whether or not it
  /// does, closing goes on. No error if the closing handshake was completed, whoever began it. RFC
  /// 6455 §7.1.2.
  template <CompletionToken T = Token>
  auto async_close(T&& token = T()) {
    return async_close(CloseCode::normal, std::string_view(), std::forward<T>(token));
  }
  /// The same, with a status code.
  template <CompletionToken T = Token>
  auto async_close(CloseCode code, T&& token = T()) {
    return async_close(code, std::string_view(), std::forward<T>(token));
  }
  /// The same, with a status code and a reason of at most 123 octets of UTF-8, which is copied.
  template <CompletionToken T = Token>
  auto async_close(CloseCode code, std::string_view reason, T&& token = T()) {
    return initiate<detail::CloseOperation>(token, code, std::string(reason));
  }

  /// Queues a ping of at most 125 octets.
  [[nodiscard]] std::error_code ping(ConstBytes payload = {}) { return here().ping(payload); }
  /// Queues an unasked-for pong of at most 125 octets.
  [[nodiscard]] std::error_code pong(ConstBytes payload = {}) { return here().pong(payload); }

  /// Takes back everything that waits on this stream; it completes with `operation_aborted`.
  void cancel() { engine_->cancel_all(); }

  /// Whether the stream has ended: `async_next` gives nothing more.
  [[nodiscard]] bool is_terminated() const { return engine_->closed() != nullptr; }

  /// How the stream ended, or null as long as `async_next` may give something.
  [[nodiscard]] const Closed* closed() const { return engine_->closed(); }

  /// Tells `observer` of all frames and events from here on; null ends that. It must live until
  /// then, or until `closed()` tells that the stream has ended. `Counters` is one that counts.
  void observe(Observer* observer) { engine_->observe(observer); }

  /// The limits and choices, which live as long as the stream.
  [[nodiscard]] const Config& config() const { return engine_->connection().config(); }
  /// Which end this is.
  [[nodiscard]] Role role() const { return engine_->connection().role(); }
  /// The layer's executor, on which all of the stream happens.
  [[nodiscard]] executor_type get_executor() const { return engine_->layer().get_executor(); }

  /// The layer below; a socket is made non-blocking. Neither read nor write it. It is closed once
  /// the connection is over for good.
  [[nodiscard]] const NextLayer& next_layer() const { return engine_->layer(); }
  /// The layer below, to be changed with the same care.
  [[nodiscard]] NextLayer& next_layer() { return engine_->layer(); }

  /// Whether the bytes are encrypted by this library. Of a layer that does it only the layer knows.
  [[nodiscard]] bool is_tls() const { return tls() != nullptr; }
  /// The version agreed on, such as `TLSv1.3`; empty without TLS.
  [[nodiscard]] std::string_view tls_version() const { return tls() ? tls()->version() : ""; }
  /// The cipher suite, by its standard name; empty without TLS.
  [[nodiscard]] std::string_view tls_cipher() const { return tls() ? tls()->cipher() : ""; }
  /// The protocol agreed on by ALPN; empty if none was.
  [[nodiscard]] std::string_view alpn() const { return tls() ? tls()->application_protocol() : ""; }
  /// Who the peer has shown to be, if it has.
  [[nodiscard]] std::optional<PeerCertificate> peer_certificate() const {
    return tls() ? tls()->peer_certificate() : std::nullopt;
  }
  /// The TLS of this library below, or null.
  [[nodiscard]] const TlsEngine* tls() const { return engine_->session().tls(); }

  /// Octets that are queued and not yet with the layer.
  [[nodiscard]] std::size_t pending_output() const { return engine_->session().pending_output(); }

  /// Whether a receive buffer is lent to this stream. An idle one over a socket holds none.
  [[nodiscard]] bool holds_buffer() const { return engine_->holds_buffer(); }

  /// Takes over what is below, for those who build on streams.
  explicit WebSocketStream(std::shared_ptr<detail::EngineOver<NextLayer>> engine)
      : engine_(std::move(engine)) {}
  /// What is below, for those who build on streams.
  [[nodiscard]] detail::Engine& engine() { return *engine_; }

 private:
  template <class Operation, class T, class... Arguments>
  auto initiate(T& token, Arguments... arguments) {
    return net::async_initiate<T, void(error_code)>(detail::Initiation<Operation>{engine_}, token,
                                                    std::move(arguments)...);
  }
  // On the executor: with what was initiated before.
  [[nodiscard]] detail::Engine& here() {
    engine_->begin_arrived();
    return *engine_;
  }
  void reset() noexcept {
    if (engine_) std::exchange(engine_, nullptr)->abandon();
  }

  std::shared_ptr<detail::EngineOver<NextLayer>> engine_;
};

template <class NextLayer>
Result<WebSocketStream<NextLayer>> WebSocketStream<NextLayer>::from_partially_read(
    NextLayer layer, ConstBytes part, Role role, SharedConfig config,
    std::unique_ptr<TlsEngine> tls) {
  if (const Error error = config->check(); error != Error::none) {
    return tl::unexpected(make_error_code(error));
  }
  Connection connection =
      Connection::from_partially_read(part, role, &detail::entropy(), std::move(config),
                                      &detail::pool_of(layer.get_executor()).memory());
  auto engine = detail::EngineOver<NextLayer>::make(std::move(layer), std::move(connection));
  if (tls) engine->use_tls(std::move(tls));
  return WebSocketStream(std::move(engine));
}

}  // namespace wolframite::asio
#pragma GCC visibility pop
