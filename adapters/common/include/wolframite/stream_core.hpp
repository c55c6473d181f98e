/// @file
/// The half of a WebSocketStream that every adapter shares.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "wolframite/loop.hpp"
#include "wolframite/socket.hpp"
#include "wolframite/stream_rules.hpp"
#include "wolframite/waiter.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

class InputAwaiter;
class NextAwaiter;
class Operation;

namespace detail {

/// A command that waits, in the shape in which coroutines do.
struct PendingOperation : PendingCommand<Waiter> {
  Loop* loop = nullptr;
  StreamCore* core = nullptr;  // null once it is done
};

/// What a stream has beside its rules that goes into one word.
struct TimerAndSocket : Timer {
  explicit TimerAndSocket(Socket of) : socket_(std::move(of)) {}

  Socket socket_;  ///< closed once all is over
};

}  // namespace detail

/// One WebSocket connection on a loop, whose coroutines wait for it: the rules of all streams, in
/// the turns of a loop. Everything but its system calls, which backends add. For those who build a
/// backend, or awaitables of their own; everybody else has WebSocketStream.
///
/// Backends call `received`, `received_eof`, `wrote` and `write_failed`, and are asked to read,
/// write, shut down and close. What coroutines do marks the stream for attention; at the end of the
/// turn `settle` does whatever is to be done.
class StreamCore : public detail::TimerAndSocket,
                   public StreamRules<StreamCore, detail::PendingOperation> {
 public:
  /// Takes over a socket and the connection that is to go over it. The loop counts it, and looks
  /// after it from the end of this turn on.
  StreamCore(Loop& loop, Socket socket, Connection connection);
  virtual ~StreamCore();

  /// Has all bytes pass through TLS. Before anything else is asked of the stream.
  void use_tls(std::unique_ptr<TlsEngine> engine) {
    session_.use_tls(std::move(engine), loop_.memory());
  }

  /// @name Commands that may wait
  /// Those of WebSocketStream, which describes them.
  /// @{

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
  /// @}

  /// Has whoever waits for input resumed at the end of this turn, for another reason than input.
  void wake_at_end_of_turn() {
    news_ = true;
    attend();
  }

  /// Lets go of the stream: its handle is gone. Its owner is the loop now.
  void abandon() noexcept;

  /// Has the stream end with `out_of_memory` at the end of this turn: something that it cannot do
  /// without was refused memory.
  void lacks_memory() noexcept {
    errno_ = no_memory;
    attend();
  }

  [[nodiscard]] Loop& loop() const { return loop_; }              ///< outlives the stream
  [[nodiscard]] Socket& socket() { return socket_; }              ///< closed once all is over
  [[nodiscard]] const Socket& socket() const { return socket_; }  ///< closed once all is over

  /// Begins to load a stream that will be told something soon into the processor's cache: with many
  /// streams it has left it since the last time.
  static void prefetch(const StreamCore* stream);
  /// The same for the coroutine that waits for input. Once the stream itself is there.
  void prefetch_reader() const;

 protected:
  /// @name What backends tell
  /// Also `received` and `wrote`. The first two may resume coroutines, the others not.
  /// @{

  /// Tells that reading has ended: cleanly (0), or with this errno.
  void received_eof(int error);
  /// Tells that writing is over, and why. Nothing will be written after.
  void write_failed(int error);
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

  /// Has `settle` called at the end of this turn.
  void attend() {
    if (!attended_) loop_.attend(*this);
  }

  bool readable_ : 1 = false;  ///< backend: there may be input that was not read
  bool writable_ : 1 = true;   ///< backend: a write may succeed
  bool queued_ : 1 = false;    ///< backend: in a list of the loop's
  bool busy_ : 1 = false;      ///< backend: it looks after the input just now
  bool sending_ : 1 = false;   ///< backend: the system may look at what was shown to it to send
  bool hung_up_ : 1 = false;   ///< backend: the end, or an error, is behind what can be read

 private:
  friend class Loop;
  friend class InputAwaiter;
  friend class NextAwaiter;
  friend class HandshakeAwaiter;
  friend class Operation;
  friend class StreamRules<StreamCore, detail::PendingOperation>;
  using What = detail::PendingOperation::What;

  // What the rules ask of their host.
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] bool awaits_input() const { return reader_ != nullptr; }
  [[nodiscard]] bool has_reader() const { return reader_ != nullptr; }
  [[nodiscard]] bool has_unread() const { return readable_; }
  void go_on_later() {
    rested_ = false;
    attend();
  }
  [[nodiscard]] bool is_turn_long() const { return loop_.is_slice_over(*this); }
  [[nodiscard]] bool is_writing() const { return sending_; }
  [[nodiscard]] bool has_kept() const { return readable_; }
  [[nodiscard]] bool closes_at_once() const { return !socket_.has_unread(); }
  [[nodiscard]] std::error_code read_error() const { return {errno_, std::system_category()}; }
  [[nodiscard]] std::error_code write_error() const;
  [[nodiscard]] BufferPool& buffers() { return loop_.buffers(); }
  [[nodiscard]] LoopMemory& memory() { return loop_.memory(); }
  [[nodiscard]] bool is_time_told() const { return told_turn_ == loop_.turn_; }
  void time_is_told() { told_turn_ = loop_.turn_; }
  [[nodiscard]] Time read_clock() const { return loop_.now(); }
  void set_alarm(std::optional<Time> due);
  void wake_reader();
  void write_early();
  void finished(detail::PendingOperation& operation) noexcept;

  [[nodiscard]] bool poll_input();
  detail::PendingOperation* begin_wait(What what);
  Operation wait_for(What what);
  template <class Command>
  Operation attempt(Command command);
  void fire() override { attend(); }
  void settle();
  void rest();

  bool attended_ : 1 = false;
  bool wrote_early_ : 1 = false;                  // one write before the end of the turn was tried
  static constexpr std::uint8_t no_memory = 255;  // in errno_, until the stream has ended for it
  std::uint8_t errno_ = 0;          // why reading or writing ended; Linux has none above 133
  std::uint32_t told_turn_;         // of the loop, in which the session was told the time last
  std::uint32_t orphan_index_ = 0;  // in the loop's list of streams without a handle

 protected:
  Loop& loop_;  ///< outlives the stream

 private:
  std::coroutine_handle<> reader_;
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

  /// Also true where another coroutine waits: this one is refused, and that one goes on waiting.
  bool await_ready() {
    if (core().reader_ == nullptr) [[likely]]
      return core().poll_input();
    core_ |= refused;
    return true;
  }
  void await_suspend(std::coroutine_handle<> frame);

 protected:
  /// Waits on `core`, once it is awaited.
  explicit InputAwaiter(StreamCore& core) : core_(reinterpret_cast<std::uintptr_t>(&core)) {}
  ~InputAwaiter() {
    if ((core_ & waits) != 0) call_off();
  }

  /// The stream that is waited on.
  [[nodiscard]] StreamCore& core() const { return *reinterpret_cast<StreamCore*>(core_ & ~flags); }

  /// Whether another coroutine waited already. Then nothing may be taken from the stream.
  [[nodiscard]] bool is_refused() const { return (core_ & refused) != 0; }

  /// The same, when the wait is over. An `await_resume` begins with it.
  [[nodiscard]] StreamCore& resumed() {
    core_ &= ~waits;
    return core();
  }

 private:
  static constexpr std::uintptr_t waits = 1, refused = 2, flags = waits | refused;
  void call_off() noexcept;

  std::uintptr_t core_;  // the address, plus `waits` from suspension to resumption, or `refused`
};

/// Waits for the next step of an opening handshake: `co_await HandshakeAwaiter(core)`. Gives
/// `closed` where another coroutine waits already.
class [[nodiscard]] HandshakeAwaiter : public InputAwaiter {
 public:
  /// Waits on `core`, which must outlive this.
  explicit HandshakeAwaiter(StreamCore& core) : InputAwaiter(core) {}
  [[nodiscard]] HandshakeStep await_resume() {
    return is_refused() ? HandshakeStep::closed : resumed().take_step();
  }
};

}  // namespace wolframite
#pragma GCC visibility pop
