// The body of a response that refused the upgrade (RFC 9112 §6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "wolframite/bytes.hpp"
#include "wolframite/http_message.hpp"

namespace wolframite::detail {

/// Collects a body of known length, in chunks, or up to the end of the stream. No error can come of
/// it: a body is cut at `limit`, and broken framing ends it where it shows, since the connection
/// ends with it. Memory follows the octets received, never a length announced.
class ResponseBody {
 public:
  ResponseBody(const Response& response, std::size_t limit);

  /// Takes octets of the body from the front of `in`. Returns whether it is complete.
  [[nodiscard]] bool receive(ConstBytes& in);

  [[nodiscard]] bool is_complete() const { return state_ == State::complete; }

  /// Moves out what was collected, be it complete or not.
  [[nodiscard]] std::string take() { return std::move(body_); }

 private:
  enum class State : std::uint8_t {
    until_eof,
    content,     // `left_` octets of a body of known length
    chunk_size,  // the digits of a chunk's size, in `left_`
    chunk_line,  // what follows them up to CR
    chunk_lf,    // the LF of that line
    chunk,       // `left_` octets of data
    chunk_cr,    // the line end after the data
    chunk_end_lf,
    complete,
  };

  void receive_framing(unsigned char octet);
  void take_data(ConstBytes& in);

  std::string body_;
  std::size_t limit_;
  std::uint64_t left_ = 0;
  std::uint32_t line_ = 0;  // octets of the current chunk line
  State state_ = State::until_eof;
};

}  // namespace wolframite::detail
