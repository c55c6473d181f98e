#include "wolframite/utf8.hpp"

namespace wolframite {

bool Utf8Validator::feed(ConstBytes piece) {
  for (const std::byte b : piece) {
    const auto octet = std::to_integer<std::uint8_t>(b);
    if (needed_ == failed) return false;
    if (needed_ > 0) {
      if (octet < next_min_ || octet > next_max_) {
        needed_ = failed;
        return false;
      }
      --needed_;
      next_min_ = 0x80;
      next_max_ = 0xBF;
    } else if (octet < 0x80) {
      continue;
    } else if (octet >= 0xC2 && octet <= 0xDF) {
      needed_ = 1;
    } else if (octet >= 0xE0 && octet <= 0xEF) {
      needed_ = 2;
      if (octet == 0xE0) next_min_ = 0xA0;
      if (octet == 0xED) next_max_ = 0x9F;
    } else if (octet >= 0xF0 && octet <= 0xF4) {
      needed_ = 3;
      if (octet == 0xF0) next_min_ = 0x90;
      if (octet == 0xF4) next_max_ = 0x8F;
    } else {
      needed_ = failed;
      return false;
    }
  }
  return needed_ != failed;
}

bool is_valid_utf8(ConstBytes text) {
  Utf8Validator validator;
  return validator.feed(text) && validator.is_complete();
}

}  // namespace wolframite
