/// @file
/// A parser for the head of an HTTP/1.1 or 1.0 message (RFC 9112), strict and single pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wolframite/bytes.hpp"
#include "wolframite/error.hpp"
#include "wolframite/headers.hpp"
#include "wolframite/http_message.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Reads the start line and the header fields of a request or a response, whatever way the bytes
/// are cut. Each octet is looked at once, and a fault is reported at the octet that shows it: a
/// bare CR or LF, NUL or another control character, a space before a colon, an empty or invalid
/// name, a bad start line, another version than HTTP/1.1 and 1.0, or too much of it. A
/// folded line (obs-fold) is a fault of a request, and read as one space in a response, as RFC 9112
/// §5.2 has it.
class HttpHead {
 public:
  /// What is too much of a head.
  struct Limits {
    std::size_t size = 64 * 1024;  ///< octets, line ends included
    std::size_t headers = 124;     ///< fields
  };
  /// What the head begins with.
  enum class Start : std::uint8_t {
    request,   ///< a request line (RFC 9112 §3)
    response,  ///< a status line (RFC 9112 §4)
  };

  /// Expects a head of this kind. A size limit of 4 GiB or more counts as the largest below.
  HttpHead(Start start, Limits limits);

  /// Takes bytes from the front of `in`, no further than the empty line that ends the head. Errors
  /// are sticky: `malformed_request_line`, `malformed_status_line`, `version_not_http_1_1`,
  /// `malformed_header`, `head_too_big`, `too_many_headers`.
  [[nodiscard]] Error receive(ConstBytes& in);

  /// Whether the whole head is there.
  [[nodiscard]] bool is_complete() const;

  /// Whether it is a request with the method HEAD, to which no answer has a body (RFC 9110 §9.3.2).
  /// Known as soon as the method is read, and for good.
  [[nodiscard]] bool is_head_request() const { return is_head_request_; }

  /// The minor version, once the start line is read: 1 of HTTP/1.1, 0 of HTTP/1.0.
  [[nodiscard]] int version_minor() const { return version_minor_; }

  /// Moves out the request, whose method, target and headers are not judged yet. Precondition:
  /// `is_complete()`, and the head is a request's.
  [[nodiscard]] Request take_request();

  /// Moves out the response; its body is left empty. Precondition: `is_complete()`, and the head is
  /// a response's.
  [[nodiscard]] Response take_response();

 private:
  enum class State : std::uint8_t {
    begin,     // before a request line; one empty line may come first (RFC 9112 §2.2)
    begin_lf,  // the LF of that empty line
    method,
    target,
    version,     // `index_` octets of "HTTP/1.1" or "HTTP/1.0" are there
    status,      // `index_` octets of "SP 3DIGIT" are there
    status_end,  // SP before the reason, or the line's end
    reason,
    start_cr,
    start_lf,
    line,  // the first octet of a field, or of the empty line
    name,
    value_begin,  // space before the value
    value,
    value_lf,
    fold,  // the space at the begin of a line that goes on with the value before it
    end_lf,
    complete,
    failed,
  };

  // Each takes octets from `text[at]` on, as far as its part of the head goes, or up to the faulty
  // octet.
  Error read_start_line(std::string_view text, std::size_t& at);
  Error read_version(char octet);
  Error read_status(char octet);
  Error read_lines(std::string_view text, std::size_t& at);
  Error read_fields(std::string_view text, std::size_t& at);
  void begin_fold();
  void end_value(std::string_view text);

  Limits limits_;
  std::size_t size_ = 0;  // octets taken
  std::string method_;
  std::string target_;  // or the reason phrase
  Headers headers_;
  Headers::Slice field_{};  // the one being read
  int status_ = 0;
  int version_minor_ = 1;
  Error error_ = Error::none;
  Start start_;
  State state_;
  std::uint8_t index_ = 0;
  bool is_head_request_ = false;
};

}  // namespace wolframite
#pragma GCC visibility pop
