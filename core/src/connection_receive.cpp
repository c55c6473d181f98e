// What is received, by the state that receives it: a short way for the commonest message, a long
// one for all else.
#include <cstring>
#include <utility>

#include "connection_state.hpp"
#include "mask_short.hpp"
#include "wolframite/connection.hpp"

namespace wolframite {

/// In debug builds, makes a view that outlived its event show at once.
inline void Connection::scribble([[maybe_unused]] Bytes in) {
#if defined(WOLFRAMITE_SCRIBBLE)
  // Only if the owner still passes the same buffer: otherwise it may have been freed since, or
  // filled for another stream. With nothing left of that buffer, a neighbour in one pool of buffers
  // begins where it ended.
  const bool same_buffer = consumed_.data() != nullptr && (in.empty() || !consumed_all_) &&
                           consumed_.data() + consumed_.size() == in.data();
  if (same_buffer) std::memset(consumed_.data(), 0xDB, consumed_.size());
  consumed_ = {};
#endif
}

/// Whether a message may begin here, and nothing else has to be done or told before.
inline bool Connection::expects_message() const {
  return phase_ == Phase::open && !in_frame_ && !in_message_ && header_size_ == 0 &&
         opening_ == nullptr && observer_ == nullptr;
}

/// Takes the commonest frame by far at the least cost: a message in one frame that is not
/// compressed, has nothing wrong in its header, and lies whole at the front of `in`. Takes nothing,
/// and returns false, if something else lies there.
inline bool Connection::take_plain_message(Bytes& in, Bytes& data) {
  constexpr unsigned final_text = 0x81, final_binary = 0x82, mask_bit = 0x80;
  if (in.size() < 2) return false;
  const auto first = std::to_integer<unsigned>(in[0]);
  const auto second = std::to_integer<unsigned>(in[1]);
  const bool masked = (second & mask_bit) != 0;
  if (first != final_binary && first != final_text) return false;
  if (masked != (role_ == Role::server)) return false;
  std::size_t length = second & ~mask_bit;
  std::size_t front = 2 + (masked ? mask_.size() : 0);
  if (length > 125) {
    if (length > 126 || in.size() < 4) return false;
    length = std::to_integer<std::size_t>(in[2]) << 8U | std::to_integer<std::size_t>(in[3]);
    if (length < 126) return false;
    front += 2;
  }
  if (in.size() < front + length) return false;
  if (length > config().max_frame_size || length > config().max_message_size) return false;

  data = in.subspan(front, length);
  if (masked) {
    MaskKey key;
    std::memcpy(key.data(), data.data() - key.size(), key.size());
    if (length <= detail::mask_kernel_threshold) {
      detail::mask_up_to_64(data.data(), data.data(), length, detail::repeated(key));
    } else {
      apply_mask(data, key);
    }
  }
  in = in.subspan(front + length);
  consumed_ = data;
  consumed_all_ = in.empty();
  compressed_ = false;
  kind_ = first == final_text ? Kind::text : Kind::binary;
  return true;
}

std::optional<Event> Connection::receive(Bytes& in) {
  scribble(in);
  release_view();
  if (expects_message()) {
    if (in.empty() && codec_ == nullptr) return std::nullopt;
    if (Bytes data; take_plain_message(in, data)) {
      heard_at_ = message_at_ = now_;
      ping_outstanding_ = false;
      if (kind_ == Kind::text && !is_valid_utf8(data)) return fail(Error::invalid_utf8);
      return Message{kind_, data};
    }
  }
  auto event = next_event(in);
  tell(event);
  return event;
}

std::optional<Event> Connection::next_event(Bytes& in) {
  if (auto event = waiting_event()) return event;
  if (!in.empty()) {
    heard_at_ = now_;
    ping_outstanding_ = false;
  }
  switch (phase_) {
    case Phase::request_head:
      return receive_request(in);
    case Phase::awaiting_answer:  // what `in` has can be frames, or nothing at all
      return std::nullopt;
    case Phase::response_head:
      return receive_response(in);
    case Phase::refusal_body:
      return receive_refusal_body(in);
    case Phase::open:
      if (opening_ != nullptr) {
        if (auto event = receive_early()) return event;
        if (phase_ != Phase::open) break;
      }
      return receive_frames(in);
    case Phase::closing:
    case Phase::over:
      break;
  }
  in = in.last(0);
  return std::nullopt;
}

}  // namespace wolframite
