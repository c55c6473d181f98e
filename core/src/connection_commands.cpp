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

/// Whose size is known, and whose mask is not drawn yet.
inline FrameHeader Connection::make_header(OpCode opcode, bool fin, std::size_t size,
                                           bool compressed) const {
  FrameHeader header{.fin = fin, .opcode = opcode, .masked = sends_masked(), .length = size};
  if (compressed) header.rsv = FrameHeader::rsv1;
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

/// Returns whether there was memory; without it nothing has changed, as in all that queue
/// something.
///
///     room  [header][payload, masked on the way by a client]
bool Connection::queue_frame(OpCode opcode, bool fin, ConstBytes payload, bool compressed) {
  FrameHeader header = make_header(opcode, fin, payload.size(), compressed);
  start_writing();
  std::byte* room = output_.extend(header.size() + payload.size(), *memory_);
  if (room == nullptr) [[unlikely]]
    return false;
  if (header.masked) header.mask = fresh_mask();
  // What is passed on is a copy, so that the header itself can stay in registers.
  if (observer_ != nullptr) tell_sent(header, payload);
  room = detail::write_front(header, room);
  if (header.masked) {
    copy_masked(payload, room, header.mask);
  } else if (!payload.empty()) {
    std::memcpy(room, payload.data(), payload.size());
  }
  return true;
}

std::error_code Connection::send(Kind kind, ConstBytes payload, bool last,
                                 Compression compression) {
  if (const Error error = check_sendable(); error != Error::none) return refusal(error);
  if (sending_message_ && kind != sent_kind_) return Error::message_kind_changed;
  if (!sending_message_) {
    compressing_ = deflate_.enabled && compresses(payload.size(), last, compression);
  }
  const OpCode opcode = sending_message_ ? OpCode::continuation : opcode_of(kind);
  const bool queued =
      compressing_ ? queue_compressed(opcode, last, payload) : queue_frame(opcode, last, payload);
  if (!queued) [[unlikely]]
    return Error::out_of_memory;
  sending_message_ = !last;
  sent_kind_ = kind;
  note_message();
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
  if (!queue_shared(kind, std::move(payload))) return Error::out_of_memory;
  note_message();
  return {};
}

///     [header and payload]           if the payload has room for it, and no other is there
///     [block: .. header]-> [payload] otherwise
bool Connection::queue_shared(Kind kind, SharedBytes payload) {
  const ConstBytes bytes = payload.bytes();
  const FrameHeader header = make_header(opcode_of(kind), true, bytes.size());
  std::array<std::byte, FrameHeader::max_size> room;
  const ConstBytes front(room.data(), detail::write_front(header, room.data()));
  const ConstBytes framed = payload.framed_by(front);
  start_writing();
  const bool queued = framed.empty() ? output_.append_behind(front, std::move(payload), *memory_)
                                     : output_.append(framed, std::move(payload), *memory_);
  if (queued && observer_ != nullptr) tell_sent(header, bytes);
  return queued;
}

/// Sends what was assembled, which is `message`, without a copy.
std::error_code Connection::hand_over(const Message& message) {
  if (const Error error = check_sendable(); error != Error::none) return refusal(error);
  const FrameHeader header = make_header(opcode_of(message.kind), true, message.data.size());
  std::array<std::byte, FrameHeader::max_size> room;
  const ConstBytes front(room.data(), detail::write_front(header, room.data()));
  start_writing();
  if (!output_.append_behind(front, std::move(assembly_), *memory_)) return Error::out_of_memory;
  if (observer_ != nullptr) tell_sent(header, message.data);
  view_ = View::none;
  note_message();
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
  std::byte* const room = message.data.data() - front;
  start_writing();
  if (!output_.append(ConstBytes(room, front + message.data.size()), std::move(buffer), *memory_)) {
    return Error::out_of_memory;
  }
  const FrameHeader header = make_header(opcode_of(message.kind), true, message.data.size());
  detail::write_front(header, room);
  if (observer_ != nullptr) tell_sent(header, message.data);
  consumed_ = {};
  note_message();
  return {};
}

std::error_code Connection::ping(ConstBytes payload) { return send_control(OpCode::ping, payload); }

std::error_code Connection::pong(ConstBytes payload) { return send_control(OpCode::pong, payload); }

std::error_code Connection::send_control(OpCode opcode, ConstBytes payload) {
  if (payload.size() > FrameHeader::max_control_payload) return Error::control_payload_too_long;
  if (const Error error = check_sendable(); error != Error::none) return refusal(error);
  return queue_frame(opcode, true, payload) ? Error::none : Error::out_of_memory;
}

std::error_code Connection::close(CloseCode code, std::string_view reason) {
  if (const Error error = check_open(); error != Error::none) return refusal(error);
  const CloseFrame frame{code, reason};
  if (const Error error = frame.check(); error != Error::none) return error;
  if (!queue_close(frame)) return Error::out_of_memory;
  since_ = now_;
  return {};
}

std::size_t Connection::output(std::span<ConstBytes> gather) const {
  std::size_t used = output_.gather(gather);
  if (kept_close_ > 0 && used < gather.size()) gather[used++] = kept_close();
  return used;
}

inline void Connection::all_written() {
  message_waits_ = false;
  if (is_closing()) since_ = now_;
}

void Connection::consume(std::size_t size) {
  const std::size_t queued = std::min(size, output_.size());
  output_.consume(queued);
  kept_close_ = static_cast<std::uint8_t>(kept_close_ - (size - queued));
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
  if (!output_waits()) all_written();
}

void Connection::set_output_in_transit(bool in_transit) {
  if (in_transit_ == in_transit) return;
  in_transit_ = in_transit;
  if (in_transit) return;
  if (ping_outstanding_ && ping_end_ == 0) heard_at_ = now_;
  if (!wants_write()) all_written();
}

bool Connection::queue_close(const CloseFrame& frame) {
  std::array<std::byte, FrameHeader::max_control_payload> body;
  const ConstBytes payload = ConstBytes(body).first(frame.format(body));
  const bool can_mask = !sends_masked() || entropy_ != nullptr;
  if (can_mask && !queue_frame(OpCode::close, true, payload)) return false;
  note_close(frame.code);
  return true;
}

void Connection::note_close(CloseCode code) {
  close_sent_ = true;
  sent_code_ = code;
  pong_held_ = false;
  held_pong_.clear();
}

/// The same where no more frames will be received. Without memory the Close goes from the room of
/// the headers that are not to come, and leaves its reason out.
///
///     header_  [Close without its reason, as far as it is not consumed]
void Connection::queue_last_close(const CloseFrame& frame) {
  if (queue_close(frame)) return;
  std::array<std::byte, FrameHeader::max_control_payload> body;
  const ConstBytes payload = ConstBytes(body).first(CloseFrame{frame.code, {}}.format(body));
  FrameHeader header = make_header(OpCode::close, true, payload.size());
  if (header.masked) header.mask = fresh_mask();
  if (observer_ != nullptr) tell_sent(header, payload);
  start_writing();
  kept_close_ = static_cast<std::uint8_t>(header.size() + payload.size());
  copy_masked(payload, detail::write_front(header, header_ + sizeof header_ - kept_close_),
              header.mask);
  note_close(frame.code);
}

void Connection::queue_held_pong() {
  pong_held_ = false;
  const bool queued = !is_open() || answer_ping(held_pong_.bytes());
  held_pong_.clear();
  if (!queued) begin_failure(Error::out_of_memory);  // which is told by what is called next
}

/// Returns whether there was memory.
bool Connection::answer_ping(ConstBytes payload) {
  if (sends_masked() && entropy_ == nullptr) return true;
  if (queued_pongs_ < max_queued_pongs) {
    if (!queue_frame(OpCode::pong, true, payload)) return false;
    ++queued_pongs_;
    pongs_end_ = output_.size();
    return true;
  }
  pong_held_ = true;
  held_pong_.clear();
  if (payload.empty()) return true;
  std::byte* const room = held_pong_.extend(payload.size(), 0, *memory_);
  if (room == nullptr) return false;
  std::memcpy(room, payload.data(), payload.size());
  return true;
}

}  // namespace wolframite
