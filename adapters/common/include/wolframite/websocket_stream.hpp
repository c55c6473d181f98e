/// @file
/// A WebSocket as a stream and sink of messages.
#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "wolframite/bytes.hpp"
#include "wolframite/config.hpp"
#include "wolframite/detail/payload.hpp"
#include "wolframite/event.hpp"
#include "wolframite/loop.hpp"
#include "wolframite/received.hpp"
#include "wolframite/result.hpp"
#include "wolframite/socket.hpp"
#include "wolframite/stream_core.hpp"
#include "wolframite/tls_engine.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// What `co_await stream.next()` waits on.
class [[nodiscard]] NextAwaiter : public InputAwaiter {
 public:
  /// Waits on `core`; see WebSocketStream::next.
  explicit NextAwaiter(StreamCore& core) : InputAwaiter(core) {}
  [[nodiscard]] Received await_resume() {
    if (!is_refused()) {
      if (const auto message = resumed().take_message()) return *message;
    }
    return why_none();
  }

 private:
  [[nodiscard]] std::error_code why_none() const;
};

/// A send, ready, flush or close under way: `co_await` it for its outcome. Destroying it calls it
/// off; the message of a send that waited is then not sent at all, and one that did not wait is
/// sent whole.
class [[nodiscard]] Operation {
 public:
  /// One that is done already. Implicit on purpose: commands return their error as it is.
  Operation(std::error_code result) : category_(&result.category()), value_(result.value()) {}
  /// One that waits, owned by this from here on.
  explicit Operation(detail::PendingOperation& pending) : pending_(&pending), waits_(true) {}
  /// Takes over the wait. Not once it is awaited. `other` may then only be destroyed.
  Operation(Operation&& other) noexcept : value_(other.value_), waits_(other.waits_) {
    if (waits_) {
      pending_ = other.pending_;
      other.category_ = &std::system_category();
      other.waits_ = false;
    } else {
      category_ = other.category_;
    }
  }
  Operation& operator=(Operation&&) = delete;
  ~Operation() {
    if (waits_) call_off();
  }

  /// Whether it had to wait when it was made.
  [[nodiscard]] bool waits() const noexcept { return waits_; }
  /// Has a send that waits send these bytes, and own them meanwhile. Precondition: `waits()`.
  void own(SharedBytes payload) noexcept {
    pending_->shared = std::move(payload);
    pending_->payload = pending_->shared.bytes();
  }

  [[nodiscard]] bool await_ready() const noexcept { return !waits_ || pending_->core == nullptr; }
  void await_suspend(std::coroutine_handle<> frame) noexcept { pending_->frame = frame; }
  std::error_code await_resume() const noexcept {
    return waits_ ? pending_->result : std::error_code(value_, *category_);
  }

 private:
  void call_off() noexcept;

  // Small as an error code, for the frame of every coroutine that sends holds one.
  union {
    detail::PendingOperation* pending_;    // if it had to wait
    const std::error_category* category_;  // of the outcome, if it was done at once
  };
  int value_ = 0;
  bool waits_ = false;
};

/// One end of an open WebSocket connection: messages come out of `next` and go into `send`.
///
/// Made by `accept`, `client`, `connect`, `from_raw_socket` and `from_partially_read`. One
/// coroutine at a time may wait in `next`; any number may send, flush and close meanwhile. All of
/// them run on the loop's thread, and the loop outlives the stream.
///
/// Destroying the handle of an open stream writes once what is queued and closes the socket,
/// without a closing handshake: `close` first. Where the closing handshake is under way already, or
/// the peer was failed for an error, it goes on without the handle until its end or
/// `Config::close_timeout`. Coroutines that still wait on the stream get
/// `errc::operation_canceled`.
class WebSocketStream {
 public:
  /// Wraps a connected socket whose opening handshake was done elsewhere. `invalid_config`, or what
  /// the system says. If the handshake went over TLS then `tls` is the engine that it went through.
  [[nodiscard]] static Result<WebSocketStream> from_raw_socket(Loop& loop, Socket socket, Role role,
                                                               SharedConfig config = {},
                                                               std::unique_ptr<TlsEngine> tls = {});

  /// The same, with bytes that were read, and decrypted, beyond the handshake. They are copied.
  [[nodiscard]] static Result<WebSocketStream> from_partially_read(
      Loop& loop, Socket socket, ConstBytes part, Role role, SharedConfig config = {},
      std::unique_ptr<TlsEngine> tls = {});

  /// Takes over a stream that a loop has made.
  explicit WebSocketStream(StreamCore& core) : core_(&core) {}
  /// Takes over the stream. What is left of the other may only be destroyed or assigned to.
  WebSocketStream(WebSocketStream&&) noexcept = default;
  /// Lets go of this stream as destroying it does, and takes over the other.
  WebSocketStream& operator=(WebSocketStream&&) noexcept = default;
  ~WebSocketStream() = default;

  /// Waits for the next message. After the end there is none, for ever, and `closed()` says why.
  /// The message's bytes live until the next `next` on this stream, whatever happens meanwhile.
  ///
  /// While nobody waits here nothing is read from the socket, and the peer is held up before long;
  /// its pings are not answered meanwhile. Timers go on; see Connection::advance for what input
  /// that is left unread puts off. Cancelling loses nothing. While another coroutine waits here a
  /// second gets `Error::already_reading` at once, and the first goes on waiting.
  [[nodiscard]] NextAwaiter next() { return NextAwaiter(*core_); }

  /// Sends a message, or a fragment of one unless `last`. Queues it, to be written at the end of
  /// the loop's turn together with others, and completes at once; waits only while
  /// `Config::write_buffer_size` or more is queued, and then `payload` must stay until it
  /// completes. Sends are queued in the order of their calls. `compression` can keep a message from
  /// being compressed where that was agreed on; what the first fragment says counts. Errors: of
  /// class `misuse`, or why the stream has ended.
  Operation send(Kind kind, ConstBytes payload WOLFRAMITE_LIFETIMEBOUND, bool last = true,
                 Compression compression = Compression::automatic) {
    return core_->send(kind, payload, last, compression);
  }
  /// Sends `text`, which must be UTF-8.
  Operation send(std::string_view text WOLFRAMITE_LIFETIMEBOUND,
                 Compression compression = Compression::automatic) {
    return core_->send(Kind::text, bytes_of(text), true, compression);
  }
  /// Sends a string, a vector or what else owns its bytes and is given away: the send owns it while
  /// it waits. Otherwise as the first `send`.
  template <detail::GivenAway P>
  Operation send(Kind kind, P&& payload, bool last = true,
                 Compression compression = Compression::automatic) {
    Operation operation = core_->send(kind, detail::view_of<P>(payload), last, compression);
    if (operation.waits()) operation.own(detail::own(std::forward<P>(payload)));
    return operation;
  }
  /// Sends text that is given away, which must be UTF-8, in the same way.
  template <detail::TextGivenAway P>
  Operation send(P&& text, Compression compression = Compression::automatic) {
    return send(Kind::text, std::forward<P>(text), true, compression);
  }
  /// Sends a payload that a server does not copy unless it compresses it, to one stream or to many.
  Operation send(Kind kind, SharedBytes payload, Compression compression = Compression::automatic) {
    return core_->send(kind, std::move(payload), compression);
  }

  /// Sends on a message, or a piece of one, that `next` has given. A server does not copy it where
  /// it came whole from this stream and is large: it goes out from where it was put together, or
  /// from the receive buffer that it fills. Its octets must not be used any more; while the send
  /// waits, `next` must not be called. Otherwise as the first `send`.
  Operation send(Message&& message, Compression compression = Compression::automatic) {
    return core_->send(std::move(message), compression);
  }

  /// Queues a message whatever is queued already, and has it written by a later `flush` or `send`;
  /// or soon, if `Config::write_buffer_size` is reached. `write_buffer_full` above
  /// `Config::max_write_buffer_size`.
  [[nodiscard]] std::error_code feed(Kind kind, ConstBytes payload, bool last = true,
                                     Compression compression = Compression::automatic) {
    return core_->feed(kind, payload, last, compression);
  }
  /// Queues a payload that a server does not copy unless it compresses it, in the same way.
  [[nodiscard]] std::error_code feed(Kind kind, SharedBytes payload,
                                     Compression compression = Compression::automatic) {
    return core_->feed(kind, std::move(payload), compression);
  }

  /// Waits until less than `Config::write_buffer_size` is queued, and nothing waits to be sent
  /// before.
  Operation ready() { return core_->ready(); }

  /// Writes what is queued now, and waits until the kernel has all that was handed over before.
  Operation flush() { return core_->flush(); }

  /// Closes the connection: sends a Close, waits for the peer's and for the end of the stream,
  /// which a server brings about itself; at most `Config::close_timeout`. Messages that still come
  /// are discarded unless `next` waits for them by the end of the turn. No error if the closing
  /// handshake was completed, whoever began it. RFC 6455 §7.1.2.
  Operation close(CloseCode code = CloseCode::normal, std::string_view reason = {}) {
    return core_->close(code, reason);
  }

  /// Queues a ping of at most 125 octets, to be written at the end of the turn. Its answer is not
  /// told. Errors: those of Connection::ping, or why the stream has ended. RFC 6455 §5.5.2.
  [[nodiscard]] std::error_code ping(ConstBytes payload = {}) { return core_->ping(payload); }
  /// Queues a pong of at most 125 octets that nobody asked for. Errors as of `ping`. RFC 6455
  /// §5.5.3.
  [[nodiscard]] std::error_code pong(ConstBytes payload = {}) { return core_->pong(payload); }

  /// Whether the stream has ended: `next` gives nothing more.
  [[nodiscard]] bool is_terminated() const { return core_->closed() != nullptr; }

  /// How the stream ended, or null as long as `next` may give something.
  [[nodiscard]] const Closed* closed() const { return core_->closed(); }

  /// What it was opened with; lives as long as the stream.
  [[nodiscard]] const Config& config() const { return core_->connection().config(); }
  [[nodiscard]] Role role() const { return core_->connection().role(); }  ///< this end's
  [[nodiscard]] Loop& loop() const { return core_->loop(); }              ///< outlives the stream

  /// The socket below. It is closed (`is_open()` false) once the connection is over for good.
  /// Neither read nor write it.
  [[nodiscard]] const Socket& next_layer() const { return std::as_const(*core_).socket(); }
  /// The same, to set options.
  [[nodiscard]] Socket& next_layer() { return core_->socket(); }

  /// Whether the bytes are encrypted.
  [[nodiscard]] bool is_tls() const { return tls() != nullptr; }
  /// The version agreed on, such as `TLSv1.3`; empty without TLS.
  [[nodiscard]] std::string_view tls_version() const { return tls() ? tls()->version() : ""; }
  /// The cipher suite agreed on, such as `TLS_AES_256_GCM_SHA384`; empty without TLS.
  [[nodiscard]] std::string_view tls_cipher() const { return tls() ? tls()->cipher() : ""; }
  /// The application protocol agreed on, such as `http/1.1`; empty without TLS or ALPN (RFC 7301).
  [[nodiscard]] std::string_view alpn() const { return tls() ? tls()->application_protocol() : ""; }
  /// Who the peer has shown to be, if it has.
  [[nodiscard]] std::optional<PeerCertificate> peer_certificate() const {
    return tls() ? tls()->peer_certificate() : std::nullopt;
  }
  /// The TLS below, or null.
  [[nodiscard]] const TlsEngine* tls() const { return core_->session().tls(); }

  /// Tells `observer` of all frames and events from here on; null ends that. It must live until
  /// then, or until `closed()` tells that the stream has ended. `Counters` is one that counts.
  void observe(Observer* observer) { core_->observe(observer); }

  /// Octets that are queued and not yet with the kernel.
  [[nodiscard]] std::size_t pending_output() const { return core_->session().pending_output(); }

  /// Whether a receive buffer is lent to this stream. An idle one holds none.
  [[nodiscard]] bool holds_buffer() const { return core_->holds_buffer(); }

  /// What is below, for those who build on streams.
  [[nodiscard]] StreamCore& core() { return *core_; }

 private:
  struct Abandon {
    void operator()(StreamCore* core) const noexcept { core->abandon(); }
  };
  std::unique_ptr<StreamCore, Abandon> core_;
};

}  // namespace wolframite
#pragma GCC visibility pop
