/// @file
/// HTTP header fields (RFC 9110 §5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wolframite/bytes.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// A list of header fields in their order, in one piece of text. Names compare without case.
///
///     text_    Host: example.org\r\nUpgrade: websocket\r\n
///     fields_  {0,4, 6,11}, {19,7, 28,9}
class Headers {
 public:
  /// One of them. Its views live until the list is changed or destroyed.
  struct Field {
    std::string_view name;   ///< in the case it was written in
    std::string_view value;  ///< without the space around it, where it was parsed
  };
  class Iterator;

  Headers() = default;  ///< no fields
  /// Appends `fields` in their order: `{{"Origin", "https://example.org"}}`.
  Headers(std::initializer_list<Field> fields);

  /// Adds a field at the end. Nothing is checked here: `is_valid_header` does, where headers are
  /// put to use.
  void append(std::string_view name, std::string_view value);

  /// The value of the first field of this name, or nothing.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const
      WOLFRAMITE_LIFETIMEBOUND;

  /// How many fields have this name.
  [[nodiscard]] std::size_t count(std::string_view name) const;

  /// Whether any field of this name holds `token` in its comma-separated list, without case. Linear
  /// time.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;

  [[nodiscard]] std::size_t size() const { return fields_.size(); }  ///< fields
  [[nodiscard]] bool empty() const { return fields_.empty(); }       ///< whether there are none
  /// The field at `index`, which must be below `size()`.
  [[nodiscard]] Field operator[](std::size_t index) const WOLFRAMITE_LIFETIMEBOUND;
  [[nodiscard]] Iterator begin() const WOLFRAMITE_LIFETIMEBOUND;  ///< to loop over the fields
  [[nodiscard]] Iterator end() const WOLFRAMITE_LIFETIMEBOUND;    ///< past the last field

 private:
  friend class HttpHead;
  struct Slice {
    std::uint32_t name, name_size, value, value_size;
  };
  std::string text_;
  std::vector<Slice> fields_;
};

/// A place in the list. It stays good while fields are appended, as an index does.
class Headers::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = Field;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = Field;

  /// The place of the field at `index`.
  Iterator(const Headers& headers, std::size_t index) : headers_(&headers), index_(index) {}
  Field operator*() const { return (*headers_)[index_]; }  ///< the field here
  /// Goes on to the next field.
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  Iterator operator++(int) { return {*headers_, index_++}; }  ///< goes on, and gives where it was
  /// Compares places in one list.
  bool operator==(const Iterator& other) const { return index_ == other.index_; }

 private:
  const Headers* headers_;
  std::size_t index_;
};

inline Headers::Field Headers::operator[](std::size_t index) const {
  const Slice& slice = fields_[index];
  return {{text_.data() + slice.name, slice.name_size},
          {text_.data() + slice.value, slice.value_size}};
}

inline Headers::Iterator Headers::begin() const { return {*this, 0}; }
inline Headers::Iterator Headers::end() const { return {*this, fields_.size()}; }

namespace detail {
[[nodiscard]] bool same_size_equals_ignoring_case(std::string_view a, std::string_view b);
}

/// Compares ASCII text without case.
[[nodiscard]] inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && detail::same_size_equals_ignoring_case(a, b);
}

/// Whether `text` is a token (RFC 9110 §5.6.2): not empty, and of tchar only.
[[nodiscard]] bool is_token(std::string_view text);

/// Whether a field may be sent: the name a token, the value without control characters save HTAB,
/// and with no space at either end (RFC 9110 §5.5).
[[nodiscard]] bool is_valid_header(std::string_view name, std::string_view value);

}  // namespace wolframite
#pragma GCC visibility pop
