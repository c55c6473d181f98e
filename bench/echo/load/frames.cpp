#include "frames.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "failure.hpp"

namespace load {
namespace {

constexpr char fin = '\x80', rsv1 = '\x40', binary = 2;
constexpr std::string_view flush_tail{"\0\0\xFF\xFF", 4};  // RFC 7692 §7.2.1

class Noise {
 public:
  char octet() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<char>(state_ >> 56U);
  }

 private:
  std::uint64_t state_ = 0x5EED;
};

void append_length(std::string& frame, std::size_t size, bool masked) {
  const unsigned mask_bit = masked ? 0x80 : 0;
  const auto append = [&](std::size_t value, int octets) {
    for (int i = octets - 1; i >= 0; --i) frame += static_cast<char>(value >> (8 * i));
  };
  if (size < 126) {
    append(mask_bit | size, 1);
  } else if (size < 65536) {
    append(mask_bit | 126U, 1);
    append(size, 2);
  } else {
    append(mask_bit | 127U, 1);
    append(size, 8);
  }
}

void append_masked(std::string& frames, char first, std::string_view payload,
                   const std::array<char, 4>& key) {
  frames += first;
  append_length(frames, payload.size(), true);
  frames.append(key.data(), key.size());
  for (std::size_t i = 0; i < payload.size(); ++i)
    frames += static_cast<char>(payload[i] ^ key[i % 4]);
}

std::string compress(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) fail("deflate");
  std::string out(deflateBound(&stream, text.size()) + 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_SYNC_FLUSH);
  out.resize(stream.total_out - flush_tail.size());
  deflateEnd(&stream);
  return out;
}

std::string decompress(std::string_view packed) {
  const std::string in = std::string(packed).append(flush_tail);
  z_stream stream{};
  if (inflateInit2(&stream, -15) != Z_OK) fail("inflate");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  std::string text;
  std::array<char, 16384> room;
  int result = Z_OK;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = room.size();
    result = inflate(&stream, Z_SYNC_FLUSH);
    text.append(room.data(), room.size() - stream.avail_out);
  } while (result == Z_OK && stream.avail_out == 0);
  inflateEnd(&stream);
  if (result < 0 && result != Z_BUF_ERROR) fail("what came back cannot be inflated");
  return text;
}

struct FrameView {
  char first;
  std::string_view payload;
  std::size_t size;  // header included
};

std::optional<FrameView> first_frame(std::string_view wire) {
  if (wire.size() < 2) return std::nullopt;
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(wire[i]); };
  const std::size_t extended = octet(1) == 126 ? 2 : octet(1) == 127 ? 8 : 0;
  if (wire.size() < 2 + extended) return std::nullopt;
  std::size_t length = extended == 0 ? octet(1) : 0;
  for (std::size_t i = 2; i < 2 + extended; ++i) length = length << 8U | octet(i);
  const std::size_t header = 2 + extended;
  if (wire.size() - header < length) return std::nullopt;
  return FrameView{wire[0], wire.substr(header, length), header + length};
}

}  // namespace

Frames make_frames(std::size_t size) {
  constexpr std::size_t most_octets = 1 << 20;
  constexpr std::size_t most = 64;
  Frames frames;
  frames.count = std::clamp(most_octets / (size + 1), std::size_t{1}, most);
  Noise noise;
  std::string payload(size, '\0');
  for (std::size_t i = 0; i < frames.count; ++i) {
    std::generate(payload.begin(), payload.end(), [&] { return noise.octet(); });
    append_masked(frames.sent, fin | binary, payload,
                  {noise.octet(), noise.octet(), noise.octet(), noise.octet()});
    frames.replies += fin | binary;
    append_length(frames.replies, size, false);
    frames.replies += payload;
  }
  return frames;
}

Frames make_compressed_frame(std::string_view text) {
  Frames frames;
  frames.count = 1;
  append_masked(frames.sent, fin | rsv1 | binary, compress(text), {'\x3C', '\x7A', '\x11', '\xE5'});
  return frames;
}

std::string make_text(std::size_t size) {
  Noise noise;
  std::string text;
  while (text.size() < size) {
    const auto number = [&] { return std::to_string(static_cast<unsigned char>(noise.octet())); };
    text += R"({"id":)" + number() + R"(,"symbol":"W)" + number() + R"(","price":)" + number() +
            "." + number() + R"(,"bid":true},)";
  }
  text.resize(size);
  return text;
}

std::size_t first_message_size(std::string_view wire) {
  std::size_t size = 0;
  while (const auto frame = first_frame(wire.substr(size))) {
    size += frame->size;
    if ((frame->first & fin) != 0) return size;
  }
  return 0;
}

std::string read_message(std::string_view wire) {
  std::string payload;
  const bool compressed = !wire.empty() && (wire[0] & rsv1) != 0;
  while (const auto frame = first_frame(wire)) {
    payload += frame->payload;
    wire.remove_prefix(frame->size);
  }
  if (!wire.empty()) fail("what came back is not a message");
  return compressed ? decompress(payload) : payload;
}

}  // namespace load
