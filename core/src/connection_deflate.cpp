// Compressed messages, in and out (RFC 7692 §7.2).
#include <algorithm>
#include <bit>
#include <limits>
#include <new>
#include <utility>

#include "connection_state.hpp"
#include "wolframite/connection.hpp"
#include "wolframite/detail/try_allocate.hpp"

namespace wolframite {

namespace {

constexpr std::size_t smallest_room = 1024;
constexpr std::size_t largest_room = 64 * 1024;
constexpr std::size_t most_expected =
    std::numeric_limits<std::size_t>::max() / 4;  // leaves sums their room

/// A deflate block of no octets, which stands for an empty message (RFC 7692 §7.2.3.6).
constexpr std::byte empty_block[] = {std::byte{0}};

/// The smallest context that serves a single message as well as a large one would.
Deflater::Options options_for(std::size_t size, int window_bits, const DeflateConfig& config) {
  constexpr std::size_t lookahead = 262;  // zlib refers back this much less than its window
  const int window = static_cast<int>(std::bit_width(size + lookahead));
  const int memory = static_cast<int>(std::bit_width(size)) - 6;
  return {.window_bits = std::clamp(window, 9, window_bits),
          .level = config.level,
          .memory_level = std::clamp(memory, 1, config.memory_level)};
}

}  // namespace

/// Takes octets of a compressed frame from the front of `in`, inflates them into the message's
/// buffer, and gives the message, or the piece, that is complete.
///
///     in         [inflated][unmasked already][masked still ......]
///     assembly_  [inflated text .........]
std::optional<Event> Connection::receive_compressed(Bytes& in) {
  Codec& codec = *codec_;
  const Bytes part =
      in.first(static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, in.size())));
  if (!part.empty()) message_at_ = now_;
  if (part.size() > codec.unmasked) {
    unmask(part.subspan(codec.unmasked));
    codec.unmasked = part.size();
  }
  ConstBytes rest = part;
  Error error = inflate(rest);
  const std::size_t taken = part.size() - rest.size();
  in = in.subspan(taken);
  remaining_ -= taken;
  codec.unmasked -= taken;
  if (error != Error::none) return fail(error);
  if (codec.has_more) return give_inflated(false);
  if (remaining_ > 0) return give_inflated(false);
  if (fin_) {
    ConstBytes tail = ConstBytes(deflate_tail).subspan(codec.tail_taken);
    error = inflate(tail);
    codec.tail_taken = static_cast<std::uint8_t>(sizeof deflate_tail - tail.size());
    if (error != Error::none) return fail(error);
    if (codec.has_more) return give_inflated(false);
    return finish_compressed();
  }
  in_frame_ = false;
  return give_inflated(false);
}

std::optional<Event> Connection::finish_compressed() {
  Codec& codec = *codec_;
  if (!codec.inflater->is_at_boundary()) return fail(Error::invalid_deflate);
  if (kind_ == Kind::text && !utf8_.is_complete()) return fail(Error::invalid_utf8);
  codec.tail_taken = 0;
  codec.released = false;  // had it been idle inside the message, it could not be packed then
  in_frame_ = false;
  in_message_ = false;
  compressed_ = false;
  const bool takeover = role_ == Role::server ? !deflate_.client_no_context_takeover
                                              : !deflate_.server_no_context_takeover;
  if (!takeover) codec.inflater.reset();
  return give_inflated(true);
}

/// Hands out the message; or with `deliver_chunks` what there is of it, if anything.
std::optional<Event> Connection::give_inflated(bool last) {
  if (!last && (!config().deliver_chunks || assembly_.empty())) return std::nullopt;
  view_ = View::message;
  message_at_ = now_;
  const bool first = !chunk_given_;
  chunk_given_ = !last;
  return Message{kind_, assembly_.bytes(), first, last};
}

/// Inflates `source` to the end of the message's buffer. Leaves `has_more` set where the piece to
/// hand out is full, or the step is, before `source` is done.
Error Connection::inflate(ConstBytes& source) {
  Codec& codec = *codec_;
  codec.has_more = false;
  for (;;) {
    codec.paused = limits_inflation_ && codec.inflated >= inflation_step;
    codec.has_more = codec.paused;
    if (codec.paused) return Error::none;
    // One octet more than is allowed shows that there is more.
    const std::uint64_t left = config().max_message_size - message_size_;
    std::size_t room_size = std::clamp(8 * source.size(), smallest_room, largest_room);
    if (config().deliver_chunks) room_size = std::min(room_size, largest_room - assembly_.size());
    if (room_size > left) room_size = static_cast<std::size_t>(left) + 1;
    codec.has_more = room_size == 0;
    if (codec.has_more) return Error::none;

    // The buffer grows by a factor, so that copying stays linear, and towards the limit.
    const std::uint64_t whole = config().deliver_chunks ? largest_room - assembly_.size() : left;
    const std::uint64_t cap = whole - std::min<std::uint64_t>(whole, room_size);
    const auto expected = static_cast<std::size_t>(std::min<std::uint64_t>(cap, most_expected));
    std::byte* front = assembly_.extend_open(room_size, expected, *memory_);
    if (front == nullptr) return Error::out_of_memory;
    Bytes room{front, room_size};
    const DeflateStatus status = codec.inflater->decompress(source, room);
    const std::size_t written = room_size - room.size();
    assembly_.shrink(room.size());
    if (status == DeflateStatus::no_memory) return Error::out_of_memory;
    const std::size_t allowed = static_cast<std::size_t>(std::min<std::uint64_t>(written, left));
    if (kind_ == Kind::text && !utf8_.feed({front, allowed})) return Error::invalid_utf8;
    if (written > left) return Error::message_too_big;
    message_size_ += written;
    codec.inflated += written;
    if (status == DeflateStatus::failed) return Error::invalid_deflate;
    if (status == DeflateStatus::needs_input) return Error::none;
  }
}

/// Returns whether there was memory.
bool Connection::begin_compressed() {
  Codec* const held = codec();
  if (held == nullptr) return false;
  compressed_ = true;
  if (!held->inflater) {
    const int bits =
        role_ == Role::server ? deflate_.client_window_bits : deflate_.server_window_bits;
    held->inflater.emplace(bits, *memory_);
  }
  return true;
}

/// Whether a message that begins with this fragment is to be compressed.
bool Connection::compresses(std::size_t size, bool last, Compression compression) const {
  if (!deflate_.enabled || compression == Compression::never) return false;
  if (last && size < config().deflate.threshold) return false;
  // zlib makes no windows of 8 bits; messages as they are need none (RFC 7692 §6).
  return own_window_bits() > DeflateConfig::min_window_bits;
}

/// Returns whether there was memory. A sender need not refer back: so a deflater that has taken
/// what is not sent is dropped, and nothing has changed.
bool Connection::queue_compressed(OpCode opcode, bool last, ConstBytes payload) {
  const bool first = opcode != OpCode::continuation;
  const bool takeover = role_ == Role::server ? !deflate_.server_no_context_takeover
                                              : !deflate_.client_no_context_takeover;
  detail::Assembly compressed;
  if (!payload.empty() || !last) {
    Codec* const held = codec();
    if (held != nullptr && !held->deflater) {
      const DeflateConfig& settings = config().deflate;
      const bool alone = first && last && !takeover;
      held->deflater.emplace(
          alone ? options_for(payload.size(), own_window_bits(), settings)
                : Deflater::Options{own_window_bits(), settings.level, settings.memory_level},
          *memory_);
    }
    // Without memory for the codec a message goes as it is, if it is not begun yet (RFC 7692 §6).
    if (held == nullptr || !held->deflater->is_ready()) {
      if (held != nullptr) held->deflater.reset();
      if (!first) return false;
      compressing_ = false;
      return queue_frame(opcode, last, payload);
    }
  }
  if (!payload.empty()) {
    if (!deflate(payload, compressed)) {
      codec_->deflater.reset();
      return false;
    }
    if (last) compressed.shrink(sizeof deflate_tail);
  }
  const bool empty = payload.empty() && last;
  const ConstBytes body = empty ? ConstBytes(empty_block) : ConstBytes(compressed.bytes());
  // What does not shrink goes out as it is, unless the peer's window must keep up with ours.
  const bool worthwhile = takeover || !first || !last || body.size() < payload.size();
  const bool queued = queue_frame(opcode, last, worthwhile ? body : payload, first && worthwhile);
  if (codec_ == nullptr) return queued;
  codec_->released = false;
  if (!queued || (last && !takeover)) codec_->deflater.reset();
  return queued;
}

/// Returns whether there was memory.
bool Connection::deflate(ConstBytes payload, detail::Assembly& out) {
  DeflateStatus status = DeflateStatus::needs_room;
  while (status == DeflateStatus::needs_room) {
    const std::size_t room_size = std::clamp(payload.size() / 2, smallest_room, largest_room);
    const std::size_t expected = std::max(payload.size(), largest_room);
    std::byte* const begin = out.extend_open(room_size, expected, *memory_);
    if (begin == nullptr) return false;
    Bytes room{begin, room_size};
    status = codec_->deflater->compress(payload, room);
    out.shrink(room.size());
  }
  return true;
}

int Connection::own_window_bits() const {
  return role_ == Role::server ? deflate_.server_window_bits : deflate_.client_window_bits;
}

/// Null where there is no memory.
Connection::Codec* Connection::codec() {
  if (codec_ == nullptr) {
    void* const room = detail::try_allocate(*memory_, sizeof(Codec), alignof(Codec));
    if (room != nullptr) codec_.reset(new (room) Codec(*memory_));
  }
  if (codec_ != nullptr) codec_->released = false;
  return codec_.get();
}

void Connection::CodecDeleter::operator()(Codec* codec) const {
  std::pmr::memory_resource& memory = codec->memory;
  codec->~Codec();
  memory.deallocate(codec, sizeof(Codec), alignof(Codec));
}

void Connection::release_memory() {
  if (codec_ == nullptr) return;
  // A sender need not refer back, and a receiver needs no more than what it was really sent.
  if (!sending_message_) codec_->deflater.reset();
  if (!in_message_ && codec_->inflater) codec_->inflater->pack();
  codec_->released = true;
}

bool Connection::is_paused() const { return codec_ != nullptr && codec_->paused; }

std::size_t Connection::memory_in_use() const {
  std::size_t size = output_.memory_in_use() + assembly_.memory_in_use() +
                     control_.memory_in_use() + held_pong_.memory_in_use();
  if (codec_ != nullptr) {
    size += sizeof(Codec);
    if (codec_->deflater) size += codec_->deflater->memory_in_use();
    if (codec_->inflater) size += codec_->inflater->memory_in_use();
  }
  return size;
}

}  // namespace wolframite
