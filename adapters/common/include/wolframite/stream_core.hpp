/// @file
/// The half of a WebSocketStream that every adapter shares.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "wolframite/loop.hpp"
#include "wolframite/session.hpp"
#include "wolframite/socket.hpp"
#include "wolframite/waiter.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

class InputAwaiter;
class NextAwaiter;
class Operation;

/// For those who build a backend: received bytes that a stream has not taken in yet, in a buffer
/// lent by the backend; and the last event, whose views may point into them. A stream without input
/// has no lease. It lies at the beginning of its buffer, which is one of `Loop::buffers()`.
///
///     [ InputLease, ... | taken | not yet |      ]
///                       data    begin     end
struct InputLease {
  /// What the last event was, if its view is still alive.
  enum class Holds : std::uint8_t {
    nothing,   ///< no view
    request,   ///< Requested: `head` is a Request
    response,  ///< Opened or Refused: `head` is a Response, or null on a server
    message,   ///< `message`
  };

  std::byte* data = nullptr;          ///< the buffer; the backend sets it
  std::uint32_t begin = 0;            ///< where the octets not taken in begin
  std::uint32_t end = 0;              ///< where they end; the backend sets it before `received`
  Message message{Kind::binary, {}};  ///< what `next` gives, or gave
  const void* head = nullptr;         ///< the Request or Response
  Holds holds = Holds::nothing;       ///< what was not handed out, or is looked at just now
  bool handed_out = false;            ///< somebody looks at it; the next call of `next` ends that
  bool sent_on = false;  ///< its octets are output as well: whoever needs the buffer longer returns
                         ///< it
};

namespace detail {

/// A send, ready, flush or close that has to wait.
struct PendingOperation : Waiter {
  enum class What : std::uint8_t { send, send_on, send_shared, ready, flush, close };

  Loop* loop = nullptr;
  StreamCore* core = nullptr;  // null once it is done
  ConstBytes payload;
  SharedBytes shared;
  std::size_t unwritten = 0;  // flush: octets ahead of it, once `begun`
  std::error_code result;
  What what = What::send;
  Kind kind = Kind::binary;
  Compression compression = Compression::automatic;
  bool first = true;
  bool last = true;
  bool begun = false;
};

}  // namespace detail

/// One WebSocket connection on a loop: everything but its system calls, which backends add. For
/// those who build a backend, or awaitables of their own; everybody else has WebSocketStream.
///
/// Backends call `received`, `received_eof`, `wrote` and `write_failed`, and are asked to read,
/// write, shut down and close. What coroutines do marks the stream for attention; at the end of the
/// turn `settle` does whatever is to be done.
class StreamCore : public Timer {
 public:
  /// Where an opening handshake has come to.
  enum class Step : unsigned char {
    requested,  ///< server: `request()` waits for `accept` or `refuse`
    opened,     ///< messages may go; a client has `response()`
    refused,    ///< client: the server said no in `response()`; `closed` follows
    closed,     ///< it is over; `closed()` says why
  };

  /// Takes over a socket and the connection that is to go over it. The loop counts it, and looks
  /// after it from the end of this turn on.
  StreamCore(Loop& loop, Socket socket, Connection connection);
  virtual ~StreamCore();

  /// Has all bytes pass through TLS. Before anything else is asked of the stream.
  void use_tls(std::unique_ptr<TlsEngine> engine) {
    session_.use_tls(std::move(engine), loop_.memory());
  }

  /// @name Commands
  /// Those of WebSocketStream, which describes them.
  /// @{

  /// See WebSocketStream::feed.
  [[nodiscard]] std::error_code feed(Kind kind, ConstBytes payload, bool last,
                                     Compression compression);
  /// See WebSocketStream::feed.
  [[nodiscard]] std::error_code feed(Kind kind, SharedBytes payload, Compression compression);
  /// See WebSocketStream::send.
  [[nodiscard]] Operation send(Kind kind, ConstBytes payload, bool last, Compression compression);
  /// See WebSocketStream::send.
  [[nodiscard]] Operation send(Kind kind, SharedBytes payload, Compression compression);
  /// See WebSocketStream::send.
  [[nodiscard]] Operation send(Message&& message, Compression compression);
  [[nodiscard]] Operation ready();  ///< see WebSocketStream::ready
  [[nodiscard]] Operation flush();  ///< see WebSocketStream::flush
  /// See WebSocketStream::close.
  [[nodiscard]] Operation close(CloseCode code, std::string_view reason);
  [[nodiscard]] std::error_code ping(ConstBytes payload);  ///< see WebSocketStream::ping
  [[nodiscard]] std::error_code pong(ConstBytes payload);  ///< see WebSocketStream::pong

  /// Lets go of the stream: its handle is gone. Its owner is the loop now.
  void abandon() noexcept;
  /// @}

  /// @name The opening handshake
  /// HandshakeAwaiter tells which step it has come to.
  /// @{

  /// The request to answer. Lives from `Step::requested` until `accept`, `refuse` or `drop_view`.
  [[nodiscard]] const Request& request() const {
    return *static_cast<const Request*>(input_->head);
  }
  /// Client: the server's answer. Lives from `Step::opened` or `Step::refused` until the next step
  /// is awaited, or `drop_view`.
  [[nodiscard]] const Response& response() const {
    return *static_cast<const Response*>(input_->head);
  }
  /// Agrees to the request; `Step::opened` follows. Errors: those of Connection::accept, or why the
  /// stream has ended meanwhile.
  [[nodiscard]] std::error_code accept(const Accept& with);
  /// Refuses the request. The response goes out even if the handle is gone. Errors: those of
  /// Connection::refuse.
  [[nodiscard]] std::error_code refuse(const Response& response);
  /// Ends the view of the last event.
  void drop_view() noexcept;
  /// @}

  /// How the stream ended, or null as long as there may be something to hand out.
  [[nodiscard]] const Closed* closed() const { return ended_ ? &ending_->closed : nullptr; }
  [[nodiscard]] Loop& loop() const { return loop_; }  ///< outlives the stream
  /// The connection, for questions.
  [[nodiscard]] const Connection& connection() const { return session_.connection(); }
  /// Tells `observer` of all frames and events from here on; null ends that.
  void observe(Observer* observer) { session_.connection().observe(observer); }
  /// The connection and its TLS, for questions.
  [[nodiscard]] const Session& session() const { return session_; }
  [[nodiscard]] Socket& socket() { return socket_; }              ///< closed once all is over
  [[nodiscard]] const Socket& socket() const { return socket_; }  ///< closed once all is over

  /// Begins to load a stream that will be told something soon into the processor's cache: with many
  /// streams it has left it since the last time.
  static void prefetch(const StreamCore* stream);
  /// The same for the coroutine that waits for input. Once the stream itself is there.
  void prefetch_reader() const;

  /// Whether a receive buffer is leased to this stream.
  [[nodiscard]] bool holds_buffer() const { return input_ != nullptr; }

 protected:
  /// @name What backends tell
  /// These may resume coroutines, except `wrote` and `write_failed`.
  /// @{

  /// Takes in what was read to `lease`, which the stream has from here until `give_back`.
  void received(InputLease& lease);
  /// Tells that reading has ended: cleanly (0), or with this errno.
  void received_eof(int error);
  /// Tells that the first `size` octets of the output were written.
  void wrote(std::size_t size);
  /// Tells that writing is over, and why. Nothing will be written after.
  void write_failed(int error);

  /// Whether somebody waits for input, and has used up all there was.
  [[nodiscard]] bool wants_input() const {
    return input_ == nullptr && (reader_ != nullptr || closing_ || orphaned_ || ended_) && !eof_ &&
           socket_.is_open() && session_.wants_read();
  }

  /// Whether `settle` would find nothing to do after a write, however often it is called.
  [[nodiscard]] bool is_settled() const {
    return !ended_ && !closing_ && !orphaned_ && waiters_ == nullptr &&
           session_.connection().is_open() && !session_.wants_write() && !session_.deadline();
  }

  /// @}
  /// @name What backends are asked for
  /// None of these may resume a coroutine.
  /// @{

  /// Begins to read: `wants_input` has become true.
  virtual void want_input() = 0;
  /// Hands over, as `received` would, input that was read before it was wanted; null if there is
  /// none. Asked for only while `readable_`.
  [[nodiscard]] virtual InputLease* kept_input() { return nullptr; }
  /// Lends an empty lease.
  [[nodiscard]] virtual InputLease& lend() = 0;
  /// Writes what `session_.output` shows, now or soon.
  virtual void write_output() = 0;
  /// Ends the sending side of the socket.
  virtual void shut_down() = 0;
  /// Closes the socket.
  virtual void close_socket() noexcept = 0;
  /// Deletes the stream, which is closed: now, or once the system uses its memory no more.
  virtual void destroy() noexcept { delete this; }
  /// @}

  /// Takes back what `lend` gave, or `received` was given.
  void give_back(InputLease& lease) noexcept {
    loop_.buffers().release(reinterpret_cast<std::byte*>(&lease));
  }

  /// Has `settle` called at the end of this turn.
  void attend() {
    if (!attended_) loop_.attend(*this);
  }

  // The socket comes first, for it fits into the padding of Timer.
  Socket socket_;              ///< closed once all is over
  Loop& loop_;                 ///< outlives the stream
  Session session_;            ///< what to write, and until when to read
  bool readable_ : 1 = false;  ///< backend: there may be input that was not read
  bool writable_ : 1 = true;   ///< backend: a write may succeed
  bool queued_ : 1 = false;    ///< backend: in a list of the loop's
  bool busy_ : 1 = false;      ///< backend: it looks after the input just now
  bool hung_up_ : 1 = false;   ///< backend: the end, or an error, is behind what can be read

 private:
  friend class Loop;
  friend class InputAwaiter;
  friend class NextAwaiter;
  friend class HandshakeAwaiter;
  friend class Operation;
  /// What only a stream has that is closing or closed.
  struct Ending {
    Closed closed{};                    // once it has ended
    std::string reason;                 // of `closed`
    std::unique_ptr<std::byte[]> kept;  // octets of the message that was handed out while closing
  };
  using What = detail::PendingOperation::What;

  // Reading.
  bool poll();  // awaiters: whether there is something to hand out
  [[nodiscard]] bool is_drained() const;
  [[nodiscard]] bool take_kept();
  bool take_in(bool deliver);  // receives until there is
  bool handle(const Event& event, bool deliver);
  void hold(InputLease::Holds what, const void* head);
  void hold_message(const Message& message);
  void release_input() noexcept;
  void proceed();
  void discard_unasked();
  void wake_reader();
  [[nodiscard]] std::optional<Message> take_message();
  void keep_message();
  [[nodiscard]] Ending& ending();
  [[nodiscard]] Step take_step();
  [[nodiscard]] bool is_view_out() const {
    return input_ != nullptr && input_->holds != InputLease::Holds::nothing;
  }

  // Writing.
  [[nodiscard]] bool can_write();
  [[nodiscard]] std::error_code why_not_writable() const;
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] bool make_room();
  void write_early();
  [[nodiscard]] bool goes_from_buffer(const Message& message) const;
  [[nodiscard]] SharedBytes share_input();
  [[nodiscard]] std::error_code send_from_buffer(Message&& message, Compression compression);
  detail::PendingOperation& wait(What what);
  void serve_waiters();
  [[nodiscard]] bool serve(detail::PendingOperation& operation);
  void finish(detail::PendingOperation& operation, std::error_code result) noexcept;
  void unlink(detail::PendingOperation& operation) noexcept;
  [[nodiscard]] bool is_send_waiting() const;
  template <class Function>
  void for_each_waiter(Function function);
  void fail_waiters(std::error_code why) noexcept;
  [[nodiscard]] std::error_code end_reason() const;

  // Time, and the end of the turn.
  void fire() override;
  void tell_time() {
    if (told_turn_ != loop_.turn_) tell_time_now();
  }
  void tell_time_now();
  void advance();
  void settle();
  [[nodiscard]] bool may_end() const;
  void end();

  bool handshaking_ : 1;
  bool receive_first_ : 1 = true;  // events may wait although there is no input
  bool eof_ : 1 = false;
  bool heard_ : 1 = false;  // input was taken in since the last settle
  bool attended_ : 1 = false;
  bool news_ : 1 = false;         // the reader has to be told something at the end of the turn
  bool wrote_early_ : 1 = false;  // one write before the end of the turn was tried
  bool write_failed_ : 1 = false;
  bool shut_ : 1 = false;
  bool closing_ : 1 = false;  // close() was called: what nobody waits for is discarded
  bool ended_ : 1 = false;    // `closed()` says how
  bool orphaned_ : 1 = false;
  bool aborted_ : 1 = false;  // orphaned, and not worth lingering
  Step step_ : 2 = Step::closed;
  std::uint8_t errno_ = 0;   // why reading or writing ended; Linux has none above 133
  std::uint32_t told_turn_;  // of the loop, in which the session was told the time last
  InputLease* input_ = nullptr;
  std::coroutine_handle<> reader_;
  union {
    detail::PendingOperation* waiters_ = nullptr;  // first of a circular list
    std::size_t orphan_index_;                     // of an orphan, for nobody waits on one
  };
  std::unique_ptr<Ending> ending_;
};

inline void StreamCore::prefetch(const StreamCore* stream) {
  constexpr std::size_t line = 64;
  const auto* const begin = reinterpret_cast<const std::byte*>(stream);
  for (std::size_t at = 0; at < sizeof(StreamCore); at += line) __builtin_prefetch(begin + at, 1);
}

inline void StreamCore::prefetch_reader() const {
  constexpr std::size_t line = 64, usual_frame = 4 * line;
  const auto* const begin = static_cast<const std::byte*>(reader_.address());
  for (std::size_t at = 0; at < usual_frame; at += line) __builtin_prefetch(begin + at, 1);
}

/// For those who build awaitables: a coroutine that waits for what a stream receives next. One
/// pointer, for every idle echo holds one.
class InputAwaiter {
 public:
  InputAwaiter(const InputAwaiter&) = delete;
  InputAwaiter& operator=(const InputAwaiter&) = delete;

  bool await_ready() { return core().poll(); }
  void await_suspend(std::coroutine_handle<> frame);

 protected:
  /// Waits on `core`, once it is awaited.
  explicit InputAwaiter(StreamCore& core) : core_(reinterpret_cast<std::uintptr_t>(&core)) {}
  ~InputAwaiter() {
    if ((core_ & waits) != 0) call_off();
  }

  /// The stream that is waited on.
  [[nodiscard]] StreamCore& core() const { return *reinterpret_cast<StreamCore*>(core_ & ~waits); }

  /// The same, when the wait is over. An `await_resume` begins with it.
  [[nodiscard]] StreamCore& resumed() {
    core_ &= ~waits;
    return core();
  }

 private:
  static constexpr std::uintptr_t waits = 1;
  void call_off() noexcept;

  std::uintptr_t core_;  // the address, plus `waits` from suspension to resumption
};

/// Waits for the next step of an opening handshake: `co_await HandshakeAwaiter(core)`.
class [[nodiscard]] HandshakeAwaiter : public InputAwaiter {
 public:
  /// Waits on `core`, which must outlive this.
  explicit HandshakeAwaiter(StreamCore& core) : InputAwaiter(core) {}
  [[nodiscard]] StreamCore::Step await_resume() { return resumed().take_step(); }
};

}  // namespace wolframite
#pragma GCC visibility pop
