// Frames and what they mean.
#include <array>
#include <bitset>
#include <optional>

#include "check.hpp"
#include "naive.hpp"
#include "recorder.hpp"
#include "wolframite/close_code.hpp"

namespace wolframite::fuzz::naive {
namespace {

constexpr std::size_t most_pongs = 32;  // that wait one by one while nothing is written

std::string reply(unsigned opcode, std::string_view payload) {
  return std::to_string(opcode) + " " + std::string(payload);
}

std::string close_body(CloseCode code, std::string_view reason) {
  if (code == CloseCode::no_status) return {};
  const auto value = static_cast<unsigned>(code);
  return std::string{static_cast<char>(value / 256), static_cast<char>(value % 256)}.append(reason);
}

class Listener {
 public:
  Listener(Role role, const Config& config) : role_(role), config_(config) {}

  Conversation listen(std::string_view text) {
    while (!text.empty() && !ended_) {
      const Frame frame = read_frame(text);
      text.remove_prefix(frame.taken);
      if (const Error error = judge(frame); error != Error::none) {
        fail(error);
      } else if (frame.has_header) {
        take(frame);
      }
    }
    if (!ended_) {
      if (waiting_pong_) heard_.replies.push_back(reply(10, *waiting_pong_));
      tell(line_of_closed(Error::connection_reset, CloseCode::abnormal, "", false));
    }
    return heard_;
  }

 private:
  // In the order in which the octets show it.
  Error judge(const Frame& frame) const {
    const bool control = frame.opcode >= 8;
    const bool known = frame.opcode <= 2 || (frame.opcode >= 8 && frame.opcode <= 10);
    if (frame.rsv != 0) return Error::reserved_bits_set;
    if (!known) return control ? Error::unknown_control_opcode : Error::unknown_data_opcode;
    if (control && !frame.fin) return Error::fragmented_control_frame;
    if (!control && frame.opcode == 0 && !kind_) return Error::unexpected_continuation;
    if (!control && frame.opcode != 0 && kind_) return Error::expected_continuation;
    if (frame.taken < 2) return Error::none;
    if (control && frame.code > 125) return Error::control_frame_too_big;
    if (frame.masked && role_ == Role::client) return Error::masked_frame_from_server;
    if (!frame.masked && role_ == Role::server && !config_.accept_unmasked_frames) {
      return Error::unmasked_frame_from_client;
    }
    if (!frame.has_length) return Error::none;
    if (frame.length >= std::uint64_t{1} << 63U) return Error::length_too_large;
    if (!frame.is_minimal) return Error::length_not_minimal;
    if (control) return Error::none;
    if (frame.length > config_.max_frame_size) return Error::frame_too_big;
    if (announced_ + frame.length > config_.max_message_size) return Error::message_too_big;
    return Error::none;
  }

  void take(const Frame& frame) {
    if (frame.opcode >= 8) {
      if (frame.is_whole) take_control(frame);
      return;
    }
    if (frame.opcode != 0) kind_ = static_cast<Kind>(frame.opcode);
    announced_ += frame.length;
    message_ += frame.payload;
    const bool ends = frame.is_whole && frame.fin;
    if (kind_ == Kind::text) {
      const Utf8 judged = judge_utf8(message_);
      const bool broken = judged.fault != std::string_view::npos;
      if (broken || (ends && !judged.is_complete)) return fail(Error::invalid_utf8);
    }
    if (!ends) return;
    tell(line_of_message(*kind_, message_));
    kind_.reset();
    message_.clear();
    announced_ = 0;
  }

  void take_control(const Frame& frame) {
    if (frame.opcode == 10) return tell(line_of_pong(frame.payload));
    if (frame.opcode == 8) return take_close(frame.payload);
    if (config_.automatic_pong && pongs_++ < most_pongs) {
      heard_.replies.push_back(reply(10, frame.payload));
    } else if (config_.automatic_pong) {
      waiting_pong_ = frame.payload;
    }
    tell(line_of_ping(frame.payload));
  }

  void take_close(const std::string& body) {
    CloseCode code = CloseCode::no_status;
    const std::string reason = body.size() < 2 ? "" : body.substr(2);
    if (body.size() == 1) return fail(Error::invalid_close_body);
    if (!body.empty()) {
      const unsigned value =
          static_cast<unsigned char>(body[0]) * 256U + static_cast<unsigned char>(body[1]);
      const bool unusable = value < 1000 || (value >= 1004 && value <= 1006) ||
                            (value >= 1015 && value < 3000) || value >= 5000;
      if (unusable) return fail(Error::invalid_close_code);
      if (!judge_utf8(reason).is_valid()) return fail(Error::invalid_utf8);
      code = static_cast<CloseCode>(value);
    }
    ended_ = true;
    heard_.replies.push_back(reply(8, body));
    tell(line_of_closing(code, reason));
    const bool is_usual =
        code == CloseCode::normal || code == CloseCode::going_away || code == CloseCode::no_status;
    const std::error_code why = is_usual ? std::error_code() : Error::closed_with_error;
    tell(line_of_closed(why, code, reason, true));
  }

  void fail(Error error) {
    ended_ = true;
    const CloseCode code = close_code_for(error);
    heard_.replies.push_back(
        reply(8, close_body(code, std::string_view(describe(error)).substr(0, 123))));
    tell(line_of_closed(error, code, "", false));
  }

  void tell(std::string line) { heard_.events.push_back(std::move(line)); }

  Role role_;
  const Config& config_;
  Conversation heard_;
  std::optional<Kind> kind_;  // of the message begun
  std::string message_;
  std::uint64_t announced_ = 0;
  std::size_t pongs_ = 0;
  std::optional<std::string> waiting_pong_;
  bool ended_ = false;
};

}  // namespace

Frame read_frame(std::string_view text) {
  Frame frame;
  std::string bits;
  for (const char octet : text.substr(0, FrameHeader::max_size)) {
    bits += std::bitset<8>(static_cast<unsigned char>(octet)).to_string();
  }
  const auto field = [&bits](std::size_t from, std::size_t size) -> std::uint64_t {
    return from + size <= bits.size() ? std::bitset<64>(bits, from, size).to_ullong() : 0;
  };
  frame.taken = text.size();  // unless it turns out to be whole
  frame.fin = field(0, 1) == 1;
  frame.rsv = static_cast<unsigned>(field(1, 3));
  frame.opcode = static_cast<unsigned>(field(4, 4));
  frame.masked = field(8, 1) == 1;
  frame.code = field(9, 7);
  const std::size_t wide = frame.code == 127 ? 64 : frame.code == 126 ? 16 : 0;
  const std::size_t length_end = 16 + wide;
  frame.has_length = bits.size() >= length_end;
  if (!frame.has_length) return frame;
  frame.length = wide == 0 ? frame.code : field(16, wide);
  frame.is_minimal = frame.length >= (wide == 64 ? 65536U : wide == 16 ? 126U : 0U);
  const std::size_t header = (length_end + (frame.masked ? 32 : 0)) / 8;
  frame.has_header = text.size() >= header;
  if (!frame.has_header) return frame;
  frame.payload = text.substr(header, static_cast<std::size_t>(frame.length));
  frame.is_whole = frame.payload.size() == frame.length;
  if (frame.is_whole) frame.taken = header + frame.payload.size();
  if (!frame.masked) return frame;
  MaskKey key;
  for (std::size_t i = 0; i < 4; ++i) key[i] = static_cast<std::byte>(text[header - 4 + i]);
  frame.payload = mask(frame.payload, key, 0);
  return frame;
}

Conversation read_conversation(std::string_view text, Role reader, const Config& config) {
  return Listener(reader, config).listen(text);
}

std::vector<std::string> replies_in(std::string_view output, Role writer) {
  std::vector<std::string> replies;
  while (!output.empty()) {
    const Frame frame = read_frame(output);
    REQUIRE(frame.is_whole && frame.is_minimal && frame.fin && frame.rsv == 0);
    REQUIRE(frame.masked == (writer == Role::client));
    replies.push_back(reply(frame.opcode, frame.payload));
    output.remove_prefix(frame.taken);
  }
  return replies;
}

}  // namespace wolframite::fuzz::naive
