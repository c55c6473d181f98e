// Lists inside header values. Every octet is looked at a fixed number of times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wolframite::detail {

/// Walks the elements of a comma-separated list, empty ones left out (RFC 9110 §5.6.1).
///
///     ListElements list(value);
///     while (auto element = list.next()) …
class ListElements {
 public:
  explicit ListElements(std::string_view list) : rest_(list) {}

  /// The next element without the space around it, or nothing at the end.
  [[nodiscard]] std::optional<std::string_view> next();

 private:
  std::string_view rest_;
};

/// Walks `name; parameter; parameter=value, name…` (RFC 6455 §9.1).
class ExtensionList {
 public:
  enum class Item : std::uint8_t { extension, parameter, end, malformed };

  explicit ExtensionList(std::string_view list) : rest_(list) {}

  /// Steps to the next extension, or the next parameter of the current one. `malformed` is sticky.
  [[nodiscard]] Item next();

  /// The name of the current extension or parameter, a token.
  [[nodiscard]] std::string_view name() const { return name_; }

  /// The value of the current parameter, a token with quotes and escapes undone; or nothing if it
  /// has none. Lives until `next()`.
  [[nodiscard]] std::optional<std::string_view> value() const { return value_; }

 private:
  [[nodiscard]] bool read_token(std::string_view& token);
  [[nodiscard]] bool read_value();
  [[nodiscard]] bool read_quoted();
  void skip_space();
  Item fail();

  std::string_view rest_;
  std::string_view name_;
  std::optional<std::string_view> value_;
  std::string unescaped_;
  enum class Expect : std::uint8_t { extension, separator, failed } expect_ = Expect::extension;
};

}  // namespace wolframite::detail
