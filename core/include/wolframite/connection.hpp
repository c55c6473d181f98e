/// @file
/// The WebSocket protocol (RFC 6455) as a state machine: bytes, time and commands in; events, bytes
/// and a deadline out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "wolframite/accept.hpp"
#include "wolframite/bytes.hpp"
#include "wolframite/client_request.hpp"
#include "wolframite/close_code.hpp"
#include "wolframite/config.hpp"
#include "wolframite/deflate.hpp"
#include "wolframite/detail/assembly.hpp"
#include "wolframite/detail/output_queue.hpp"
#include "wolframite/entropy.hpp"
#include "wolframite/error.hpp"
#include "wolframite/event.hpp"
#include "wolframite/frame_header.hpp"
#include "wolframite/http_message.hpp"
#include "wolframite/mask.hpp"
#include "wolframite/negotiated.hpp"
#include "wolframite/observer.hpp"
#include "wolframite/time.hpp"
#include "wolframite/utf8.hpp"

#pragma GCC visibility push(default)
/// WebSockets: the protocol core, which does no I/O, and what its adapters have in common.
namespace wolframite {

/// One end of a WebSocket connection, with no I/O of its own.
///
///      bytes from the peer --> receive() --> Event
///      time ----------------> advance() --> Event        deadline() --> when to call it next
///      send() ping() close() ...... queue --> output() / consume() --> bytes to the peer
///
/// The owner's turn: `advance(now)`; `receive` until it gives nothing; write what `output` shows
/// and `consume` what was written; shut the stream down for writing when `wants_shutdown`, close it
/// when `is_terminated`; wait for the stream as `wants_read` and `wants_write` say, until
/// `deadline`.
///
/// What the peer does wrong comes as `Closed`; what the owner does wrong comes back as a status,
/// and has changed nothing. One thread at a time. An open, idle connection owns no heap memory.
class Connection {
 public:
  /// Waits for a client's request. Buffers come from `memory`, which must outlive the connection;
  /// null means `std::pmr::get_default_resource()`, as in all of these.
  [[nodiscard]] static Connection server(SharedConfig config = {},
                                         std::pmr::memory_resource* memory = nullptr);

  /// Queues the request and waits for the answer. `entropy` must outlive the connection. With a
  /// faulty request the connection starts out closed, and the first `receive` says why.
  [[nodiscard]] static Connection client(const ClientRequest& request, Entropy& entropy,
                                         SharedConfig config = {},
                                         std::pmr::memory_resource* memory = nullptr);

  /// Starts open: the handshake was done elsewhere, and came to `agreed`. A client needs `entropy`,
  /// which must outlive the connection: without one its commands give `no_entropy`.
  [[nodiscard]] static Connection from_raw(Role role, Entropy* entropy, SharedConfig config = {},
                                           std::pmr::memory_resource* memory = nullptr,
                                           const Negotiated& agreed = {});

  /// The same, with bytes that were read beyond the handshake. They are copied, and received first.
  [[nodiscard]] static Connection from_partially_read(ConstBytes part, Role role, Entropy* entropy,
                                                      SharedConfig config = {},
                                                      std::pmr::memory_resource* memory = nullptr,
                                                      const Negotiated& agreed = {});

  /// Takes over the connection. What is left of the other may only be destroyed or assigned to.
  Connection(Connection&&) noexcept;
  /// Drops this connection without a word to the peer, and takes over the other.
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Takes bytes from the front of `in`, unmasking in place, and returns one event; or nothing once
  /// `in` is empty and no event waits. Call it until then. Views in the event point into `in`'s
  /// memory or the connection's own and live until the next receive, receive_eof or advance.
  [[nodiscard]] std::optional<Event> receive(Bytes& in);

  /// Whether `receive` with an empty `in` may have an event to give, or the last one's view to
  /// release. An owner that has no input can spare itself the call if not.
  [[nodiscard]] bool has_events() const {
    return phase_ != Phase::open || view_ != View::none || opening_ != nullptr || codec_ != nullptr;
  }

  /// Tells that the stream has ended: cleanly, or for the reason `why` that the transport gives.
  /// Call it until it returns nothing.
  [[nodiscard]] std::optional<Event> receive_eof(std::error_code why = {});

  /// Tells the time, which must not run backwards. Acts on what is due and returns one event if
  /// that gave one. Call it at `deadline()` at the latest; more calls are harmless.
  [[nodiscard]] std::optional<Event> advance(Time now) {
    if (!is_untimed() || view_ != View::none || opening_ != nullptr) [[unlikely]]
      return act_on_time(now);
    now_ = now < now_ ? now_ : now;
    return std::nullopt;
  }

  /// @name Commands
  /// Each returns an error of class `misuse` or `capacity`, or none; with an error nothing was
  /// done.
  /// @{

  /// Server: answers the waiting request with 101; `Opened` follows. Errors: `no_request`,
  /// `not_an_upgrade`, `subprotocol_not_requested`, `reserved_header`, `invalid_header`. RFC 6455
  /// §4.2.2.
  [[nodiscard]] std::error_code accept(const Accept& with = {});

  /// Server: answers the waiting request with another status than 101 and ends the connection;
  /// `Closed` with `refused` follows. Errors: `no_request`, `invalid_status`, `reserved_header`,
  /// `invalid_header`.
  [[nodiscard]] std::error_code refuse(const Response& response);

  /// Queues a message, or a fragment of one unless `last`; the fragments of a message have one
  /// kind. The payload is copied once, and masked on the way by a client. A `text` message must be
  /// valid UTF-8 as a whole, which is not checked. `compression` counts with the first fragment.
  /// Errors: `not_open`, `send_after_close`, `no_entropy`, `message_kind_changed`;
  /// `write_buffer_full` with `max_write_buffer_size` already queued. RFC 6455 §5.4, §6.1.
  [[nodiscard]] std::error_code send(Kind kind, ConstBytes payload, bool last = true,
                                     Compression compression = Compression::automatic);

  /// Queues a whole message whose payload a server does not copy, unless it compresses it or it is
  /// small (below 1 KiB). Errors as above, and `message_unfinished` between fragments of another.
  [[nodiscard]] std::error_code send(Kind kind, SharedBytes payload,
                                     Compression compression = Compression::automatic);

  /// Sends on the message, or the piece of one, that the last event has given. Where this
  /// connection had to assemble the message and sends it as it is, its memory is handed over
  /// instead of being copied: `message` and its octets must not be used any more. Errors as of the
  /// first `send`; with one, the view is still alive.
  [[nodiscard]] std::error_code send(Message&& message,
                                     Compression compression = Compression::automatic) {
    if (view_ == View::message && can_hand_over(message, compression)) return hand_over(message);
    return send(message.kind, message.data, message.last, compression);
  }

  /// The same for a message that lies in `buffer`, from which it was received. A server that sends
  /// it as it is does so from there: it writes a header in front of it, over the one that it came
  /// with, and keeps `buffer` until all is consumed. The octets behind the message may be received
  /// meanwhile, but nothing may be put in place of those that the message has taken.
  [[nodiscard]] std::error_code send(Message&& message, SharedBytes buffer,
                                     Compression compression = Compression::automatic);

  /// Queues a ping of at most 125 octets; the answer comes as `Ponged`. Errors: `not_open`,
  /// `send_after_close`, `no_entropy`, `write_buffer_full`, `control_payload_too_long`. RFC 6455
  /// §5.5.2.
  [[nodiscard]] std::error_code ping(ConstBytes payload = {});

  /// Queues a pong of at most 125 octets: one that nobody asked for, or the answer to a `Pinged` if
  /// `Config::automatic_pong` is false. Errors as of `ping`. RFC 6455 §5.5.3.
  [[nodiscard]] std::error_code pong(ConstBytes payload = {});

  /// Queues a Close; `no_status` sends one with no body. Data still arrives until the peer's Close.
  /// Errors: `not_open`, `send_after_close`, `no_entropy`, and those of `CloseFrame::check`. RFC
  /// 6455 §7.1.2.
  [[nodiscard]] std::error_code close(CloseCode code = CloseCode::normal,
                                      std::string_view reason = {});
  /// @}

  /// Fills `gather` with the pending bytes in order, as far as it reaches, and returns how many
  /// entries it used. The bytes neither move nor change until they are consumed, whatever is sent
  /// meanwhile.
  [[nodiscard]] std::size_t output(std::span<ConstBytes> gather) const;

  /// Drops the first `size` pending bytes, which were written. At most `pending_output()`.
  void consume(std::size_t size);

  /// Gives back the memory of compression contexts that can be made again, as
  /// `DeflateConfig::release_after` does in time.
  void release_memory();

  /// Octets that the connection holds beyond its own size: output, parts of messages, compression
  /// contexts.
  [[nodiscard]] std::size_t memory_in_use() const;

  /// When to call `advance`. In the past means now; before the first `advance` it is `at_once`.
  [[nodiscard]] std::optional<Time> deadline() const {
    if (is_untimed()) [[likely]]
      return std::nullopt;
    return first_due();
  }

  /// Whether the stream should still be read: until it has ended, for even what is discarded must
  /// be taken from it.
  [[nodiscard]] bool wants_read() const { return phase_ != Phase::over; }

  /// Whether `output` has something to show.
  [[nodiscard]] bool wants_write() const { return !output_.empty(); }

  /// Whether the owner should end its sending side of the stream now: all is written, and nothing
  /// more will be. Stays true until the end.
  [[nodiscard]] bool wants_shutdown() const {
    return phase_ >= Phase::closing && output_.empty() && ends_first();
  }

  /// Whether a server that `wants_shutdown` may close the stream at once, and tell that with
  /// `receive_eof`: the closing handshake is done, after which the peer sends nothing more and need
  /// not be waited for. If there is something unread all the same, shut down and read on: to close
  /// would reset the stream, and might lose our Close. RFC 6455 §5.5.1, §7.1.1.
  [[nodiscard]] bool may_close() const {
    return phase_ == Phase::closing && output_.empty() && role_ == Role::server &&
           close_received_ && close_sent_;
  }

  /// Whether the stream can be closed: nothing is left to read, to write or to tell.
  [[nodiscard]] bool is_terminated() const {
    return phase_ == Phase::over && output_.empty() && closed_given_;
  }

  /// Whether data can be sent: the handshake is done and no Close was sent.
  [[nodiscard]] bool is_open() const { return phase_ == Phase::open && !close_sent_; }

  /// Octets that are queued and not consumed.
  [[nodiscard]] std::size_t pending_output() const { return output_.size(); }
  [[nodiscard]] const Config& config() const { return *config_; }  ///< lives as long as this
  [[nodiscard]] Role role() const { return role_; }                ///< this end's

  /// Tells `observer` of all frames and events from here on; null ends that. It must outlive the
  /// connection, or be taken off before. Without one it costs a comparison a frame.
  void observe(Observer* observer) { observer_ = observer; }
  /// Whether somebody is told.
  [[nodiscard]] bool is_observed() const { return observer_ != nullptr; }

 private:
  enum class Phase : std::uint8_t {
    request_head,     ///< server: reading the request
    awaiting_answer,  ///< server: the owner has to accept or refuse
    response_head,    ///< client: reading the response
    refusal_body,     ///< client: reading the body of a response that refuses
    open,             ///< frames, until both Close frames went
    closing,          ///< both went, or we failed it: what still comes is discarded until the end
    over,             ///< the stream has ended
  };
  /// What the last event's view points into, to be released by the next call.
  enum class View : std::uint8_t { none, message, control, opening };

  struct Opening;  ///< the handshake's state, gone once open
  struct Ending;   ///< how the connection ended
  struct Codec;    ///< compression contexts

  Connection(Role role, Phase phase, Entropy* entropy, SharedConfig config,
             std::pmr::memory_resource* memory);

  std::optional<Event> next_event(Bytes& in);
  std::optional<Event> next_event_at_eof(std::error_code why);
  std::optional<Event> next_event_at(Time now);
  void tell(const std::optional<Event>& event) const {
    if (observer_ != nullptr && event) observer_->happened(*event, now_);
  }
  std::optional<Event> waiting_event();
  std::optional<Event> receive_early();
  void release_view() {
    if (view_ != View::none) drop_view();
  }
  void drop_view();
  void scribble(Bytes in);

  // Handshake.
  std::optional<Event> receive_request(Bytes& in);
  std::optional<Event> receive_response(Bytes& in);
  std::optional<Event> receive_refusal_body(Bytes& in);
  Event give_refused();
  void start_open();
  void queue_text(std::string_view text);

  // Frames in.
  bool expects_message() const;
  bool take_plain_message(Bytes& in, Bytes& data);
  std::optional<Event> receive_frames(Bytes& in);
  Error receive_header(Bytes& in);
  Error judge(ConstBytes front) const;
  bool allows_reserved_bits(unsigned rsv, OpCode opcode) const;
  Error judge_length(ConstBytes front, bool control, bool continues) const;
  Error judge_size(std::uint64_t length, bool continues, bool compressed) const;
  bool is_acceptable(const FrameHeader& header) const;
  void begin_frame(const FrameHeader& header);
  std::optional<Event> receive_data(Bytes part);
  std::optional<Event> receive_control(Bytes part);
  std::optional<Event> finish_control(Bytes payload);
  Event peer_closed(ConstBytes body);
  Bytes unmask(Bytes part);
  Bytes assemble(Bytes part);

  // Compression.
  std::optional<Event> receive_compressed(Bytes& in);
  std::optional<Event> finish_compressed();
  std::optional<Event> give_inflated(bool last);
  Error inflate(ConstBytes& source);
  void begin_compressed();
  bool compresses(std::size_t size, bool last, Compression compression) const;
  void queue_compressed(OpCode opcode, bool last, ConstBytes payload);
  void deflate(ConstBytes payload, detail::Assembly& out);
  int own_window_bits() const;
  Codec& codec();

  // Frames out.
  Error check_open() const;
  Error check_sendable() const;
  std::error_code send_control(OpCode opcode, ConstBytes payload);
  FrameHeader make_header(OpCode opcode, bool fin, ConstBytes payload, bool compressed = false);
  MaskKey fresh_mask();
  void tell_sent(FrameHeader header, ConstBytes payload) const;
  bool can_hand_over(const Message& message, Compression compression) const;
  std::error_code hand_over(const Message& message);
  bool sends_as_it_is(const Message& message, Compression compression) const;
  void queue_front(Kind kind, ConstBytes payload);
  void queue_shared(Kind kind, SharedBytes payload);
  void queue_frame(OpCode opcode, bool fin, ConstBytes payload, bool compressed = false);
  void queue_close(const CloseFrame& frame);
  void answer_ping(ConstBytes payload);

  // Timers.
  /// Whether no timer runs, and none will before something is received, sent or closed.
  bool is_untimed() const {
    return !has_timers_ && phase_ == Phase::open && !close_sent_ && codec_ == nullptr;
  }
  std::optional<Event> act_on_time(Time now);
  std::optional<Time> first_due() const;
  std::optional<Event> advance_close();
  void keep_alive();
  Time handshake_due() const;
  Time idle_due() const;
  Time ping_due() const;
  Time pong_due() const;
  Time close_due() const;
  Time release_due() const;

  // Ends.
  Event fail(Error why);
  Ending& end(std::error_code why, CloseCode code, std::string_view reason = {});
  void drop_output(std::error_code why);
  bool ends_first() const;
  Event give_closed();
  void enter(Phase phase);

  bool sends_masked() const { return role_ == Role::client; }

  SharedConfig config_;
  std::pmr::memory_resource* memory_;
  Entropy* entropy_;
  Observer* observer_ = nullptr;
  std::unique_ptr<Opening> opening_;
  std::unique_ptr<Ending> ending_;
  std::unique_ptr<Codec> codec_;
  detail::OutputQueue output_;
  detail::Assembly
      assembly_;  ///< of the current message, unless it lies whole in the owner's buffer
  detail::Assembly control_;    ///< of a control frame's payload that came in pieces
  detail::Assembly held_pong_;  ///< the newest pong, while too many wait in output_

  Time now_ = Time::min();          ///< the last time told; min() before the first
  Time phase_since_ = Time::min();  ///< start of the handshake, or of the wait for the end
  Time heard_at_ = Time::min();     ///< when anything was received last; once pinged, when that was
  Time message_at_ = Time::min();   ///< when a data message went either way last

  std::uint64_t remaining_ = 0;  ///< octets of the current frame's payload still to come
  std::size_t pongs_end_ = 0;    ///< octets of output_ up to the end of the last queued pong
  std::uint64_t message_size_ =
      0;              ///< octets of the current message so far, announced ones included
  Bytes consumed_{};  ///< the last view into the owner's buffer, for debug builds to scribble over
  std::uint32_t ping_serial_ = 0;
  MaskKey mask_{};
  std::byte header_[FrameHeader::max_size];  ///< the front of a header that came in pieces
  std::uint8_t header_size_ = 0;
  std::uint8_t mask_offset_ = 0;
  Utf8Validator utf8_;
  DeflateParameters deflate_;
  OpCode opcode_ = OpCode::continuation;  ///< of the current frame
  Kind kind_ = Kind::binary;              ///< of the current message
  Kind sent_kind_ = Kind::binary;         ///< of the message being sent in fragments
  Role role_;
  Phase phase_;
  View view_ = View::none;
  std::uint8_t queued_pongs_ = 0;  ///< in output_, since all before them were written
  bool consumed_all_ = false;      ///< nothing was left in the owner's buffer behind consumed_
  bool in_frame_ = false;
  bool fin_ = false;
  bool masked_ = false;
  bool in_message_ = false;       ///< received: between first and last fragment
  bool compressed_ = false;       ///< the current message is
  bool compressing_ = false;      ///< the message being sent is
  bool chunk_given_ = false;      ///< deliver_chunks: the message's first piece was handed out
  bool sending_message_ = false;  ///< sent: between first and last fragment
  bool close_sent_ = false;
  bool close_received_ : 1 = false;
  bool pong_held_ : 1 = false;
  bool ping_outstanding_ : 1 = false;
  bool opened_pending_ : 1 = false;
  bool closed_given_ : 1 = false;
  bool has_timers_ : 1;  ///< that run while the connection is open
};

static_assert(sizeof(Connection) <= 320);

}  // namespace wolframite
#pragma GCC visibility pop
