/// @file
/// Strict UTF-8 validation of a stream (RFC 3629, RFC 6455 §8.1).
#pragma once

#include <cstdint>

#include "wolframite/bytes.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Validates UTF-8 that arrives in pieces cut anywhere, and fails at the first octet that no
/// continuation could make valid: overlong forms, surrogates and values above U+10FFFF included.
class Utf8Validator {
 public:
  /// Reads the next piece. Returns false once the text is invalid, and for ever after.
  [[nodiscard]] bool feed(ConstBytes piece);

  /// True between two code points: what was fed may end here.
  [[nodiscard]] bool is_complete() const { return needed_ == 0; }

  /// Forgets all, ready for another text.
  void reset() { *this = Utf8Validator{}; }

 private:
  static constexpr std::uint8_t failed = 0xFF;

  bool step(std::byte next);

  std::uint8_t needed_ = 0;       ///< continuation octets still to come, or `failed`
  std::uint8_t next_min_ = 0x80;  ///< smallest octet allowed next
  std::uint8_t next_max_ = 0xBF;  ///< largest octet allowed next
};

/// Whether `text` is valid UTF-8 as a whole.
[[nodiscard]] bool is_valid_utf8(ConstBytes text);

}  // namespace wolframite
#pragma GCC visibility pop
