// UTF-8, masks and HTTP heads.
#include <algorithm>
#include <array>
#include <cctype>

#include "naive.hpp"

namespace wolframite::fuzz::naive {
namespace {

/// Whether any code point from `low` to `high` can be written, in `size` octets.
bool any_is_scalar(std::uint32_t low, std::uint32_t high, std::size_t size) {
  constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  low = std::max(low, smallest[size]);
  high = std::min(high, std::uint32_t{0x10FFFF});
  if (low > high) return false;
  return low < 0xD800 || high > 0xDFFF;
}

bool is_one_of(char octet, std::string_view set) { return set.find(octet) != set.npos; }

bool is_graphic(char octet) { return octet > 0x20 && octet < 0x7F; }

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char octet) {
    return is_graphic(octet) && !is_one_of(octet, "\"(),/:;<=>?@[\\]{}");
  });
}

bool is_field_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char octet) {
    return is_graphic(octet) || is_one_of(octet, " \t") ||
           static_cast<unsigned char>(octet) >= 0x80;
  });
}

std::string stripped(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

bool drop_end(std::string_view& line, std::string_view end) {
  if (!line.ends_with(end)) return false;
  line.remove_suffix(end.size());
  return true;
}

bool is_request_line(std::string_view line, Head& head) {
  if (line.starts_with("\r\n")) line.remove_prefix(2);
  head.minor = line.ends_with(" HTTP/1.0\r\n") ? 0 : 1;
  if (!drop_end(line, head.minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n")) return false;
  const std::size_t space = line.find(' ');
  if (space == line.npos) return false;
  head.first = line.substr(0, space);
  head.second = line.substr(space + 1);
  return is_token(head.first) && !head.second.empty() &&
         std::all_of(head.second.begin(), head.second.end(),
                     [](char octet) { return is_graphic(octet) && octet != '#'; });
}

bool is_status_line(std::string_view line, Head& head) {
  head.minor = line.starts_with("HTTP/1.0 ") ? 0 : 1;
  if (!line.starts_with(head.minor == 0 ? "HTTP/1.0 " : "HTTP/1.1 ")) return false;
  if (!drop_end(line, "\r\n")) return false;
  head.status = line.substr(9, 3);
  head.first = line.size() > 13 ? line.substr(13) : "";
  const bool is_number =
      head.status.size() == 3 && head.status.find_first_not_of("0123456789") == std::string::npos;
  return is_number && head.status[0] != '0' && (line.size() == 12 || line[12] == ' ') &&
         is_field_text(head.first);
}

bool is_field_line(std::string_view line, Head& head) {
  if (!drop_end(line, "\r\n")) return false;
  const std::size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) return false;
  if (!is_field_text(line.substr(colon + 1))) return false;
  head.fields.emplace_back(line.substr(0, colon), stripped(line.substr(colon + 1)));
  return true;
}

/// A line that goes on with the value before it, as those of responses may.
bool is_folded_line(std::string_view line, Head& head) {
  if (!drop_end(line, "\r\n")) return false;
  if (line.empty() || !is_one_of(line[0], " \t") || !is_field_text(line)) return false;
  if (head.fields.empty()) return true;  // only asked whether it is one
  std::string& value = head.fields.back().second;
  value = stripped(value.append(" ").append(stripped(line)));
  return true;
}

using Grammar = bool (*)(std::string_view line, Head& head);

/// Whether `begun` can become a good line: with some end of `sample`, which is one.
bool can_become(std::string_view begun, Grammar is_good, std::string_view sample) {
  for (std::size_t from = 0; from <= sample.size(); ++from) {
    Head ignored;
    if (is_good(std::string(begun).append(sample.substr(from)), ignored)) return true;
  }
  return false;
}

/// Octets at the front of `line` with which all is well.
std::size_t good_part(std::string_view line, Grammar is_good, std::string_view sample) {
  std::size_t good = 0;
  std::size_t bad = line.size() + 1;
  while (bad - good > 1) {
    const std::size_t middle = good + (bad - good) / 2;
    (can_become(line.substr(0, middle), is_good, sample) ? good : bad) = middle;
  }
  return good;
}

}  // namespace

Utf8 judge_utf8(std::string_view text) {
  Utf8 judged;
  std::uint32_t value = 0;
  std::size_t size = 1;
  std::size_t left = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::uint32_t octet = static_cast<unsigned char>(text[at]);
    const bool continues = octet >= 0x80 && octet < 0xC0;
    bool is_good = continues == (left > 0);
    if (is_good && continues) {
      value = value * 64 + (octet - 0x80);
      --left;
    } else if (is_good) {
      size = octet < 0x80 ? 1 : octet < 0xE0 ? 2 : octet < 0xF0 ? 3 : 4;
      is_good = octet < 0xF8;
      value = size == 1 ? octet : octet - (0x100 - (0x100U >> size));
      left = size - 1;
    }
    const std::uint32_t low = value << (6 * left);
    if (!is_good || !any_is_scalar(low, low + (1U << (6 * left)) - 1, size)) {
      judged.fault = at;
      return judged;
    }
    judged.is_complete = left == 0;
  }
  return judged;
}

std::string mask(std::string_view payload, MaskKey key, std::size_t offset) {
  std::string masked(payload);
  for (std::size_t i = 0; i < masked.size(); ++i) {
    masked[i] = static_cast<char>(masked[i] ^ std::to_integer<char>(key[(offset + i) % 4]));
  }
  return masked;
}

std::vector<std::string> Head::values(std::string_view name) const {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  std::vector<std::string> found;
  for (const auto& [field, value] : fields) {
    if (std::equal(field.begin(), field.end(), name.begin(), name.end(), same)) {
      found.push_back(value);
    }
  }
  return found;
}

Head read_head(std::string_view text, bool is_request, std::size_t max_size,
               std::size_t max_fields) {
  Head head;
  const std::string_view window = text.substr(0, max_size);
  for (bool starts = true;; starts = false) {
    const std::string_view left = window.substr(head.taken);
    const bool empty_first = starts && is_request && left.starts_with("\r\n");
    const std::size_t end = left.find('\n', empty_first ? 2 : 0);
    const std::string_view line = left.substr(0, end == left.npos ? end : end + 1);
    if (!starts && line == "\r\n") {
      head.taken += 2;
      head.is_complete = true;
      return head;
    }
    const bool is_folded = !starts && !is_request && !head.fields.empty() && !line.empty() &&
                           is_one_of(line[0], " \t");
    const Grammar is_good = is_folded    ? is_folded_line
                            : !starts    ? is_field_line
                            : is_request ? is_request_line
                                         : is_status_line;
    const std::string_view sample = is_folded    ? " \r\n"
                                    : !starts    ? "a:\r\n"
                                    : is_request ? "\r\na / HTTP/1.1\r\n"
                                                 : "HTTP/1.1 200 \r\n";
    const bool begins_field = !starts && !line.empty() && line[0] != '\r';
    if (begins_field && head.fields.size() == max_fields && is_token(line.substr(0, 1))) {
      head.error = Error::too_many_headers;
      ++head.taken;
      return head;
    }
    if (is_good(line, head)) {
      head.taken += line.size();
      continue;
    }
    const bool ends_head = !starts && line.starts_with('\r');
    const std::size_t good = ends_head ? 1 : good_part(line, is_good, sample);
    head.taken += good;
    if (good < line.size()) {
      const bool other_version =
          starts && is_one_of(line[good], "0123456789") && (is_request || good < 8) &&
          can_become(std::string(line.substr(0, good)) + "1", is_good, sample);
      head.error = !starts         ? Error::malformed_header
                   : other_version ? Error::version_not_http_1_1
                   : is_request    ? Error::malformed_request_line
                                   : Error::malformed_status_line;
      ++head.taken;
    } else if (text.size() > window.size()) {
      head.error = Error::head_too_big;
      ++head.taken;
    }
    return head;
  }
}

}  // namespace wolframite::fuzz::naive
