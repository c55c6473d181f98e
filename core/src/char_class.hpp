// Classes of octets in HTTP and in URLs, one table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace wolframite::detail {

enum CharClass : std::uint8_t {
  char_token = 1,   ///< tchar (RFC 9110 §5.6.2)
  char_value = 2,   ///< in a field value or a reason phrase: HTAB, SP, VCHAR, obs-text
  char_target = 4,  ///< in a request target as received: VCHAR without `#`
  char_host = 8,    ///< in a reg-name (RFC 3986 §3.2.2), percent-encoding left out
  char_pchar = 16,  ///< in a path or query as sent (RFC 3986 §3.3), percent-encoding left out
  char_user = 32,   ///< in userinfo (RFC 3986 §3.2.1), percent-encoding left out
  char_digit = 64,
  char_hex = 128,
};

inline constexpr std::array<std::uint8_t, 256> char_table = [] {
  std::array<std::uint8_t, 256> table{};
  const auto set = [&table](std::string_view octets, unsigned classes) {
    for (const char octet : octets) {
      auto& entry = table[static_cast<unsigned char>(octet)];
      entry = static_cast<std::uint8_t>(entry | classes);
    }
  };
  constexpr unsigned unreserved = char_host | char_pchar | char_user;
  for (std::size_t octet = 0x21; octet < 0x7F; ++octet) table[octet] = char_value | char_target;
  for (std::size_t octet = 0x80; octet < 0x100; ++octet) table[octet] = char_value;
  table[' '] = table['\t'] = char_value;
  table['#'] = char_value;
  set("0123456789", char_token | unreserved | char_digit | char_hex);
  set("abcdefABCDEF", char_hex);
  set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", char_token | unreserved);
  set("!#$%&'*+-.^_`|~", char_token);
  set("-._~!$&'()*+,;=", unreserved);
  set(":", char_pchar | char_user);
  set("/?@", char_pchar);
  return table;
}();

[[nodiscard]] constexpr bool is_in(char octet, unsigned classes) {
  return (char_table[static_cast<unsigned char>(octet)] & classes) != 0;
}

[[nodiscard]] constexpr char to_lower(char octet) {
  return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet | 0x20) : octet;
}

/// The index of the first octet from `at` on that is outside `classes`, or the size of `text`.
[[nodiscard]] constexpr std::size_t skip_class(std::string_view text, std::size_t at,
                                               unsigned classes) {
  while (at < text.size() && is_in(text[at], classes)) ++at;
  return at;
}

/// The same for `char_value`, eight octets at a time.
[[nodiscard]] inline std::size_t skip_value(std::string_view text, std::size_t at) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t high_bits = ones << 7;
  for (; text.size() - at >= 8; at += 8) {
    std::uint64_t octets = 0;
    std::memcpy(&octets, text.data() + at, 8);
    const std::uint64_t below_space = (octets - ones * 0x20) & ~octets;
    const std::uint64_t not_delete = octets ^ (ones * 0x7F);
    const std::uint64_t is_delete = (not_delete - ones) & ~not_delete;
    // HTAB shows up here too: the table has the last word.
    if (((below_space | is_delete) & high_bits) != 0) {
      const std::size_t stop = skip_class(text.substr(0, at + 8), at, char_value);
      if (stop < at + 8) return stop;
    }
  }
  return skip_class(text, at, char_value);
}

/// `text` without the space (SP, HTAB) at its ends.
[[nodiscard]] constexpr std::string_view trim_space(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace wolframite::detail
