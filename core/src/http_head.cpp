#include "wolframite/http_head.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "char_class.hpp"

namespace wolframite {

using detail::is_in;

namespace {
constexpr std::string_view version_text = "HTTP/1.1";
}

HttpHead::HttpHead(Start start, Limits limits)
    : limits_{std::min<std::size_t>(limits.size, std::numeric_limits<std::uint32_t>::max()),
              limits.headers},
      start_(start),
      state_(start == Start::request ? State::begin : State::version) {}

// The window ends at the size limit, so that the octet beyond it is the first to show
// `head_too_big`, and a fault before it is found first, however the input is cut. On a fault, `at`
// is its octet's index.
Error HttpHead::receive(ConstBytes& in) {
  if (state_ == State::failed || state_ == State::complete || in.empty()) return error_;
  const std::string_view window = text_of(in.first(std::min(in.size(), limits_.size - size_)));
  std::size_t at = 0;
  Error error = state_ < State::line ? read_start_line(window, at) : Error::none;
  if (error == Error::none && state_ >= State::line) error = read_lines(window, at);
  size_ += at;
  if (error == Error::none && state_ != State::complete && at < in.size()) {
    error = Error::head_too_big;
  }
  if (error != Error::none) {
    error_ = error;
    state_ = State::failed;
    ++at;
  }
  in = in.subspan(at);
  return error;
}

Error HttpHead::read_start_line(std::string_view text, std::size_t& at) {
  const Error malformed =
      start_ == Start::request ? Error::malformed_request_line : Error::malformed_status_line;
  while (at < text.size()) {
    const char octet = text[at];
    switch (state_) {
      case State::begin:
        if (octet == '\r' && index_ == 0) {
          state_ = State::begin_lf;
          ++at;
          break;
        }
        index_ = 0;
        state_ = State::method;
        break;
      case State::begin_lf:
        if (octet != '\n') return malformed;
        ++at;
        index_ = 1;  // one empty line, and no more
        state_ = State::begin;
        break;
      case State::method: {
        const std::size_t end = detail::skip_class(text, at, detail::char_token);
        method_.append(text.substr(at, end - at));
        at = end;
        if (at == text.size()) break;
        if (text[at] != ' ' || method_.empty()) return malformed;
        is_head_request_ = method_ == "HEAD";
        ++at;
        state_ = State::target;
        break;
      }
      case State::target: {
        const std::size_t end = detail::skip_class(text, at, detail::char_target);
        target_.append(text.substr(at, end - at));
        at = end;
        if (at == text.size()) break;
        if (text[at] != ' ' || target_.empty()) return malformed;
        ++at;
        state_ = State::version;
        break;
      }
      case State::version: {
        const Error error = read_version(octet);
        if (error != Error::none) return error;
        ++at;
        break;
      }
      case State::status: {
        const Error error = read_status(octet);
        if (error != Error::none) return error;
        ++at;
        break;
      }
      case State::status_end:  // some servers leave out the SP before an empty reason phrase
        if (octet == ' ') ++at;
        state_ = octet == ' ' ? State::reason : State::start_cr;
        break;
      case State::reason: {
        const std::size_t end = detail::skip_value(text, at);
        target_.append(text.substr(at, end - at));
        at = end;
        if (at < text.size()) state_ = State::start_cr;
        break;
      }
      case State::start_cr:
        if (octet != '\r') return malformed;
        ++at;
        state_ = State::start_lf;
        break;
      case State::start_lf:
        if (octet != '\n') return malformed;
        ++at;
        state_ = State::line;
        return Error::none;
      default:  // Never executed: the other states are those of fields, and past.
        return Error::none;
    }
  }
  return Error::none;
}

Error HttpHead::read_version(char octet) {
  const bool is_minor = index_ == version_text.size() - 1;
  if (is_minor && octet == '0') {
    version_minor_ = 0;
  } else if (octet != version_text[index_]) {
    const bool digit_expected = index_ == 5 || index_ == 7;
    if (digit_expected && is_in(octet, detail::char_digit)) return Error::version_not_http_1_1;
    return start_ == Start::request ? Error::malformed_request_line : Error::malformed_status_line;
  }
  if (++index_ == version_text.size()) {
    index_ = 0;
    state_ = start_ == Start::request ? State::start_cr : State::status;
  }
  return Error::none;
}

Error HttpHead::read_status(char octet) {
  const bool fits = index_ == 0   ? octet == ' '
                    : index_ == 1 ? is_in(octet, detail::char_digit) && octet != '0'
                                  : is_in(octet, detail::char_digit);
  if (!fits) return Error::malformed_status_line;
  if (index_ != 0) status_ = status_ * 10 + (octet - '0');
  if (++index_ == 4) state_ = State::status_end;
  return Error::none;
}

Error HttpHead::read_lines(std::string_view text, std::size_t& at) {
  while (at < text.size() && state_ != State::complete) {
    if (state_ == State::fold) {
      while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
      if (at == text.size()) break;
      state_ = State::value;
    }
    const std::string_view fields = text.substr(at);
    std::size_t taken = 0;
    const Error error = read_fields(fields, taken);
    headers_.text_.append(fields.substr(0, taken));
    at += taken;
    if (error != Error::none) return error;
    if (state_ == State::fold) begin_fold();
  }
  return Error::none;
}

// Goes on with the last field's value: one space stands for the line's end and all space around it.
void HttpHead::begin_fold() {
  field_ = headers_.fields_.back();
  headers_.fields_.pop_back();
  headers_.text_.resize(std::size_t{field_.value} + field_.value_size);
  if (field_.value_size != 0) headers_.text_.push_back(' ');
}

// `text` follows what is in `headers_.text_` already; slices count from the start of that.
Error HttpHead::read_fields(std::string_view text, std::size_t& at) {
  const std::size_t base = headers_.text_.size();
  const auto position = [base](std::size_t index) {
    return static_cast<std::uint32_t>(base + index);
  };
  while (at < text.size()) {
    switch (state_) {
      case State::line:
        if (text[at] == '\r') {
          ++at;
          state_ = State::end_lf;
          break;
        }
        if ((text[at] == ' ' || text[at] == '\t') && start_ == Start::response &&
            !headers_.fields_.empty()) {
          state_ = State::fold;
          return Error::none;
        }
        // Among what is no tchar here: SP and HTAB, which would be obs-fold.
        if (!is_in(text[at], detail::char_token)) return Error::malformed_header;
        if (headers_.fields_.size() == limits_.headers) return Error::too_many_headers;
        field_ = {position(at), 0, 0, 0};
        state_ = State::name;
        break;
      case State::name:
        at = detail::skip_class(text, at, detail::char_token);
        if (at == text.size()) break;
        if (text[at] != ':') return Error::malformed_header;
        field_.name_size = position(at) - field_.name;
        ++at;
        state_ = State::value_begin;
        break;
      case State::value_begin:
        while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
        if (at == text.size()) break;
        field_.value = position(at);
        state_ = State::value;
        break;
      case State::value:
        at = detail::skip_value(text, at);
        if (at == text.size()) break;
        if (text[at] != '\r') return Error::malformed_header;
        field_.value_size = position(at) - field_.value;
        end_value(text);
        ++at;
        state_ = State::value_lf;
        break;
      case State::value_lf:
        if (text[at] != '\n') return Error::malformed_header;
        ++at;
        state_ = State::line;
        break;
      case State::end_lf:
        if (text[at] != '\n') return Error::malformed_header;
        ++at;
        state_ = State::complete;
        return Error::none;
      default:  // Never executed: the other states are those of the start line, and of the end.
        return Error::none;
    }
  }
  return Error::none;
}

// Space at the end of a value is not part of it. It may lie in an earlier piece of the input.
void HttpHead::end_value(std::string_view text) {
  const std::string_view earlier = headers_.text_;
  while (field_.value_size != 0) {
    const std::size_t last = std::size_t{field_.value} + field_.value_size - 1;
    const char octet = last < earlier.size() ? earlier[last] : text[last - earlier.size()];
    if (octet != ' ' && octet != '\t') break;
    --field_.value_size;
  }
  if (headers_.fields_.empty())
    headers_.fields_.reserve(std::min<std::size_t>(limits_.headers, 24));
  headers_.fields_.push_back(field_);
}

bool HttpHead::is_complete() const { return state_ == State::complete; }

Request HttpHead::take_request() {
  return {std::move(method_), std::move(target_), std::move(headers_), version_minor_};
}

Response HttpHead::take_response() {
  return {status_, std::move(target_), std::move(headers_), {}};
}

}  // namespace wolframite
