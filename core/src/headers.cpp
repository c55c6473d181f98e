#include "wolframite/headers.hpp"

#include "char_class.hpp"
#include "header_list.hpp"

namespace wolframite {

Headers::Headers(std::initializer_list<Field> fields) {
  for (const Field& field : fields) append(field.name, field.value);
}

void Headers::append(std::string_view name, std::string_view value) {
  const std::size_t name_begin = text_.size();
  text_.append(name).append(": ");
  const std::size_t value_begin = text_.size();
  text_.append(value).append("\r\n");
  fields_.push_back(
      {static_cast<std::uint32_t>(name_begin), static_cast<std::uint32_t>(name.size()),
       static_cast<std::uint32_t>(value_begin), static_cast<std::uint32_t>(value.size())});
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Field& field : *this) {
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
  std::size_t count = 0;
  for (const Field& field : *this) count += equals_ignoring_case(field.name, name);
  return count;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  for (const Field& field : *this) {
    if (!equals_ignoring_case(field.name, name)) continue;
    detail::ListElements list(field.value);
    while (const auto element = list.next()) {
      if (equals_ignoring_case(*element, token)) return true;
    }
  }
  return false;
}

bool detail::same_size_equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a == b) return true;  // most write names as their standards do
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

bool is_token(std::string_view text) {
  return !text.empty() && detail::skip_class(text, 0, detail::char_token) == text.size();
}

bool is_valid_header(std::string_view name, std::string_view value) {
  return is_token(name) && detail::trim_space(value).size() == value.size() &&
         detail::skip_value(value, 0) == value.size();
}

}  // namespace wolframite
