#include "wolframite/close_code.hpp"

#include <algorithm>

#include "wolframite/utf8.hpp"

namespace wolframite {

CloseFrame::Parsed CloseFrame::parse(ConstBytes body) {
  Parsed parsed;
  if (body.empty()) {
    parsed.frame.code = CloseCode::no_status;
    return parsed;
  }
  if (body.size() == 1) {
    parsed.error = Error::invalid_close_body;
    return parsed;
  }
  const auto code = static_cast<CloseCode>(std::to_integer<unsigned>(body[0]) << 8 |
                                           std::to_integer<unsigned>(body[1]));
  const ConstBytes reason = body.subspan(2);
  if (!is_sendable(code)) {
    parsed.error = Error::invalid_close_code;
  } else if (!is_valid_utf8(reason)) {
    parsed.error = Error::invalid_utf8;
  } else {
    parsed.frame = {.code = code, .reason = text_of(reason)};
  }
  return parsed;
}

Error CloseFrame::check() const {
  const bool is_empty_body = code == CloseCode::no_status && reason.empty();
  if (!is_sendable(code) && !is_empty_body) return Error::close_code_not_sendable;
  if (reason.size() > max_reason) return Error::close_reason_too_long;
  if (!is_valid_utf8(bytes_of(reason))) return Error::close_reason_not_utf8;
  return Error::none;
}

std::size_t CloseFrame::format(std::span<std::byte, 125> out) const {
  if (code == CloseCode::no_status) return 0;
  const auto value = static_cast<unsigned>(code);
  out[0] = static_cast<std::byte>(value >> 8);
  out[1] = static_cast<std::byte>(value & 0xFFU);
  std::ranges::copy(bytes_of(reason), out.subspan(2).begin());
  return 2 + reason.size();
}

}  // namespace wolframite
