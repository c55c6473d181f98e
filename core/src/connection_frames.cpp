// Frames in (RFC 6455 §5): headers judged as early as their octets allow, payloads in place where
// they lie whole in the owner's buffer.
#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "connection_state.hpp"
#include "wolframite/connection.hpp"

namespace wolframite {

std::optional<Event> Connection::receive_frames(Bytes& in) {
  if (codec_ != nullptr) codec_->begin_step();
  for (;;) {
    if (in.empty() && !(codec_ != nullptr && codec_->has_more)) return std::nullopt;
    if (!in_frame_) {
      if (const Error error = receive_header(in); error != Error::none) return fail(error);
      if (!in_frame_) return std::nullopt;
    }
    if (compressed_ && !is_control(opcode_)) {
      if (auto event = receive_compressed(in)) return event;
      if (codec_->paused) return std::nullopt;
      continue;
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, in.size()));
    const Bytes part = in.first(size);
    in = in.subspan(size);
    remaining_ -= size;
    auto event = is_control(opcode_) ? receive_control(part) : receive_data(part);
    if (event) {
      consumed_all_ = in.empty();
      return event;
    }
  }
}

/// Takes a header, or the part of it that is there, from the front of `in`.
Error Connection::receive_header(Bytes& in) {
  const std::size_t held = header_size_;
  ConstBytes bytes = in;
  if (held > 0) {
    const std::size_t added = std::min(in.size(), FrameHeader::max_size - held);
    std::memcpy(header_ + held, in.data(), added);
    bytes = {header_, held + added};
  }
  const FrameHeader::Parsed parsed = FrameHeader::parse(bytes);
  const bool whole = parsed.size > 0;
  if (!whole || !is_acceptable(parsed.header)) {
    // Octet by octet, so that of several faults the same one is found however the bytes were cut.
    for (std::size_t size = held + 1; size <= bytes.size() && (!whole || size <= parsed.size);
         ++size) {
      if (const Error error = judge(bytes.first(size)); error != Error::none) return error;
    }
  }
  if (!whole) {
    if (held == 0) std::memcpy(header_, bytes.data(), bytes.size());
    header_size_ = static_cast<std::uint8_t>(bytes.size());
    in = in.last(0);
    return Error::none;
  }
  in = in.subspan(parsed.size - held);
  header_size_ = 0;
  if (const Error error = begin_frame(parsed.header); error != Error::none) return error;
  if (observer_ != nullptr) observer_->frame_received(parsed.header, now_);
  return Error::none;
}

/// Whether nothing is wrong with a whole header. If something is, `judge` names it.
bool Connection::is_acceptable(const FrameHeader& header) const {
  if (!allows_reserved_bits(header.rsv, header.opcode)) return false;
  if (header.masked != (role_ == Role::server)) {
    if (role_ == Role::client || !config().accept_unmasked_frames) return false;
  }
  if (is_control(header.opcode)) return true;
  const bool continues = header.opcode == OpCode::continuation;
  const bool compressed = continues ? compressed_ : header.rsv != 0;
  return continues == in_message_ &&
         judge_size(header.length, continues, compressed) == Error::none;
}

/// RSV1 marks the first frame of a compressed message (RFC 7692 §6); the other bits have no
/// meaning.
bool Connection::allows_reserved_bits(unsigned rsv, OpCode opcode) const {
  if (rsv == 0) return true;
  return rsv == FrameHeader::rsv1 && deflate_.enabled && !is_control(opcode) &&
         opcode != OpCode::continuation;
}

/// Judges a header by those of its octets that are there.
Error Connection::judge(ConstBytes front) const {
  const auto first = std::to_integer<unsigned>(front[0]);
  const unsigned rsv = first >> 4U & 7U;
  const auto opcode = static_cast<OpCode>(first & 0x0FU);
  if (!allows_reserved_bits(rsv, opcode)) return Error::reserved_bits_set;
  const FrameHeader::Parsed parsed =
      FrameHeader::parse(front.first(std::min<std::size_t>(front.size(), 2)));
  if (parsed.error != Error::none) return parsed.error;
  if (opcode == OpCode::continuation && !in_message_) return Error::unexpected_continuation;
  if (!is_control(opcode) && opcode != OpCode::continuation && in_message_) {
    return Error::expected_continuation;
  }
  if (front.size() < 2) return Error::none;
  const bool masked = (std::to_integer<unsigned>(front[1]) & 0x80U) != 0;
  if (masked && role_ == Role::client) return Error::masked_frame_from_server;
  if (!masked && role_ == Role::server && !config().accept_unmasked_frames) {
    return Error::unmasked_frame_from_client;
  }
  return judge_length(front, is_control(opcode), opcode == OpCode::continuation);
}

/// Judges the length as soon as it is complete, which is before the mask is.
Error Connection::judge_length(ConstBytes front, bool control, bool continues) const {
  const std::size_t code = std::to_integer<std::size_t>(front[1] & std::byte{0x7F});
  const std::size_t extended = code == 126 ? 2 : code == 127 ? 8 : 0;
  if (const Error error = FrameHeader::parse(front).error; error != Error::none) return error;
  if (control || front.size() < 2 + extended) return Error::none;
  std::uint64_t length = extended == 0 ? code : 0;
  for (const std::byte octet : front.subspan(2, extended)) {
    length = length << 8U | std::to_integer<std::uint64_t>(octet);
  }
  const bool compressed = continues ? compressed_ : (front[0] & std::byte{0x40}) != std::byte{0};
  return judge_size(length, continues, compressed);
}

Error Connection::judge_size(std::uint64_t length, bool continues, bool compressed) const {
  if (length > config().max_frame_size) return Error::frame_too_big;
  if (compressed) return Error::none;  // it is the inflated size that counts
  const std::uint64_t before = continues ? message_size_ : 0;
  const std::uint64_t limit = config().max_message_size;
  return length > limit || before > limit - length ? Error::message_too_big : Error::none;
}

Error Connection::begin_frame(const FrameHeader& header) {
  in_frame_ = true;
  opcode_ = header.opcode;
  fin_ = header.fin;
  masked_ = header.masked;
  mask_ = header.mask;
  mask_offset_ = 0;
  remaining_ = header.length;
  if (is_control(opcode_)) return Error::none;
  if (opcode_ != OpCode::continuation) {
    kind_ = opcode_ == OpCode::text ? Kind::text : Kind::binary;
    in_message_ = true;
    if (!close_sent_) since_ = now_;
    message_size_ = 0;
    utf8_.reset();
    compressed_ = false;
    if (header.rsv != 0 && !begin_compressed()) return Error::out_of_memory;
  }
  if (!compressed_) message_size_ += header.length;
  return Error::none;
}

/// Takes the next part of a data frame's payload; gives the message, or the piece, that it
/// completes.
std::optional<Event> Connection::receive_data(Bytes part) {
  const bool frame_ends = remaining_ == 0;
  const bool last = frame_ends && fin_;
  if (last || !part.empty()) message_at_ = now_;
  const bool in_place = config().deliver_chunks || (last && assembly_.empty());
  Bytes data = in_place ? unmask(part) : assemble(part);
  if (data.size() != part.size()) return fail(Error::out_of_memory);
  if (in_place) consumed_ = data;
  if (kind_ == Kind::text) {
    if (!utf8_.feed(data) || (last && !utf8_.is_complete())) return fail(Error::invalid_utf8);
  }
  if (frame_ends) in_frame_ = false;
  if (last) in_message_ = false;
  if (config().deliver_chunks) {
    if (data.empty() && !last) return std::nullopt;
  } else {
    if (!last) return std::nullopt;
    if (!in_place) {
      data = assembly_.bytes();
      view_ = View::message;
    }
  }
  const bool first = !chunk_given_;
  chunk_given_ = !last;
  return Message{kind_, data, first, last};
}

/// Control frames may come between the fragments of a message, so theirs is a buffer of its own.
std::optional<Event> Connection::receive_control(Bytes part) {
  if (remaining_ == 0 && control_.empty()) {
    consumed_ = part;
    return finish_control(unmask(part));
  }
  if (part.empty()) return std::nullopt;
  std::byte* room = control_.extend(part.size(), static_cast<std::size_t>(remaining_), *memory_);
  if (room == nullptr) return fail(Error::out_of_memory);
  std::copy(part.begin(), part.end(), room);
  if (remaining_ > 0) return std::nullopt;
  view_ = View::control;
  return finish_control(unmask(control_.bytes()));
}

std::optional<Event> Connection::finish_control(Bytes payload) {
  in_frame_ = false;
  switch (opcode_) {
    case OpCode::ping:
      if (config().automatic_pong && !close_sent_ && !answer_ping(payload)) {
        return fail(Error::out_of_memory);
      }
      return Pinged{payload};
    case OpCode::pong:
      return Ponged{payload};
    default:
      return peer_closed(payload);
  }
}

Event Connection::peer_closed(ConstBytes body) {
  const CloseFrame::Parsed parsed = CloseFrame::parse(body);
  if (parsed.error != Error::none) return fail(parsed.error);
  close_received_ = true;
  end(judge_close(parsed.frame.code), parsed.frame.code, parsed.frame.reason);
  if (close_sent_) {
    phase_ = Phase::closing;
  } else {
    queue_last_close(parsed.frame);
    enter(Phase::closing);
  }
  return Closing{ending_.code, close_reason()};
}

/// Unmasks where the bytes lie.
Bytes Connection::unmask(Bytes part) {
  if (masked_) apply_mask(part, mask_, mask_offset_);
  mask_offset_ = static_cast<std::uint8_t>((mask_offset_ + part.size()) % mask_.size());
  return part;
}

/// Moves `part` to the end of the message's buffer, unmasking on the way. Empty where there is no
/// memory.
Bytes Connection::assemble(Bytes part) {
  if (part.empty()) return {};
  constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max() / 4;
  std::byte* room =
      fin_ ? assembly_.extend(part.size(), static_cast<std::size_t>(remaining_), *memory_)
           : assembly_.extend_open(part.size(), unknown, *memory_);
  if (room == nullptr) return {};
  if (masked_) {
    copy_masked(part, room, mask_, mask_offset_);
  } else {
    std::memcpy(room, part.data(), part.size());
  }
  mask_offset_ = static_cast<std::uint8_t>((mask_offset_ + part.size()) % mask_.size());
  return {room, part.size()};
}

}  // namespace wolframite
