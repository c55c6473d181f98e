// The faults that two neighbouring octets of a text can show, as tables for vector look-ups.
//
// After J. Keiser and D. Lemire, "Validating UTF-8 in less than one instruction per byte",
// Software: Practice and Experience 51 (5), 2021. Each fault is told by three nibbles: the high and
// the low one of an octet and the high one of the octet after it. Each nibble looks up the set of
// faults it is compatible with; the faults in all three sets are there. One of them,
// `two_continuations`, is none where a lead octet two or three before asks for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace wolframite::detail {

/// Sets of faults, one bit each, by the value of a nibble.
using Utf8Table = std::array<std::uint8_t, 16>;

struct Utf8Tables {
  Utf8Table first_high{};
  Utf8Table first_low{};
  Utf8Table second_high{};
};

namespace utf8_rules {

/// The set of nibbles from `first` to `last`.
consteval unsigned nibbles(unsigned first, unsigned last) { return (2U << last) - (1U << first); }

inline constexpr std::uint8_t two_continuations = 0x80;

struct Rule {
  std::uint8_t fault;
  unsigned first_high;
  unsigned first_low;
  unsigned second_high;
};

inline constexpr unsigned any = nibbles(0x0, 0xF);
inline constexpr unsigned ascii = nibbles(0x0, 0x7);
inline constexpr unsigned continuation = nibbles(0x8, 0xB);
inline constexpr unsigned lead = nibbles(0xC, 0xF);

inline constexpr std::array rules{
    Rule{two_continuations, continuation, any, continuation},
    // Continuations missing, or too many.
    Rule{0x01, lead, any, ascii | lead},
    Rule{0x02, ascii, any, continuation},
    // C0 and C1: overlong forms of ASCII.
    Rule{0x04, nibbles(0xC, 0xC), nibbles(0x0, 0x1), continuation},
    // E0 80-9F: overlong forms of what two octets can say.
    Rule{0x08, nibbles(0xE, 0xE), nibbles(0x0, 0x0), nibbles(0x8, 0x9)},
    // ED A0-BF: surrogates.
    Rule{0x10, nibbles(0xE, 0xE), nibbles(0xD, 0xD), nibbles(0xA, 0xB)},
    // F4 90-BF and F5-FF 90-BF: above U+10FFFF.
    Rule{0x20, nibbles(0xF, 0xF), nibbles(0x4, 0xF), nibbles(0x9, 0xB)},
    // F0 80-8F: overlong forms of what three octets can say; F5-FF 80-8F: above U+10FFFF.
    Rule{0x40, nibbles(0xF, 0xF), nibbles(0x0, 0x0) | nibbles(0x5, 0xF), nibbles(0x8, 0x8)},
};

consteval Utf8Tables tabulate() {
  Utf8Tables tables;
  for (const Rule& rule : rules) {
    for (std::size_t nibble = 0; nibble < 16; ++nibble) {
      if ((rule.first_high >> nibble & 1U) != 0) tables.first_high[nibble] |= rule.fault;
      if ((rule.first_low >> nibble & 1U) != 0) tables.first_low[nibble] |= rule.fault;
      if ((rule.second_high >> nibble & 1U) != 0) tables.second_high[nibble] |= rule.fault;
    }
  }
  return tables;
}

}  // namespace utf8_rules

inline constexpr Utf8Tables utf8_tables = utf8_rules::tabulate();

}  // namespace wolframite::detail
