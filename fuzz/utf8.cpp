// Invariant: however a text is cut, and whatever the vectors of this machine, the validator of
// UTF-8 fails in the piece that holds the first octet with which decoding code points finds no way
// on.
#include <vector>

#include "support/check.hpp"
#include "support/naive.hpp"
#include "support/owner.hpp"
#include "support/reader.hpp"
#include "wolframite/utf8.hpp"

using namespace wolframite;
using namespace wolframite::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader input(data, size);
  Cutter cutter(input);
  // Valid text around it carries the interesting part across all edges of vectors.
  const std::string filling = input.one_of<std::string>({"a", "\xC3\xA9", "\xE2\x82\xAC"});
  const std::size_t before = input.up_to(150);
  const std::size_t after = input.up_to(150);
  std::string text;
  for (std::size_t i = 0; i < before; ++i) text += filling;
  text += input.rest();
  for (std::size_t i = 0; i < after; ++i) text += filling;

  const naive::Utf8 expected = naive::judge_utf8(text);
  Utf8Validator validator;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t taken = cutter.next(text.size() - at);
    const std::vector<char> piece(text.data() + at, text.data() + at + taken);
    at += taken;
    REQUIRE(validator.feed(bytes_of({piece.data(), piece.size()})) == (expected.fault >= at));
  }
  if (expected.fault == std::string::npos) REQUIRE(validator.is_complete() == expected.is_complete);

  const std::vector<char> whole(text.begin(), text.end());
  REQUIRE(is_valid_utf8(bytes_of({whole.data(), whole.size()})) == expected.is_valid());
  validator.reset();
  REQUIRE(validator.is_complete() && validator.feed(bytes_of("\xF0\x9F\x90\xBA")));
  return 0;
}
