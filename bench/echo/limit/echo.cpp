#include "echo.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "wolframite/accept_key.hpp"

namespace limit {

using wolframite::Bytes;
using wolframite::ConstBytes;

namespace {

// Below this, copying a payload beside the others costs less than a segment of its own.
constexpr std::size_t smallest_in_place = 1024;

bool is_close(std::byte first) { return (first & std::byte{0xF}) == std::byte{8}; }

}  // namespace

void Echo::receive(Bytes in, Output& out) {
  if (!open_) answer(in, out);
  while (!in.empty() && !closed_) {
    if (remaining_ > 0) {
      go_on(in, out);
    } else {
      begin_frame(in, out);
    }
  }
}

void Echo::answer(Bytes& in, Output& out) {
  head_.append(wolframite::text_of(in));
  in = {};
  if (!head_.ends_with("\r\n\r\n")) return;
  constexpr std::string_view field = "Sec-WebSocket-Key: ";
  const std::size_t at = head_.find(field) + field.size();
  const std::string key =
      wolframite::derive_accept_key(head_.substr(at, head_.find('\r', at) - at));
  const std::string reply =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      key + "\r\n\r\n";
  std::memcpy(out.extend(reply.size()), reply.data(), reply.size());
  head_ = {};
  open_ = true;
}

Echo::Header Echo::parse(ConstBytes front) {
  Header header;
  if (front.size() < 2) return header;
  const std::size_t code = std::to_integer<std::size_t>(front[1] & std::byte{0x7F});
  const std::size_t extended = code == 126 ? 2 : code == 127 ? 8 : 0;
  const std::size_t size = 2 + extended + header.key.size();
  if (front.size() < size) return header;
  header.payload = extended == 0 ? code : 0;
  for (std::size_t i = 2; i < 2 + extended; ++i)
    header.payload = header.payload << 8U | std::to_integer<std::size_t>(front[i]);
  std::memcpy(header.key.data(), front.data() + 2 + extended, header.key.size());
  header.size = size;
  return header;
}

std::size_t Echo::reply_header_size(std::size_t payload) {
  return payload < 126 ? 2 : payload < 65536 ? 4 : 10;
}

void Echo::write_reply_header(std::byte* to, std::size_t payload) const {
  to[0] = first_;
  const std::size_t extended = reply_header_size(payload) - 2;
  to[1] = static_cast<std::byte>(extended == 0 ? payload : extended == 2 ? 126 : 127);
  for (std::size_t i = 0; i < extended; ++i)
    to[2 + i] = static_cast<std::byte>(payload >> (8 * (extended - 1 - i)));
}

void Echo::begin_frame(Bytes& in, Output& out) {
  const std::size_t held = front_size_;
  ConstBytes front = in;
  if (held > 0) {
    const std::size_t added = std::min(front_.size() - held, in.size());
    std::memcpy(front_.data() + held, in.data(), added);
    front = ConstBytes(front_).first(held + added);
  }
  const Header header = parse(front);
  if (header.size == 0) {
    if (held == 0) std::memcpy(front_.data(), in.data(), in.size());
    front_size_ = front.size();
    in = {};
    return;
  }
  first_ = front[0];
  in = in.subspan(header.size - held);
  front_size_ = 0;
  // Only in front of a header that lies there in one piece is there room for the reply's.
  if (held == 0 && header.payload <= in.size()) {
    const Bytes payload = in.first(header.payload);
    in = in.subspan(header.payload);
    return echo_at_once(header, payload, out);
  }
  header_ = header;
  remaining_ = header.payload;
  offset_ = 0;
  if (style_ == Style::whole) {
    message_ = messages.acquire(header.payload);
  } else {
    write_reply_header(out.extend(reply_header_size(header.payload)), header.payload);
  }
  go_on(in, out);
}

//     small   in  [client header][payload]      out  ..[header][payload, unmasked on the way]
//     large   in  [client h[header][payload, unmasked in place]
//                          ^ the segment begins here
void Echo::echo_at_once(const Header& header, Bytes payload, Output& out) {
  closed_ = is_close(first_);
  const std::size_t reply_header = reply_header_size(payload.size());
  if (payload.size() < smallest_in_place) {
    std::byte* const room = out.extend(reply_header + payload.size());
    write_reply_header(room, payload.size());
    wolframite::copy_masked(payload, room + reply_header, header.key);
  } else {
    wolframite::apply_mask(payload, header.key);
    std::byte* const start = payload.data() - reply_header;
    write_reply_header(start, payload.size());
    out.add(start, reply_header + payload.size());
  }
}

/// Takes the next part of a payload that is not there in one piece.
void Echo::go_on(Bytes& in, Output& out) {
  const Bytes part = in.first(std::min(remaining_, in.size()));
  in = in.subspan(part.size());
  if (style_ == Style::streamed) {
    wolframite::apply_mask(part, header_.key, offset_);
    if (!part.empty()) out.add(part.data(), part.size());
  } else {
    wolframite::copy_masked(part, message_.bytes.get() + offset_, header_.key, offset_);
  }
  offset_ += part.size();
  remaining_ -= part.size();
  if (remaining_ > 0) return;
  closed_ = is_close(first_);
  if (style_ == Style::streamed) return;
  write_reply_header(out.extend(reply_header_size(header_.payload)), header_.payload);
  out.add(message_.bytes.get(), header_.payload);
  out.keep_message(std::move(message_));
}

}  // namespace limit
