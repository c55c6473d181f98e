#include "check.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace wolframite::fuzz {
namespace {

constexpr std::size_t most_shown = 400;

std::string printable(std::string_view text) {
  std::string shown;
  for (const char octet : text.substr(0, most_shown)) {
    if (octet >= 0x20 && octet < 0x7F) {
      shown.push_back(octet);
    } else {
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\x%02X", static_cast<unsigned char>(octet));
      shown.append(escape);
    }
  }
  return text.size() > most_shown ? shown + "..." : shown;
}

void show(const char* whose, const Lines& lines, std::size_t at) {
  std::fprintf(stderr, "%s (%zu):\n", whose, lines.size());
  for (std::size_t i = at < 2 ? 0 : at - 2; i < std::min(at + 3, lines.size()); ++i) {
    std::fprintf(stderr, "  %c %zu: %s\n", i == at ? '>' : ' ', i, printable(lines[i]).c_str());
  }
}

}  // namespace

void report_broken(std::string_view claim, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken: %s\n", file, line, std::string(claim).c_str());
  std::abort();
}

void require_same(const Lines& found, const Lines& expected, const char* file, int line) {
  if (found == expected) return;
  const auto [difference, other] =
      std::mismatch(found.begin(), found.end(), expected.begin(), expected.end());
  const auto at = static_cast<std::size_t>(difference - found.begin());
  show("found", found, at);
  show("expected", expected, at);
  report_broken("found what was expected", file, line);
}

}  // namespace wolframite::fuzz
