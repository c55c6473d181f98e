// Commands and output: what the owner wants said, queued as frames (RFC 6455 §5, §7.1.2).
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "connection_state.hpp"
#include "frame_front.hpp"
#include "wolframite/connection.hpp"

namespace wolframite {

namespace {

/// Below this, copying a shared payload beside its header costs less than a segment of its own.
constexpr std::size_t smallest_shared_payload = 1024;

/// Pongs that may wait to be written. Above, only the newest is kept (RFC 6455 §5.5.3), so that a
/// ping flood cannot grow the queue.
constexpr std::uint8_t max_queued_pongs = 32;

constexpr OpCode opcode_of(Kind kind) { return static_cast<OpCode>(kind); }

}  // namespace

inline Error Connection::check_open() const {
  if (phase_ < Phase::open) return Error::not_open;
  if (phase_ > Phase::open || close_sent_) return Error::send_after_close;
  if (sends_masked() && entropy_ == nullptr) return Error::no_entropy;
  return Error::none;
}

/// What a command returns that cannot be carried out. Where the peer has closed for an error, that
/// is the reason.
std::error_code Connection::refusal(Error error) const {
  const bool by_peer = error == Error::send_after_close && why_closed() == Error::closed_with_error;
  return by_peer ? Error::closed_with_error : error;
}

inline Error Connection::check_sendable() const {
  if (const Error error = check_open(); error != Error::none) return error;
  return output_.size() >= config().max_write_buffer_size ? Error::write_buffer_full : Error::none;
}

inline void Connection::note_message() {
  message_at_ = now_;
  message_waits_ = true;
}

// What is passed on is a copy, so that the header itself can stay in registers.
inline FrameHeader Connection::make_header(OpCode opcode, bool fin, ConstBytes payload,
                                           bool compressed) {
  FrameHeader header{
      .fin = fin, .opcode = opcode, .masked = sends_masked(), .length = payload.size()};
  if (compressed) header.rsv = FrameHeader::rsv1;
  if (header.masked) header.mask = fresh_mask();
  if (observer_ != nullptr) tell_sent(header, payload);
  return header;
}

MaskKey Connection::fresh_mask() {
  MaskKey mask;
  entropy_->fill(mask);
  return mask;
}

void Connection::tell_sent(FrameHeader header, ConstBytes payload) const {
  observer_->frame_sent(header, payload, now_);
}

///     room  [header][payload, masked on the way by a client]
void Connection::queue_frame(OpCode opcode, bool fin, ConstBytes payload, bool compressed) {
  start_writing();
  const FrameHeader header = make_header(opcode, fin, payload, compressed);
  std::byte* room = output_.extend(header.size() + payload.size(), *memory_);
  room = detail::write_front(header, room);
  if (header.masked) {
    copy_masked(payload, room, header.mask);
  } else if (!payload.empty()) {
    std::memcpy(room, payload.data(), payload.size());
  }
}

std::error_code Connection::send(Kind kind, ConstBytes payload, bool last,
                                 Compression compression) {
  if (const Error error = check_sendable(); error != Error::none) return refusal(error);
  if (sending_message_ && kind != sent_kind_) return Error::message_kind_changed;
  if (!sending_message_) {
    compressing_ = deflate_.enabled && compresses(payload.size(), last, compression);
  }
  const OpCode opcode = sending_message_ ? OpCode::continuation : opcode_of(kind);
  sending_message_ = !last;
  sent_kind_ = kind;
  note_message();
  if (compressing_) {
    queue_compressed(opcode, last, payload);
  } else {
    queue_frame(opcode, last, payload);
  }
  return {};
}

std::error_code Connection::send(Kind kind, SharedBytes payload, Compression compression) {
  const bool copies = sends_masked() || payload.size() < smallest_shared_payload ||
                      compresses(payload.size(), true, compression);
  if (copies) {
    if (sending_message_) return Error::message_unfinished;
    return send(kind, payload.bytes(), true, compression);
  }
  if (const Error error = check_sendable(); error != Error::none) return refusal(error);
  if (sending_message_) return Error::message_unfinished;
  note_message();
  queue_shared(kind, std::move(payload));
  return {};
}

///     [header and payload]           if the payload has room for it, and no other is there
///     [block: .. header]-> [payload] otherwise
void Connection::queue_shared(Kind kind, SharedBytes payload) {
  start_writing();
  const FrameHeader header = make_header(opcode_of(kind), true, payload.bytes());
  std::array<std::byte, FrameHeader::max_size> front;
  const ConstBytes written(front.data(), detail::write_front(header, front.data()));
  if (const ConstBytes framed = payload.framed_by(written); !framed.empty()) {
    output_.append(framed, std::move(payload), *memory_);
    return;
  }
  std::byte* const room = output_.extend_front(written.size(), *memory_);
  std::copy(written.begin(), written.end(), room);
  output_.append(std::move(payload), *memory_);
}

/// Sends what was assembled, which is `message`, without a copy.
std::error_code Connection::hand_over(const Message& message) {
  if (const Error error = check_sendable(); error != Error::none) return refusal(error);
  note_message();
  view_ = View::none;
  queue_front(message.kind, message.data);
  output_.append(std::move(assembly_), *memory_);
  return {};
}

/// Whether `message` is all that was assembled, and can go as it is.
bool Connection::can_hand_over(const Message& message, Compression compression) const {
  const Bytes assembled = assembly_.bytes();
  return message.data.data() == assembled.data() && message.data.size() == assembled.size() &&
         sends_as_it_is(message, compression);
}

/// Whether the octets of `message` are those of a frame to send.
bool Connection::sends_as_it_is(const Message& message, Compression compression) const {
  return message.first && message.last && !sends_masked() && !sending_message_ &&
         !compresses(message.data.size(), true, compression);
}

///     buffer  [ .. | the client's header and mask | payload | next frame .. ]
///                             [our header, shorter] payload ]
std::error_code Connection::send(Message&& message, SharedBytes buffer, Compression compression) {
  const std::size_t front = FrameHeader{.length = message.data.size()}.size();
  const std::byte* const begin = buffer.bytes().data();
  const std::byte* const end = begin + buffer.size();
  const std::byte* const payload = message.data.data();
  const bool fits = buffer.size() >= front + message.data.size() && payload >= begin + front &&
                    payload + message.data.size() <= end;
  if (!fits || !sends_as_it_is(message, compression)) return send(std::move(message), compression);
  if (const Error error = check_sendable(); error != Error::none) return refusal(error);
  note_message();
  start_writing();
  consumed_ = {};
  std::byte* const room = message.data.data() - front;
  detail::write_front(make_header(opcode_of(message.kind), true, message.data), room);
  output_.append(ConstBytes(room, front + message.data.size()), std::move(buffer), *memory_);
  return {};
}

/// Queues the header of a message whose payload will be a segment of its own.
void Connection::queue_front(Kind kind, ConstBytes payload) {
  start_writing();
  const FrameHeader header = make_header(opcode_of(kind), true, payload);
  detail::write_front(header, output_.extend_front(header.size(), *memory_));
}

std::error_code Connection::ping(ConstBytes payload) { return send_control(OpCode::ping, payload); }

std::error_code Connection::pong(ConstBytes payload) { return send_control(OpCode::pong, payload); }

std::error_code Connection::send_control(OpCode opcode, ConstBytes payload) {
  if (payload.size() > FrameHeader::max_control_payload) return Error::control_payload_too_long;
  if (const Error error = check_sendable(); error != Error::none) return refusal(error);
  queue_frame(opcode, true, payload);
  return {};
}

std::error_code Connection::close(CloseCode code, std::string_view reason) {
  if (const Error error = check_open(); error != Error::none) return refusal(error);
  const CloseFrame frame{code, reason};
  if (const Error error = frame.check(); error != Error::none) return error;
  queue_close(frame);
  since_ = now_;
  return {};
}

std::size_t Connection::output(std::span<ConstBytes> gather) const {
  return output_.gather(gather);
}

inline void Connection::all_written() {
  message_waits_ = false;
  if (is_closing()) since_ = now_;
}

void Connection::consume(std::size_t size) {
  output_.consume(size);
  if (size == 0) return;
  write_at_ = now_;
  if (message_waits_) message_at_ = now_;
  if (ping_end_ > 0) {
    ping_end_ -= std::min(size, ping_end_);
    if (ping_end_ == 0) heard_at_ = now_;
  }
  pongs_end_ -= std::min(size, pongs_end_);
  if (pongs_end_ == 0) {
    queued_pongs_ = 0;
    if (pong_held_) queue_held_pong();
  }
  if (output_.empty() && !in_transit_) all_written();
}

void Connection::set_output_in_transit(bool in_transit) {
  if (in_transit_ == in_transit) return;
  in_transit_ = in_transit;
  if (in_transit) return;
  if (ping_outstanding_ && ping_end_ == 0) heard_at_ = now_;
  if (output_.empty()) all_written();
}

void Connection::queue_close(const CloseFrame& frame) {
  close_sent_ = true;
  sent_code_ = frame.code;
  pong_held_ = false;
  held_pong_.clear();
  if (sends_masked() && entropy_ == nullptr) return;
  std::array<std::byte, FrameHeader::max_control_payload> body;
  queue_frame(OpCode::close, true, ConstBytes(body).first(frame.format(body)));
}

void Connection::queue_held_pong() {
  pong_held_ = false;
  if (is_open()) answer_ping(held_pong_.bytes());
  held_pong_.clear();
}

void Connection::answer_ping(ConstBytes payload) {
  if (sends_masked() && entropy_ == nullptr) return;
  if (queued_pongs_ < max_queued_pongs) {
    ++queued_pongs_;
    queue_frame(OpCode::pong, true, payload);
    pongs_end_ = output_.size();
    return;
  }
  pong_held_ = true;
  held_pong_.clear();
  if (payload.empty()) return;
  std::memcpy(held_pong_.extend(payload.size(), 0, *memory_), payload.data(), payload.size());
}

}  // namespace wolframite
