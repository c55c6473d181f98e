// Frames as a person wants to read them, on the standard error.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <wolframite/observer.hpp>
#include <wolframite/utf8.hpp>

/// The beginning of some octets: as text where they are printable, otherwise in hexadecimal.
inline std::string preview(wolframite::ConstBytes octets) {
  constexpr std::size_t most = 60;
  auto shown = octets.first(octets.size() < most ? octets.size() : most);
  // Not in the middle of a character.
  for (int i = 0; i < 3 && shown.size() + 3 > most && !wolframite::is_valid_utf8(shown); ++i) {
    shown = shown.first(shown.size() - 1);
  }
  const std::string_view text = wolframite::text_of(shown);
  const bool printable = wolframite::is_valid_utf8(shown) &&
                         text.find_first_of(std::string_view("\0\x1b\x7f", 3)) == text.npos;
  std::string line;
  if (printable) {
    line = '"' + std::string(wolframite::text_of(shown)) + '"';
  } else {
    for (const std::byte octet : shown) {
      constexpr const char* digits = "0123456789abcdef";
      if (!line.empty()) line += ' ';
      line += digits[std::to_integer<unsigned>(octet) >> 4U];
      line += digits[std::to_integer<unsigned>(octet) & 15U];
    }
  }
  return octets.size() > most ? line + " ..." : line;
}

/// Prints a line for each frame, and for each message, ping, pong and Close what was in it.
///
///      0.000 > text 5 "hello"
///      0.002 < text 5
///      0.002   message "hello"
class Trace final : public wolframite::Observer {
 public:
  void frame_received(const wolframite::FrameHeader& header, wolframite::Time now) override {
    line(now, "< " + describe(header));
  }

  void frame_sent(const wolframite::FrameHeader& header, wolframite::ConstBytes payload,
                  wolframite::Time now) override {
    const bool readable = header.rsv == 0 && header.opcode != wolframite::OpCode::close;
    line(now, "> " + describe(header) +
                  (readable && !payload.empty() ? ' ' + preview(payload) : std::string()));
  }

  void happened(const wolframite::Event& event, wolframite::Time now) override {
    using namespace wolframite;
    if (const auto* message = std::get_if<Message>(&event)) {
      line(now, "  message " + preview(message->data));
    } else if (const auto* pinged = std::get_if<Pinged>(&event)) {
      line(now, "  ping " + preview(pinged->data));
    } else if (const auto* ponged = std::get_if<Ponged>(&event)) {
      line(now, "  pong " + preview(ponged->data));
    } else if (const auto* closing = std::get_if<Closing>(&event)) {
      line(now, "  close " + std::to_string(static_cast<int>(closing->code)) + ' ' +
                    preview(bytes_of(closing->reason)));
    }
  }

 private:
  static std::string describe(const wolframite::FrameHeader& header) {
    using wolframite::OpCode;
    const char* name = "?";
    switch (header.opcode) {
      case OpCode::continuation:
        name = "continuation";
        break;
      case OpCode::text:
        name = "text";
        break;
      case OpCode::binary:
        name = "binary";
        break;
      case OpCode::close:
        name = "close";
        break;
      case OpCode::ping:
        name = "ping";
        break;
      case OpCode::pong:
        name = "pong";
        break;
    }
    std::string text = name + (' ' + std::to_string(header.length));
    if (!header.fin) text += ", more follows";
    if ((header.rsv & wolframite::FrameHeader::rsv1) != 0) text += ", compressed";
    return text;
  }

  void line(wolframite::Time now, const std::string& text) {
    if (!start_) start_ = now;
    const double since = std::chrono::duration<double>(now - *start_).count();
    std::fprintf(stderr, "%8.3f %s\n", since, text.c_str());
  }

  std::optional<wolframite::Time> start_;
};
