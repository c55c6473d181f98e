// An automaton whose table holds, for each octet, the next states of all states in one word: the
// state is the position of its field, so a step is a load and a shift and no branch depends on the
// text.
#include <algorithm>
#include <array>
#include <cstring>

#include "utf8_kernels.hpp"

namespace wolframite::detail {
namespace {

constexpr Utf8Lead failed{Utf8Lead::invalid};

// What may be expected next. The state number i is kept as the shift 7 * i.
constexpr std::array states{utf8_lead('a'),  utf8_lead(0xC2), utf8_lead(0xE0),
                            utf8_lead(0xE1), utf8_lead(0xED), utf8_lead(0xF0),
                            utf8_lead(0xF1), utf8_lead(0xF4), failed};
constexpr unsigned field = 7;
static_assert(states.size() * field <= 64);

consteval std::uint64_t shift_of(const Utf8Lead& state) {
  return static_cast<std::uint64_t>(std::ranges::find(states, state) - states.begin()) * field;
}

constexpr std::uint64_t start = shift_of(utf8_lead('a'));

consteval Utf8Lead after(const Utf8Lead& state, std::uint8_t octet) {
  if (state == failed) return failed;
  if (state.needed == 0) return utf8_lead(octet);
  if (octet < state.min || octet > state.max) return failed;
  return {static_cast<std::uint8_t>(state.needed - 1)};
}

constexpr auto transitions = []() consteval {
  std::array<std::uint64_t, 256> table{};
  for (std::size_t octet = 0; octet < table.size(); ++octet) {
    for (const Utf8Lead& state : states) {
      table[octet] |= shift_of(after(state, static_cast<std::uint8_t>(octet))) << shift_of(state);
    }
  }
  return table;
}
();

constexpr std::size_t stride = 16;

bool is_ascii(const std::byte* text) {
  std::array<std::uint64_t, stride / 8> words{};
  std::memcpy(words.data(), text, stride);
  return ((words[0] | words[1]) & 0x8080808080808080U) == 0;
}

constexpr std::uint64_t run(std::uint64_t state, const std::byte* text, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    state = transitions[std::to_integer<std::uint8_t>(text[i])] >> (state & 63U);
  }
  return state & 63U;
}

}  // namespace

bool is_utf8_baseline(const std::byte* text, std::size_t size) {
  std::uint64_t state = start;
  std::size_t i = 0;
  for (; i + stride <= size; i += stride) {
    if (state != start || !is_ascii(text + i)) state = run(state, text + i, stride);
  }
  return run(state, text + i, size - i) == start;
}

}  // namespace wolframite::detail
