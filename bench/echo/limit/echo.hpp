// The least that an echo server has to do with the bytes of a connection: answer the request, read
// the headers of frames, unmask. Nothing is checked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "memory.hpp"
#include "output.hpp"
#include "wolframite/bytes.hpp"
#include "wolframite/mask.hpp"

namespace limit {

/// Whether a message goes back when it is there whole, as in any server that gives its user whole
/// messages, or piece by piece as it comes.
enum class Style : std::uint8_t { whole, streamed };

class Echo {
 public:
  explicit Echo(Style style) : style_(style) {}

  /// Takes all of `in`, which is overwritten, and appends what goes back to `out`. Parts of that
  /// are in `in`'s memory.
  void receive(wolframite::Bytes in, Output& out);

  [[nodiscard]] bool is_open() const { return open_; }
  /// Whether the peer's Close came, and ours is in the output.
  [[nodiscard]] bool is_closed() const { return closed_; }

 private:
  struct Header {
    std::size_t size = 0;  // octets of the client's header; 0 while some are missing
    std::size_t payload = 0;
    wolframite::MaskKey key{};
  };

  void answer(wolframite::Bytes& in, Output& out);
  void begin_frame(wolframite::Bytes& in, Output& out);
  void go_on(wolframite::Bytes& in, Output& out);
  void echo_at_once(const Header& header, wolframite::Bytes payload, Output& out);
  [[nodiscard]] static Header parse(wolframite::ConstBytes front);
  static std::size_t reply_header_size(std::size_t payload);
  void write_reply_header(std::byte* to, std::size_t payload) const;

  std::string head_;                   // of the request, as far as it is there
  std::array<std::byte, 14> front_{};  // of a frame whose header came in pieces
  std::size_t front_size_ = 0;
  Header header_{};
  std::byte first_{};          // first octet of the current frame
  std::size_t remaining_ = 0;  // octets of its payload still to come
  std::size_t offset_ = 0;     // octets of it that came
  Block message_{};            // where they are, unless they are streamed
  Style style_;
  bool open_ = false;
  bool closed_ = false;
};

}  // namespace limit
