// Invariant: the validator accepts exactly the well-formed texts of RFC 3629, and refuses any other
// at the very octet that no continuation could repair, however the text is cut and whichever kernel
// reads it.
#include "wolframite/utf8.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "../core/src/utf8_kernels.hpp"

namespace wolframite {
namespace {

// The encoding rules of RFC 3629 §3, told forwards: the octets of a code point.
std::string encode(std::uint32_t code_point) {
  const auto octet = [](std::uint32_t value) { return static_cast<char>(value); };
  const auto low_six = [&](unsigned shift) { return octet(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) return {octet(code_point)};
  if (code_point < 0x800) return {octet(0xC0 | code_point >> 6), low_six(0)};
  if (code_point < 0x10000) return {octet(0xE0 | code_point >> 12), low_six(6), low_six(0)};
  return {octet(0xF0 | code_point >> 18), low_six(12), low_six(6), low_six(0)};
}

constexpr bool is_surrogate(std::uint32_t code_point) {
  return code_point >= 0xD800 && code_point <= 0xDFFF;
}

// What the text is found to be, and after how many octets.
struct Verdict {
  bool valid;          // no fault so far
  bool complete;       // and no sequence left open
  std::size_t octets;  // up to and with the faulty one, or all

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// The reference: decodes by arithmetic, then asks whether encoding the value gives the same octets
// back. A prefix of a sequence is repairable if the smallest or the largest value that may follow
// has a code point; values between count too.
class Reference {
 public:
  static Verdict judge(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
      const std::size_t length = expected_length(text[i]);
      if (length == 0) return {false, false, i + 1};
      for (std::size_t taken = 1; taken <= length; ++taken) {
        if (i + taken > text.size()) return {true, false, text.size()};
        if (!is_repairable(text.substr(i, taken), length)) return {false, false, i + taken};
      }
      i += length;
    }
    return {true, true, text.size()};
  }

 private:
  static std::size_t expected_length(char lead) {
    const unsigned octet = static_cast<unsigned char>(lead);
    if (octet < 0x80) return 1;
    if (octet >> 5 == 0b110) return 2;
    if (octet >> 4 == 0b1110) return 3;
    if (octet >> 3 == 0b11110) return 4;
    return 0;
  }

  static bool is_repairable(std::string_view prefix, std::size_t length) {
    if (length == 1) return true;
    std::uint32_t value = static_cast<unsigned char>(prefix[0]) & (0x7FU >> length);
    for (const char c : prefix.substr(1)) {
      if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) return false;
      value = value << 6 | (static_cast<unsigned char>(c) & 0x3F);
    }
    const unsigned open_bits = static_cast<unsigned>(length - prefix.size()) * 6;
    const std::uint32_t smallest = value << open_bits;
    const std::uint32_t largest = smallest | ((1U << open_bits) - 1);
    constexpr std::uint32_t first_of_length[] = {0, 0, 0x80, 0x800, 0x10000};
    if (largest < first_of_length[length] || smallest > 0x10FFFF) return false;
    return !(is_surrogate(smallest) && is_surrogate(largest));
  }
};

Verdict judge_by_octets(std::string_view text) {
  Utf8Validator validator;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!validator.feed(bytes_of(text.substr(i, 1)))) return {false, false, i + 1};
  }
  return {true, validator.is_complete(), text.size()};
}

// Whole, octet by octet, and by each kernel on its own.
void check_all_ways(std::string_view text, const Verdict& expected) {
  const bool is_valid = expected.valid && expected.complete;
  REQUIRE(judge_by_octets(text) == expected);
  Utf8Validator whole;
  REQUIRE(whole.feed(bytes_of(text)) == expected.valid);
  REQUIRE(whole.is_complete() == is_valid);
  REQUIRE(is_valid_utf8(bytes_of(text)) == is_valid);
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  if (detail::incomplete_tail(data, text.size()) != 0) return;
  for (const detail::Utf8Kernel& kernel : detail::supported_utf8_kernels()) {
    CAPTURE(kernel.name);
    REQUIRE(kernel.run(data, text.size()) == is_valid);
  }
}

// The same in the middle of a text long enough for vectors, so that look-ups do the work and not
// the edges.
bool kernels_agree(std::string_view sequence, bool is_valid) {
  static std::string text(210, 'a');
  constexpr std::size_t place = 126;  // across a boundary of vectors of 16, 32 and 64 octets
  std::copy(sequence.begin(), sequence.end(), text.begin() + place);
  const auto kernels = detail::supported_utf8_kernels();
  const bool agree = std::ranges::all_of(kernels, [&](const detail::Utf8Kernel& kernel) {
    return kernel.run(reinterpret_cast<const std::byte*>(text.data()), text.size()) == is_valid;
  });
  std::fill_n(text.begin() + place, sequence.size(), 'a');
  return agree;
}

const std::string mixed = [] {
  std::string text;
  for (const std::uint32_t c : {0x24U, 0xE9U, 0x20ACU, 0x1F600U, 0x7FU, 0x80U, 0x7FFU, 0x800U,
                                0xD7FFU, 0xE000U, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
    text += encode(c);
    text += 'x';
    text += encode(c);
  }
  return text;
}();

TEST_CASE("every code point is valid, and every surrogate invalid") {
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
    const std::string text = encode(c);
    REQUIRE(is_valid_utf8(bytes_of(text)) == !is_surrogate(c));
    REQUIRE(kernels_agree(text, !is_surrogate(c)));
  }
}

TEST_CASE("every code point after another is valid") {
  std::string text;
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
    if (!is_surrogate(c)) text += encode(c);
  }
  check_all_ways(text, {true, true, text.size()});
}

TEST_CASE("SEC-16 every sequence of one and of two octets is judged as the reference does") {
  for (unsigned first = 0; first < 256; ++first) {
    const std::string one(1, static_cast<char>(first));
    check_all_ways(one, Reference::judge(one));
    for (unsigned second = 0; second < 256; ++second) {
      const std::string two = one + static_cast<char>(second);
      check_all_ways(two, Reference::judge(two));
    }
  }
}

TEST_CASE("SEC-16 sequences of three octets are judged as the reference does") {
  std::size_t wrong = 0;
  std::string text(3, '\0');
  for (unsigned pair = 0; pair < 1U << 16; ++pair) {
    text[0] = static_cast<char>(pair >> 8);
    text[1] = static_cast<char>(pair);
    const Verdict of_pair = Reference::judge(std::string_view(text).substr(0, 2));
    const bool is_decided = !of_pair.valid || of_pair.complete;
    for (unsigned third = 0; third < 256; ++third) {
      text[2] = static_cast<char>(third);
      // Where the pair has decided, one third octet of each kind is enough.
      if (is_decided && third % 16 != 0) continue;
      const Verdict expected = Reference::judge(text);
      const bool is_valid = expected.valid && expected.complete;
      Utf8Validator validator;
      wrong += validator.feed(bytes_of(text)) != expected.valid;
      wrong += validator.is_complete() != is_valid;
      wrong += !kernels_agree(text, is_valid);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE(
    "SEC-16 sequences of four octets around every boundary are judged as the reference does") {
  constexpr unsigned leads[] = {0x00, 0x7F, 0x80, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
                                0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFE, 0xFF};
  constexpr unsigned followers[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                    0xA0, 0xBF, 0xC0, 0xE1, 0xF0};
  for (const unsigned a : leads) {
    for (unsigned b = 0; b < 256; ++b) {
      for (const unsigned c : followers) {
        for (const unsigned d : followers) {
          const std::string text{static_cast<char>(a), static_cast<char>(b), static_cast<char>(c),
                                 static_cast<char>(d)};
          const Verdict expected = Reference::judge(text);
          check_all_ways(text, expected);
          REQUIRE(kernels_agree(text, expected.valid && expected.complete));
        }
      }
    }
  }
}

TEST_CASE("a text cut in two or in three anywhere is judged as the whole") {
  for (std::size_t first = 0; first <= mixed.size(); ++first) {
    for (std::size_t second = first; second <= mixed.size(); ++second) {
      Utf8Validator validator;
      const std::string_view text = mixed;
      REQUIRE(validator.feed(bytes_of(text.substr(0, first))));
      REQUIRE(validator.is_complete() == Reference::judge(text.substr(0, first)).complete);
      REQUIRE(validator.feed(bytes_of(text.substr(first, second - first))));
      REQUIRE(validator.is_complete() == Reference::judge(text.substr(0, second)).complete);
      REQUIRE(validator.feed(bytes_of(text.substr(second))));
      REQUIRE(validator.is_complete());
    }
  }
}

// Faults, and after how many octets each shows.
struct Fault {
  std::string_view octets;
  std::size_t shows_after;
};
constexpr Fault faults[] = {
    {"\x80", 1},  // a continuation of nothing
    {"\xBF", 1},
    {"\xC0\x80", 1},  // overlong forms
    {"\xC1\xBF", 1},
    {"\xE0\x9F\xBF", 2},
    {"\xF0\x8F\xBF\xBF", 2},
    {"\xED\xA0\x80", 2},  // surrogates
    {"\xED\xBF\xBF", 2},
    {"\xF4\x90\x80\x80", 2},  // above U+10FFFF
    {"\xF5\x80\x80\x80", 1},
    {"\xFE", 1},
    {"\xFF", 1},
    {"\xC3z", 2},  // a continuation missing
    {"\xE2\x82z", 3},
    {"\xF0\x9F\x98z", 4},
    {"\xC3\xA9\xA9", 3},  // and one too many
    {"\xE2\x82\xAC\xAC", 4},
    {"\xF0\x9F\x98\x80\x80", 5},
};

TEST_CASE("SEC-16 a fault at any place of a long text is found at its octet") {
  const std::string ascii(200, 'a');
  const std::string many = mixed + mixed + mixed;
  for (const std::string& base : {ascii, many}) {
    for (std::size_t place = 0; place <= base.size(); ++place) {
      if (!Reference::judge(std::string_view(base).substr(0, place)).complete) continue;
      for (const Fault& fault : faults) {
        CAPTURE(place);
        const std::string text =
            base.substr(0, place) + std::string(fault.octets) + base.substr(place);
        const Verdict expected{false, false, place + fault.shows_after};
        REQUIRE(Reference::judge(text) == expected);
        check_all_ways(text, expected);

        // The octets before the fault are still good as one piece; with the faulty one they are
        // not.
        const std::string_view view = text;
        Utf8Validator before;
        REQUIRE(before.feed(bytes_of(view.substr(0, expected.octets - 1))));
        Utf8Validator with;
        REQUIRE_FALSE(with.feed(bytes_of(view.substr(0, expected.octets))));
      }
    }
  }
}

TEST_CASE("SEC-16 a fault at any place of a short text is found") {
  for (std::size_t length = 1; length <= 80; ++length) {
    for (std::size_t place = 0; place < length; ++place) {
      std::string text(length, 'a');
      text[place] = '\xFF';
      check_all_ways(text, {false, false, place + 1});
    }
  }
}

TEST_CASE("SEC-16 plain ASCII between a lead octet and its continuation is not skipped") {
  for (std::size_t before = 0; before <= 70; ++before) {
    for (const std::size_t between : {1U, 16U, 32U, 64U, 128U, 256U}) {
      const std::string text =
          std::string(before, 'a') + "\xC3" + std::string(between, 'a') + "\xA9";
      check_all_ways(text, {false, false, before + 2});
    }
  }
}

TEST_CASE("SEC-16 a lead octet cannot complete the sequence before it") {
  for (std::size_t length = 0; length <= 200; ++length) {
    for (const std::string_view cut : {"\xC3", "\xE2", "\xE2\x82", "\xF0", "\xF0\x9F\x98"}) {
      for (const std::string_view next : {"\xC3", "\xE2\x82", "\xF0\x9F\x98"}) {
        const std::string before = std::string(length, 'a') + std::string(cut);
        check_all_ways(before + std::string(next), {false, false, before.size() + 1});
      }
    }
  }
}

TEST_CASE("SEC-16 a text that ends inside a sequence is valid so far and incomplete") {
  for (std::size_t length = 0; length <= 200; ++length) {
    for (const std::uint32_t c : {0xE9U, 0x20ACU, 0x1F600U}) {
      const std::string sequence = encode(c);
      for (std::size_t taken = 1; taken <= sequence.size(); ++taken) {
        const std::string text = std::string(length, 'a') + sequence.substr(0, taken);
        check_all_ways(text, {true, taken == sequence.size(), text.size()});
      }
    }
  }
}

TEST_CASE("a failure is for ever, until a reset") {
  Utf8Validator validator;
  REQUIRE_FALSE(validator.feed(bytes_of("\xFF")));
  CHECK_FALSE(validator.feed(bytes_of("a")));
  CHECK_FALSE(validator.feed({}));
  CHECK_FALSE(validator.is_complete());
  validator.reset();
  CHECK(validator.feed(bytes_of("a")));
  CHECK(validator.is_complete());
}

TEST_CASE("an empty piece changes nothing") {
  Utf8Validator validator;
  CHECK(validator.feed({}));
  CHECK(validator.is_complete());
  CHECK(validator.feed(bytes_of("\xE2")));
  CHECK(validator.feed({}));
  CHECK_FALSE(validator.is_complete());
  CHECK(validator.feed(bytes_of("\x82\xAC")));
  CHECK(validator.is_complete());
}

TEST_CASE("the state stays small") { CHECK(sizeof(Utf8Validator) <= 4); }

}  // namespace
}  // namespace wolframite
