// Validation of UTF-8, of one length of sequence and of mixes, beside memcpy of as many octets and
// a decoder that goes from code point to code point.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <wolframite/utf8.hpp>

using namespace wolframite;

namespace {

struct Script {
  const char* name;
  std::vector<std::string_view> letters;
};

const std::array<Script, 6> scripts{
    Script{"utf8-ascii", {"w", "o", "l", "f", " "}},
    Script{"utf8-2", {"ß", "ж", "ω"}},
    Script{"utf8-3", {"語", "€", "अ"}},
    Script{"utf8-4", {"𝄞", "😀"}},
    Script{"utf8-european", {"w", "o", "l", "f", "r", "a", "m", "ü", " ", "t", "é", "–"}},
    Script{"utf8-mixed", {"w", "ж", "語", "😀", "o", "ß", "€"}},
};

/// Letters of the script in an order without a period, and spaces where none fits any more.
std::string make_text(const Script& script, std::size_t size) {
  std::string text;
  std::uint32_t state = 1;
  while (text.size() < size) {
    state = state * 1'664'525U + 1'013'904'223U;
    const std::string_view letter = script.letters[(state >> 16U) % script.letters.size()];
    text += letter.size() <= size - text.size() ? letter : " ";
  }
  return text;
}

bool decode(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto at = [&](std::size_t k) { return static_cast<unsigned char>(text[i + k]); };
    const unsigned char lead = at(0);
    const std::size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || i + more >= text.size()) return false;
    std::uint32_t point = more == 0 ? lead : lead & (0x3FU >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      if ((at(k) & 0xC0U) != 0x80) return false;
      point = point << 6U | (at(k) & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 4> least{0, 0x80, 0x800, 0x10000};
    if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
      return false;
    i += more + 1;
  }
  return true;
}

template <class Work>
void run(benchmark::State& state, const Script& script, Work work) {
  const std::string text = make_text(script, static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    std::string_view view = text;
    benchmark::DoNotOptimize(view);
    if (!work(view)) return state.SkipWithError("valid text is rejected");
  }
}

[[maybe_unused]] const bool registered = [] {
  for (const Script& script : scripts) {
    const std::string name = script.name;
    std::vector<char> room(1 << 20);
    const auto add = [&](const std::string& variant, auto work) {
      auto* const bench = benchmark::RegisterBenchmark(
          (name + variant).c_str(), [&script, work](benchmark::State& s) { run(s, script, work); });
      for (const std::int64_t size : {16, 125, 1024, 16384, 1048576}) bench->Arg(size);
    };
    add("/ours", [](std::string_view text) { return is_valid_utf8(bytes_of(text)); });
    add("/limit", [room](std::string_view text) mutable {
      std::memcpy(room.data(), text.data(), text.size());
      benchmark::ClobberMemory();
      return true;
    });
    add("/scalar", decode);
  }
  return true;
}();

}  // namespace
