// Command-line arguments, as the examples share them.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <wolframite/deflate.hpp>

/// Arguments of the form `--name` or `--name value`. Whatever is wrong with them ends the program
/// with status 2.
class Arguments {
 public:
  /// Each of `known` is `name` for a switch, `name=` where a value must follow and `name?` where
  /// one may.
  Arguments(int argc, char** argv, std::string_view usage,
            std::initializer_list<std::string_view> known)
      : program_(std::string_view(argv[0]).substr(std::string_view(argv[0]).rfind('/') + 1)),
        usage_(usage) {
    for (int i = 1; i < argc; ++i) {
      std::string_view name = argv[i];
      if (name == "--help") {
        std::printf("%.*s\n", static_cast<int>(usage_.size()), usage_.data());
        std::exit(0);
      }
      const bool dashed = name.starts_with("--");
      if (dashed) name.remove_prefix(2);
      const auto option = std::find_if(known.begin(), known.end(), [&](std::string_view each) {
        return each.substr(0, each.find_last_not_of("=?") + 1) == name;
      });
      if (!dashed || option == known.end()) fail("unknown argument " + std::string(argv[i]));
      const bool given = i + 1 < argc && !std::string_view(argv[i + 1]).starts_with("--");
      if (option->ends_with('=') && !given) fail("--" + std::string(name) + " needs a value");
      const bool takes = given && (option->ends_with('=') || option->ends_with('?'));
      values_.insert_or_assign(std::string(name), takes ? argv[++i] : "");
    }
  }

  [[nodiscard]] bool has(const std::string& name) const { return values_.contains(name); }

  /// The value given, or `otherwise`.
  [[nodiscard]] std::string value(const std::string& name, std::string otherwise = {}) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }

  /// The same for a number.
  template <class Number>
  [[nodiscard]] Number number(const std::string& name, Number otherwise) const {
    if (!has(name)) return otherwise;
    const auto parsed = to_number<Number>(value(name));
    if (!parsed) fail("--" + name + " needs a number in range, not \"" + value(name) + '"');
    return *parsed;
  }

  template <class Number>
  [[nodiscard]] static std::optional<Number> to_number(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
  }

  /// Ends the program because of its arguments.
  [[noreturn]] void fail(const std::string& why) const {
    std::fprintf(stderr, "%s: %s\n%.*s\n", program_.c_str(), why.c_str(),
                 static_cast<int>(usage_.size()), usage_.data());
    std::exit(2);
  }

  /// Ends the program if `name` was given, which asks for what is not there yet.
  void refuse(const std::string& name, std::string_view what) const {
    if (has(name)) fail("--" + name + ": " + std::string(what) + " is not part of this version");
  }

 private:
  std::string program_;
  std::string_view usage_;
  std::map<std::string, std::string> values_;
};

/// What `--deflate`, `--window-bits` and `--no-context-takeover` ask for.
inline wolframite::DeflateConfig deflate_config(const Arguments& arguments) {
  wolframite::DeflateConfig deflate;
  deflate.enabled = arguments.has("deflate");
  if (deflate.enabled && !wolframite::is_deflate_available()) {
    arguments.fail("--deflate: the library was built without compression");
  }
  deflate.server_window_bits = deflate.client_window_bits = arguments.number("window-bits", 15);
  if (!deflate.is_valid()) arguments.fail("--window-bits must be 8 to 15");
  deflate.server_no_context_takeover = deflate.client_no_context_takeover =
      arguments.has("no-context-takeover");
  return deflate;
}
