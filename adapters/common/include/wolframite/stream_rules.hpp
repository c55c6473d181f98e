/// @file
/// What a stream does between its socket and those who wait for it, the same on every adapter.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "wolframite/accept.hpp"
#include "wolframite/input_lease.hpp"
#include "wolframite/session.hpp"
#include "wolframite/waiter.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Where an opening handshake has come to.
enum class HandshakeStep : std::uint8_t {
  requested,  ///< server: `request()` waits for `accept` or `refuse`
  opened,     ///< messages may go; a client has `response()`
  refused,    ///< client: the server said no in `response()`; `closed` follows
  closed,     ///< it is over; `closed()` says why
};

/// For those who build an adapter: a send, ready, flush or close that has to wait. `Place` is a
/// `detail::ListNode`, or what a host derives from it.
template <class Place>
struct PendingCommand : Place {
  /// What it is to do.
  enum class What : std::uint8_t {
    send,         ///< `payload`, which is copied
    send_on,      ///< `payload`, which a message had
    send_shared,  ///< `shared`
    ready,        ///< nothing, once there is room
    flush,        ///< nothing, once `unwritten` is written
    close,        ///< nothing, once all is over
  };

  ConstBytes payload;                                ///< of the user's
  SharedBytes shared;                                ///< of everybody's
  std::size_t unwritten = 0;                         ///< octets ahead of a flush, once `begun`
  std::error_code result;                            ///< once it is done
  What what = What::send;                            ///< which of them this is
  Kind kind = Kind::binary;                          ///< of the message
  Compression compression = Compression::automatic;  ///< of the message
  bool first = true;                                 ///< send_on: the message begins with it
  bool last = true;                                  ///< the message ends with it
  bool begun = false;                                ///< a flush whose turn has come
};

/// For those who build an adapter: one WebSocket connection, without its system calls and without
/// the shape in which its users wait. Those are a host's, which derives from this:
///
///     users  -- commands -->  Session  -- write -->  socket
///     users  <-- messages --  Session  <-- read  --  socket
///
/// `Pending` is the host's PendingCommand. A host has the following, each of which may be private
/// if this is a friend. None of them may resume or call who waits, except `wake_reader`.
///
/// | what | means |
/// | --- | --- |
/// | `attend()` | has its `settle` called before long: there may be something to do |
/// | `go_on_later()` | has `go_on` called in the next turn, when others had theirs |
/// | `is_turn_long()` | whether this turn has taken so long that others should have theirs |
/// | `is_writing()` | whether something below may still look at what `output` has shown |
/// | `is_open()` | whether the socket is |
/// | `awaits_input()` | whether somebody waits for a message, or for a step of the handshake |
/// | `has_reader()` | whether somebody waits for a message, or has one that has not arrived yet |
/// | `wake_reader()` | tells who waits that there is something, or that all is over |
/// | `has_unread()` | whether there may be input that was not read |
/// | `has_kept()`, `kept_input()` | whether some may have been read too early; its lease, or null |
/// | `lend()`, `buffers()` | an empty InputLease; the pool that its buffer goes back to |
/// | `memory()` | where what it needs for long is allocated |
/// | `is_time_told()`, `time_is_told()` | whether the session knows this turn's time; notes that |
/// | `read_clock()` | the time |
/// | `set_alarm(when)` | has `settle` called at that time, or not at any |
/// | `write_early()` | may write at once, for somebody needs room |
/// | `finished(command)` | `command.result` is known: it left the list, and its user is told soon |
/// | `shut_down()` | ends the sending side of the socket |
/// | `closes_at_once()` | whether the socket can be closed without losing what was not read |
/// | `read_error()`, `write_error()` | why reading and writing have ended; reading if not cleanly |
template <class Host, class Pending>
class StreamRules {
 public:
  StreamRules(const StreamRules&) = delete;
  StreamRules& operator=(const StreamRules&) = delete;

  /// Queues a message whatever is queued already; see WebSocketStream::feed.
  [[nodiscard]] std::error_code feed(Kind kind, ConstBytes payload, bool last,
                                     Compression compression);
  /// Queues a payload that is not copied; see WebSocketStream::feed.
  [[nodiscard]] std::error_code feed(Kind kind, SharedBytes payload, Compression compression);
  [[nodiscard]] std::error_code ping(ConstBytes payload);  ///< see WebSocketStream::ping
  [[nodiscard]] std::error_code pong(ConstBytes payload);  ///< see WebSocketStream::pong

  /// @name The opening handshake
  /// @{

  /// The request to answer. Lives from `HandshakeStep::requested` until `answer`, even if the
  /// stream ends before.
  [[nodiscard]] const Request& request() const {
    return *static_cast<const Request*>(transition_->head);
  }
  /// Client: the server's answer. Lives from `HandshakeStep::opened` or `HandshakeStep::refused`
  /// until the next step is awaited, or `drop_view`.
  [[nodiscard]] const Response& response() const {
    return *static_cast<const Response*>(transition_->head);
  }
  /// Whether there is one.
  [[nodiscard]] bool has_response() const {
    return transition_ != nullptr && transition_->head != nullptr;
  }
  /// Answers the request. An Accept agrees to it, and `HandshakeStep::opened` follows; to a request
  /// of plain HTTP it is a refusal with 426. A Response refuses it: `Error::refused`, or
  /// `Error::plain_http` where no upgrade was asked for, and the response goes out even if the
  /// handle is gone. Other errors are those of Connection::accept and
  /// Connection::refuse, where the client gets a 500; or why the stream has ended meanwhile.
  [[nodiscard]] std::error_code answer(const std::variant<Accept, Response>& with);
  /// Ends the view of the last step.
  void drop_view() noexcept;
  /// @}

  /// How the stream ended, or null as long as there may be something to hand out.
  [[nodiscard]] const Closed* closed() const {
    return ended_ && !has_message() ? &transition_->closed : nullptr;
  }
  /// The connection, for questions.
  [[nodiscard]] const Connection& connection() const { return session_.connection(); }
  /// Tells `observer` of all frames and events from here on; null ends that.
  void observe(Observer* observer) { session_.connection().observe(observer); }
  /// The connection and its TLS, for questions.
  [[nodiscard]] const Session& session() const { return session_; }
  /// Whether a receive buffer is leased to this stream.
  [[nodiscard]] bool holds_buffer() const { return input_ != nullptr; }

 protected:
  /// Takes over the connection.
  explicit StreamRules(Connection connection)
      : session_(std::move(connection)), handshaking_(!session_.connection().is_open()) {
    session_.connection().limit_inflation();
  }
  ~StreamRules() {
    assert(input_ == nullptr && (transition_ == nullptr || transition_->lease == nullptr));
  }

  /// @name What a host tells
  /// @{

  /// Takes in what was read to `lease`, which the stream has from here until `give_back`.
  /// Precondition: `wants_input()`.
  void received(InputLease& lease);
  /// Tells that reading has ended. Precondition: there is no input to take in.
  void input_ended();
  /// Tells that the first `size` octets of the output were written.
  void wrote(std::size_t size);
  /// Tells that writing is over. Nothing will be written after.
  void output_failed();
  /// Ends at once, and without a word to the peer.
  void fail(std::error_code why);
  /// Tells that the handle is gone: nobody will ask for anything again. What waits gets `why`.
  void let_go(std::error_code why) noexcept;
  /// @}
  /// @name What a host asks
  /// @{

  /// Whether somebody waits for input, and has used up all there was.
  [[nodiscard]] bool wants_input() const {
    return input_ == nullptr && takes_input() && !eof_ && self().is_open() && session_.wants_read();
  }
  /// Whether there is something to hand out, if need be by taking in what there is. The last view
  /// dies here.
  [[nodiscard]] bool poll();
  /// The message to hand out, if there is one. Its bytes live until the next `poll`.
  [[nodiscard]] std::optional<Message> take_message();
  /// Whether there is a message that was not taken.
  [[nodiscard]] bool has_message() const { return is_view_out() && !input_->handed_out; }
  /// How far the opening handshake has come. Asked once `poll` has said that there is something.
  [[nodiscard]] HandshakeStep take_step();
  /// Whether there is a message that was not taken, or that is looked at and holds reading up.
  [[nodiscard]] bool is_view_out() const { return input_ != nullptr && input_->holds_message; }

  /// Whether commands make sense. Tells the session the time, with which they are stamped.
  [[nodiscard]] bool can_write() {
    tell_time();
    return !write_failed_ && !ended_;
  }
  /// What they would give otherwise.
  [[nodiscard]] std::error_code why_not_writable() const;
  /// Whether a send is done at once, for there is room and nobody is before it.
  [[nodiscard]] bool make_room();
  /// Sends on what `take_message` has given, from its receive buffer if it fills that.
  [[nodiscard]] std::error_code send_on(Message&& message, Compression compression);
  /// What a flush gives at once, or nothing if it has to wait.
  [[nodiscard]] std::optional<std::error_code> flush_at_once();
  /// What a close gives at once, or nothing if it has to wait.
  [[nodiscard]] std::optional<std::error_code> begin_close(CloseCode code, std::string_view reason);
  /// @}
  /// @name Commands that wait
  /// @{

  /// Has a command wait behind all others.
  void enqueue(Pending& command) noexcept;
  /// Ends the wait, if it does wait.
  void finish(Pending& command, std::error_code result) noexcept;
  /// Takes it out, if it waits.
  void withdraw(Pending& command) noexcept;
  /// Carries out a send.
  [[nodiscard]] std::error_code carry_out(Pending& command);
  /// Serves them in their order. A send that finds no room holds up those behind it; flush and
  /// close hold up nobody.
  void serve_waiters();
  /// Ends all.
  void fail_waiters(std::error_code why) noexcept;
  /// @}
  /// @name The end of a turn
  /// What `settle` is made of, in this order and with a write after the second.
  /// @{

  /// Goes on where a turn had done enough. In the next one.
  void go_on();
  /// Once a close has begun, what came and nobody waits for must not hold up what comes after it.
  void discard_unrequested_messages();
  /// Lets the session act on the time. Returns whether it could.
  bool advance();
  /// Whether the rest would find nothing to do, however often it is tried.
  [[nodiscard]] bool is_settled() const {
    return !ended_ && !closing_ && !orphaned_ && waiters_ == nullptr &&
           session_.connection().is_open() && !session_.wants_write() && !session_.deadline();
  }
  /// Ends the sending side once the session has said all.
  void end_sending();
  /// Frees output that was dropped, once nothing below looks at it.
  void release_dropped_output() {
    if (session_.holds_dropped_output() && !self().is_writing()) session_.release_output();
  }
  /// @}

  /// Takes back what the host's `lend` gave, or `received` was given.
  void give_back(InputLease& lease) noexcept {
    self().buffers().release(reinterpret_cast<std::byte*>(&lease));
  }
  /// Ends the view, and gives the buffer back.
  void release_input() noexcept;
  /// The same of all views and buffers.
  void release_buffers() noexcept;

  Session session_;  ///< what to write, and until when to read

 private:
  /// What only a stream has that is being opened, or that ends.
  struct Transition {
    const void* head = nullptr;  // the Request or Response of the last step
    Closed closed{};             // once it has ended
    std::string reason;          // of `closed`
    // A message that is looked at while reading goes on: what its bytes lie in.
    InputLease* lease = nullptr;
    wolframite::detail::Assembly assembly;
  };

  // What a turn may do for one stream before others have theirs: in bytes of messages, inflated
  // ones, of which each event counts for some more. Some thousand empty messages, or a megabyte of
  // zeros.
  static constexpr std::uint32_t most_work = 1U << 20U, work_of_event = 4U << 10U;
  static constexpr std::uint32_t look_at_clock =
      32 * work_of_event;  // each time it has done so much

  [[nodiscard]] Host& self() { return static_cast<Host&>(*this); }
  [[nodiscard]] const Host& self() const { return static_cast<const Host&>(*this); }

  // Reading.
  [[nodiscard]] bool takes_input() const {
    return self().awaits_input() || closing_ || orphaned_ || ended_;
  }
  [[nodiscard]] bool has_unread_input();
  [[nodiscard]] bool is_drained() const;
  [[nodiscard]] bool take_kept();
  [[nodiscard]] bool hand_out_news();
  bool take_in(bool deliver);
  bool handle(const Event& event, bool deliver);
  void hold_message(const Message& message);
  void begin_step(HandshakeStep step, const void* head);
  void end_view();
  void keep_view();
  void drop_kept_view() noexcept;
  void proceed();
  void spend(std::size_t bytes);
  [[nodiscard]] bool pause();
  [[nodiscard]] Transition& transition();

  // Opening.
  [[nodiscard]] std::error_code accept(const Accept& with);
  [[nodiscard]] std::error_code refuse(const Response& response);

  // Writing.
  [[nodiscard]] std::error_code end_reason() const;
  [[nodiscard]] bool has_room() const {
    return session_.pending_output() < session_.connection().config().write_buffer_size;
  }
  [[nodiscard]] SharedBytes share_input();
  void own_waiting_payloads(ConstBytes message);
  [[nodiscard]] bool serve(Pending& command);
  template <class Function>
  void for_each_waiter(Function function);

  // Time.
  void tell_time() {
    if (!self().is_time_told()) tell_time_now();
  }
  void tell_time_now();
  [[nodiscard]] bool may_end();
  void end();

 protected:
  InputLease* input_ = nullptr;  ///< what is being taken in
  Pending* waiters_ = nullptr;   ///< first of a circular list

 private:
  std::unique_ptr<Transition> transition_;
  std::uint32_t work_ = 0;  // done in this turn

 protected:
  // These come last: a host's small members fit in behind them.
  bool handshaking_ : 1;           ///< it has not opened, and not failed to
  bool receive_first_ : 1 = true;  ///< events may wait although there is no input
  bool eof_ : 1 = false;           ///< nothing more is read
  bool heard_ : 1 = false;         ///< input was taken in since the last `advance`
  bool paused_ : 1 = false;        ///< the turn has done enough: the next one goes on
  bool rested_ : 1 = false;        ///< the host's: of a paused one, others had their turn since
  bool step_waits_ : 1 = false;    ///< `take_step` has something to give
  bool news_ : 1 = false;          ///< the reader has to be told something at the end of the turn
  bool write_failed_ : 1 = false;  ///< nothing more is written
  bool shut_ : 1 = false;          ///< the sending side was ended
  bool closing_ : 1 = false;       ///< a close has begun: what nobody waits for is discarded
  bool ended_ : 1 = false;         ///< `closed()` says how
  bool orphaned_ : 1 = false;      ///< the handle is gone
  bool aborted_ : 1 = false;       ///< and it is not worth lingering
  HandshakeStep step_ : 2 = HandshakeStep::closed;  ///< what `take_step` gives
};

}  // namespace wolframite
#pragma GCC visibility pop
