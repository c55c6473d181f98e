#include "header_list.hpp"

#include <algorithm>

#include "char_class.hpp"

namespace wolframite::detail {

std::optional<std::string_view> ListElements::next() {
  while (!rest_.empty()) {
    const std::size_t size = std::min(rest_.find(','), rest_.size());
    const std::string_view element = trim_space(rest_.substr(0, size));
    rest_.remove_prefix(std::min(size + 1, rest_.size()));
    if (!element.empty()) return element;
  }
  return std::nullopt;
}

ExtensionList::Item ExtensionList::next() {
  value_.reset();
  if (expect_ == Expect::failed) return Item::malformed;
  skip_space();
  if (expect_ == Expect::separator && !rest_.empty()) {
    const char separator = rest_.front();
    rest_.remove_prefix(1);
    if (separator == ';') {
      skip_space();
      return read_token(name_) && read_value() ? Item::parameter : fail();
    }
    if (separator != ',') return fail();
    expect_ = Expect::extension;
  }
  while (!rest_.empty() &&
         (rest_.front() == ',' || rest_.front() == ' ' || rest_.front() == '\t')) {
    rest_.remove_prefix(1);
  }
  if (rest_.empty()) return Item::end;
  expect_ = Expect::separator;
  return read_token(name_) ? Item::extension : fail();
}

bool ExtensionList::read_token(std::string_view& token) {
  const std::size_t size = skip_class(rest_, 0, char_token);
  token = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return size != 0;
}

bool ExtensionList::read_value() {
  skip_space();
  if (rest_.empty() || rest_.front() != '=') return true;
  rest_.remove_prefix(1);
  skip_space();
  if (!rest_.empty() && rest_.front() == '"') return read_quoted();
  std::string_view token;
  if (!read_token(token)) return false;
  value_ = token;
  return true;
}

// Escapes undone, it must be a token (RFC 6455 §9.1), so no other octet can be legal inside the
// quotes.
bool ExtensionList::read_quoted() {
  unescaped_.clear();
  for (std::size_t at = 1; at < rest_.size(); ++at) {
    if (rest_[at] == '"') {
      rest_.remove_prefix(at + 1);
      value_ = unescaped_;
      return !unescaped_.empty();
    }
    if (rest_[at] == '\\' && ++at == rest_.size()) return false;
    if (!is_in(rest_[at], char_token)) return false;
    unescaped_.push_back(rest_[at]);
  }
  return false;
}

void ExtensionList::skip_space() {
  while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
}

ExtensionList::Item ExtensionList::fail() {
  expect_ = Expect::failed;
  return Item::malformed;
}

}  // namespace wolframite::detail
