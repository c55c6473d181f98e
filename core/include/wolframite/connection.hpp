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
/// `deadline`. What can be read is received before the time is told that it may be late for.
///
/// Views in events live until the next `receive` or `receive_eof`; time and commands end none.
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
  /// memory or the connection's own and live until the next receive or receive_eof. With a limit on
  /// inflating (see `limit_inflation`) it may return nothing while `is_paused`.
  ///
  /// While a request waits for its answer nothing is taken: it returns nothing and leaves `in` as
  /// it is. Call it with those bytes again after `accept`, which makes frames of them, or `refuse`,
  /// after which they are discarded: no second request is ever read.
  [[nodiscard]] std::optional<Event> receive(Bytes& in);

  /// Whether `receive` with an empty `in` may have an event to give, or the last one's view to
  /// release. An owner that has no input can spare itself the call if not.
  [[nodiscard]] bool has_events() const {
    return phase_ != Phase::open || view_ != View::none || opening_ != nullptr || codec_ != nullptr;
  }

  /// Hands over what the last event's view points into, to be kept as long as that is looked at:
  /// for an owner that has to receive on meanwhile. Empty where the view lies in the owner's
  /// buffer, which is then not overwritten either. Only while `is_closing`.
  [[nodiscard]] detail::Assembly take_view();

  /// Tells that the stream has ended: cleanly, or for the reason `why` that the transport gives.
  /// Call it until it returns nothing.
  [[nodiscard]] std::optional<Event> receive_eof(std::error_code why = {});

  /// What the owner knows of the input that it has not received yet.
  enum class Unread : std::uint8_t {
    none,  ///< there is none, or nobody knows of any
    some,  ///< there is some, which the owner leaves where it is for now
  };

  /// Tells the time, which must not run backwards. Acts on what is due and returns one event if
  /// that gave one. Call it at `deadline()` at the latest; more calls are harmless. Ends no view.
  ///
  /// A peer whose input is left `unread` is not silent: ping, pong and the time for a message are
  /// put off, and idle too, unless output waits, which then it is the peer that does not read.
  [[nodiscard]] std::optional<Event> advance(Time now, Unread unread = Unread::none) {
    if (!is_untimed() || opening_ != nullptr || wants_write()) [[unlikely]]
      return act_on_time(now, unread);
    now_ = now < now_ ? now_ : now;
    return std::nullopt;
  }

  /// @name Commands
  /// Each returns an error of class `misuse` or `capacity`, or none; with an error nothing was
  /// done. Each that queues something gives `out_of_memory` where there is none for it, and may be
  /// given again.
  /// @{

  /// Server: answers the waiting request with 101; `Opened` follows. Errors: `no_request`,
  /// `not_an_upgrade`, `subprotocol_not_requested`, `reserved_header`, `invalid_header`; `no_sha1`,
  /// to be refused with 500. RFC 6455 §4.2.2.
  [[nodiscard]] std::error_code accept(const Accept& with = {});

  /// Server: answers the waiting request with another status than 101 and ends the connection;
  /// `Closed` with `refused` follows, or with `plain_http` where no upgrade was asked for. Errors:
  /// `no_request`, `invalid_status`, `reserved_header`, `invalid_header`.
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

  /// Tells whether some of what was consumed still waits in a layer of the owner's below, such as
  /// TLS. Until it does not, nothing that has to be written first is waited for: pong, and the end.
  void set_output_in_transit(bool in_transit);

  /// Tells that nothing `output` has shown is looked at any more. When the connection ends without
  /// having written all, it keeps what it has shown until this, or `consume`, or its destructor.
  void release_output() { output_.release(); }
  /// Whether there is something to release.
  [[nodiscard]] bool holds_dropped_output() const { return output_.holds_dropped(); }

  /// Has each `receive` return after inflating `inflation_step` bytes although there is input left:
  /// for owners with other connections to serve. Without it there is no limit but a message's.
  void limit_inflation() { limits_inflation_ = true; }
  /// Bytes; a `receive` may inflate 64 KiB more.
  static constexpr std::size_t inflation_step = 1024 * 1024;
  /// Whether the last `receive` returned nothing for that limit: call it again, before there is new
  /// input, with what it left of this.
  [[nodiscard]] bool is_paused() const;

  /// Gives back the memory of compression contexts that can be made again, as
  /// `DeflateConfig::release_after` does in time.
  void release_memory();

  /// Octets that the connection holds beyond its own size: output, parts of messages, compression
  /// contexts.
  [[nodiscard]] std::size_t memory_in_use() const;

  /// Ends the connection at once and without a word, for the reason `why`: the transport is gone,
  /// or the owner cannot go on. Drops what is not written, and ends no view. Returns `Closed`
  /// unless that was given before.
  [[nodiscard]] std::optional<Event> abort(std::error_code why);

  /// The time that was told last; `Time::min()` before the first.
  [[nodiscard]] Time now() const { return now_; }

  /// When to call `advance`. In the past means now; before the first `advance` it is `at_once`.
  [[nodiscard]] std::optional<Time> deadline() const {
    if (is_untimed() && !wants_write()) [[likely]]
      return std::nullopt;
    return first_due();
  }

  /// Whether it matters to a timer when output is consumed: the time should be told before.
  [[nodiscard]] bool stamps_output() const { return !is_untimed(); }

  /// Whether the stream should still be read: until it has ended, for even what is discarded must
  /// be taken from it.
  [[nodiscard]] bool wants_read() const { return phase_ != Phase::over; }

  /// Whether `output` has something to show.
  [[nodiscard]] bool wants_write() const { return pending_output() > 0; }

  /// Whether the owner should end its sending side of the stream now: all is written, and nothing
  /// more will be. Stays true until the end.
  [[nodiscard]] bool wants_shutdown() const {
    return phase_ >= Phase::closing && !wants_write() && ends_first();
  }

  /// Whether a server that `wants_shutdown` may close the stream at once, and tell that with
  /// `receive_eof`: the closing handshake is done, after which the peer sends nothing more and need
  /// not be waited for. If there is something unread all the same, shut down and read on: to close
  /// would reset the stream, and might lose our Close. RFC 6455 §5.5.1, §7.1.1.
  [[nodiscard]] bool may_close() const {
    return phase_ == Phase::closing && !wants_write() && role_ == Role::server && close_received_ &&
           close_sent_;
  }

  /// Whether the stream can be closed: nothing is left to read, to write or to tell.
  [[nodiscard]] bool is_terminated() const {
    return phase_ == Phase::over && !wants_write() && closed_given_;
  }

  /// Whether data can be sent: the handshake is done and no Close was sent.
  [[nodiscard]] bool is_open() const { return phase_ == Phase::open && !close_sent_; }
  /// Whether a Close was sent, or something else has begun the end.
  [[nodiscard]] bool is_closing() const { return phase_ > Phase::open || close_sent_; }
  /// Why the connection ends or has ended; none as long as it does not, or where that is clean.
  [[nodiscard]] std::error_code why_closed() const;

  /// Octets that are queued and not consumed.
  [[nodiscard]] std::size_t pending_output() const { return output_.size() + kept_close_; }
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
  struct Codec;    ///< compression contexts
  struct CodecDeleter {
    void operator()(Codec* codec) const;
  };

  /// How the connection ends, as `Closed` will tell. It needs no memory but for the peer's reason.
  struct Ending {
    CloseCode code = CloseCode::abnormal;
    bool begun : 1 = false;
    bool due : 1 = false;  ///< `Closed` can be given
    bool cut : 1 = false;  ///< output was dropped, our Close perhaps among it
  };

  Connection(Role role, Phase phase, Entropy* entropy, SharedConfig config,
             std::pmr::memory_resource* memory);

  std::optional<Event> next_event(Bytes& in);
  std::optional<Event> next_event_at_eof(std::error_code why);
  std::optional<Event> next_event_at(Time now, Unread unread);
  void tell(const std::optional<Event>& event) const {
    if (observer_ != nullptr && event) observer_->happened(*event, now_);
  }
  std::optional<Event> waiting_event();
  std::optional<Event> receive_early();
  void release_view() {
    if (view_ != View::none) drop_view();
  }
  void drop_view();
  void clear_unseen();
  void scribble(Bytes in);

  // Handshake.
  std::optional<Event> receive_request(Bytes& in);
  std::optional<Event> receive_response(Bytes& in);
  std::optional<Event> receive_refusal_body(Bytes& in);
  Event give_refused();
  void start_open();
  [[nodiscard]] bool queue_text(std::string_view text);

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
  [[nodiscard]] Error begin_frame(const FrameHeader& header);
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
  [[nodiscard]] bool begin_compressed();
  bool compresses(std::size_t size, bool last, Compression compression) const;
  [[nodiscard]] bool queue_compressed(OpCode opcode, bool last, ConstBytes payload);
  [[nodiscard]] bool deflate(ConstBytes payload, detail::Assembly& out);
  int own_window_bits() const;
  Codec* codec();

  // Frames out.
  Error check_open() const;
  Error check_sendable() const;
  std::error_code refusal(Error error) const;
  std::error_code send_control(OpCode opcode, ConstBytes payload);
  FrameHeader make_header(OpCode opcode, bool fin, std::size_t size, bool compressed = false) const;
  MaskKey fresh_mask();
  void tell_sent(FrameHeader header, ConstBytes payload) const;
  bool can_hand_over(const Message& message, Compression compression) const;
  std::error_code hand_over(const Message& message);
  bool sends_as_it_is(const Message& message, Compression compression) const;
  [[nodiscard]] bool queue_shared(Kind kind, SharedBytes payload);
  [[nodiscard]] bool queue_frame(OpCode opcode, bool fin, ConstBytes payload,
                                 bool compressed = false);
  [[nodiscard]] bool queue_close(const CloseFrame& frame);
  void queue_last_close(const CloseFrame& frame);
  void note_close(CloseCode code);
  ConstBytes kept_close() const { return ConstBytes(header_).last(kept_close_); }
  [[nodiscard]] bool answer_ping(ConstBytes payload);
  void queue_held_pong();
  void note_message();

  // Timers.
  /// Whether no timer runs, and none will before something is received, sent or closed.
  bool is_untimed() const {
    return !has_timers_ && phase_ == Phase::open && !close_sent_ && codec_ == nullptr;
  }
  std::optional<Event> act_on_time(Time now, Unread unread);
  void put_off();
  std::optional<Time> first_due() const;
  std::optional<Event> advance_open();
  void keep_alive();
  bool output_waits() const { return wants_write() || in_transit_; }
  Time handshake_due() const;
  Time idle_due() const;
  Time message_due() const;
  Time ping_due() const;
  Time pong_due() const;
  Time write_due() const;
  Time close_due() const;
  Time release_due() const;
  void start_writing() {
    if (output_.empty()) write_at_ = now_;
  }
  void all_written();

  // Ends.
  Event fail(Error why);
  void begin_failure(Error why);
  std::optional<Event> end_at_once(std::error_code why);
  Ending& end(std::error_code why, CloseCode code, std::string_view reason = {});
  void drop_output(std::error_code why);
  void discard_output();
  std::string_view close_reason() const;
  std::error_code judge_close(CloseCode code) const;
  bool ends_first() const;
  Event give_closed();
  void enter(Phase phase);

  bool sends_masked() const { return role_ == Role::client; }

  SharedConfig config_;
  std::pmr::memory_resource* memory_;
  Entropy* entropy_;
  Observer* observer_ = nullptr;
  std::unique_ptr<Opening> opening_;
  std::unique_ptr<Codec, CodecDeleter> codec_;
  detail::OutputQueue output_;
  detail::Assembly
      assembly_;  ///< of the current message, unless it lies whole in the owner's buffer
  detail::Assembly control_;       ///< of a control frame's payload that came in pieces
  detail::Assembly held_pong_;     ///< the newest pong, while too many wait in output_
  detail::Assembly close_reason_;  ///< the peer's, beside ending_
  std::error_code end_why_;        ///< the same: why the connection ends, if not cleanly

  Time now_ = Time::min();         ///< the last time told; min() before the first
  Time since_ = Time::min();       ///< of the handshake, of the message being received, of the end
  Time heard_at_ = Time::min();    ///< when anything was received last; once pinged, when that was
  Time message_at_ = Time::min();  ///< when a byte of a message went either way last
  Time write_at_ = Time::min();    ///< when output began to wait, or was written last

  std::uint64_t remaining_ = 0;  ///< octets of the current frame's payload still to come
  std::size_t pongs_end_ = 0;    ///< octets of output_ up to the end of the last queued pong
  std::size_t ping_end_ = 0;     ///< the same of a keepalive ping
  std::uint64_t message_size_ =
      0;              ///< octets of the current message so far, announced ones included
  Bytes consumed_{};  ///< the last view into the owner's buffer, for debug builds to scribble over
  std::uint32_t ping_serial_ = 0;
  CloseCode sent_code_ = CloseCode::no_status;  ///< of our Close, once it was sent
  Ending ending_;
  MaskKey mask_{};
  /// The front of a header that came in pieces; once none can come any more, room for a Close that
  /// there is no memory for.
  std::byte header_[FrameHeader::max_size];
  std::uint8_t header_size_ = 0;
  std::uint8_t kept_close_ = 0;  ///< bytes of that Close, at the end of header_
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
  bool sending_message_ = false;  ///< sent: between first and last fragment
  bool close_sent_ = false;
  bool close_received_ : 1 = false;
  bool limits_inflation_ : 1 = false;
  bool in_transit_ : 1 = false;     ///< a layer below has not written all that was consumed
  bool message_waits_ : 1 = false;  ///< output may have bytes of messages
  bool pong_held_ : 1 = false;
  bool ping_outstanding_ : 1 = false;
  bool opened_pending_ : 1 = false;
  bool closed_given_ : 1 = false;
  bool compressing_ : 1 = false;  ///< the message being sent is
  bool chunk_given_ : 1 = false;  ///< deliver_chunks: the message's first piece was handed out
  bool has_timers_ : 1;           ///< that run while the connection is open
};

static_assert(sizeof(Connection) <= 272);

}  // namespace wolframite
#pragma GCC visibility pop
