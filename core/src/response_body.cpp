#include "response_body.hpp"

#include <algorithm>
#include <optional>

#include "char_class.hpp"

namespace wolframite::detail {

namespace {

// The digits of a chunk's size, and all of its line: far above what a server has use for.
constexpr std::uint32_t max_chunk_digits = 15;
constexpr std::uint32_t max_chunk_line = 256;

std::optional<std::uint64_t> parse_length(std::string_view digits) {
  constexpr std::size_t max_digits = 18;  // below 2^63
  if (digits.empty() || digits.size() > max_digits) return std::nullopt;
  std::uint64_t length = 0;
  for (const char digit : digits) {
    if (!is_in(digit, char_digit)) return std::nullopt;
    length = length * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return length;
}

}  // namespace

// RFC 9112 §6.3
ResponseBody::ResponseBody(const Response& response, std::size_t limit) : limit_(limit) {
  const Headers& headers = response.headers;
  const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  if (bodiless || limit == 0) {
    state_ = State::complete;
  } else if (headers.count("Transfer-Encoding") != 0) {
    const bool chunked = headers.has_token("Transfer-Encoding", "chunked");
    state_ = chunked ? State::chunk_size : State::until_eof;
  } else if (const auto length = headers.find("Content-Length")) {
    const auto octets = parse_length(*length);
    left_ = octets.value_or(0);
    const bool usable = left_ != 0 && headers.count("Content-Length") == 1;
    state_ = usable ? State::content : State::complete;
  }
}

bool ResponseBody::receive(ConstBytes& in) {
  while (!in.empty() && state_ != State::complete) {
    if (state_ == State::until_eof || state_ == State::content || state_ == State::chunk) {
      take_data(in);
    } else {
      receive_framing(std::to_integer<unsigned char>(in.front()));
      in = in.subspan(1);
    }
  }
  return is_complete();
}

void ResponseBody::take_data(ConstBytes& in) {
  std::size_t size = std::min(in.size(), limit_ - body_.size());
  if (state_ != State::until_eof) {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
    left_ -= size;
  }
  body_.append(text_of(in.first(size)));
  in = in.subspan(size);
  if (body_.size() == limit_) {
    state_ = State::complete;
  } else if (state_ != State::until_eof && left_ == 0) {
    state_ = state_ == State::content ? State::complete : State::chunk_cr;
  }
}

// chunk = size [ chunk-ext ] CRLF data CRLF (RFC 9112 §7.1). The trailer section is left unread.
void ResponseBody::receive_framing(unsigned char value) {
  const char octet = static_cast<char>(value);
  const auto expect = [&](char expected, State next) {
    state_ = octet == expected ? next : State::complete;
  };
  switch (state_) {
    case State::chunk_size:
      if (is_in(octet, char_hex) && line_ < max_chunk_digits) {
        const int digit = is_in(octet, char_digit) ? octet - '0' : to_lower(octet) - 'a' + 10;
        left_ = left_ << 4 | static_cast<unsigned>(digit);
        ++line_;
      } else if (line_ != 0 && octet == '\r') {
        state_ = State::chunk_lf;
      } else {
        const bool extension = octet == ';' || octet == ' ' || octet == '\t';
        state_ = line_ != 0 && extension ? State::chunk_line : State::complete;
        ++line_;
      }
      break;
    case State::chunk_line:
      if (octet == '\r') {
        state_ = State::chunk_lf;
      } else if (!is_in(octet, char_value) || ++line_ > max_chunk_line) {
        state_ = State::complete;
      }
      break;
    case State::chunk_lf:
      expect('\n', left_ == 0 ? State::complete : State::chunk);
      line_ = 0;
      break;
    case State::chunk_cr:
      expect('\r', State::chunk_end_lf);
      break;
    case State::chunk_end_lf:
      expect('\n', State::chunk_size);
      break;
    default:  // Never executed: the other states take data, or nothing.
      break;
  }
}

}  // namespace wolframite::detail
