// Structured values out of a fuzzer's input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "wolframite/bytes.hpp"

namespace wolframite::fuzz {

/// Takes choices from the end of the input and payload from its front, so that the payload of a
/// seed is plain to see and a dictionary finds its way into it. An input that has run out gives
/// zeros.
class Reader {
 public:
  Reader(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const std::byte*>(data), size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  /// A number from 0 to `max`.
  std::size_t up_to(std::size_t max) {
    std::size_t value = 0;
    for (std::size_t range = max; range > 0 && !rest_.empty(); range >>= 8U) {
      value = value << 8U | std::to_integer<std::size_t>(rest_.back());
      rest_ = rest_.first(rest_.size() - 1);
    }
    return value % (max + 1);
  }

  bool flag() { return up_to(1) == 1; }

  template <typename Value>
  Value one_of(std::initializer_list<Value> values) {
    return *(values.begin() + up_to(values.size() - 1));
  }

  /// The next `size` octets of payload, or as many as there are.
  std::string text(std::size_t size) {
    const ConstBytes front = rest_.first(size < rest_.size() ? size : rest_.size());
    rest_ = rest_.subspan(front.size());
    return std::string(text_of(front));
  }

  /// All that is left.
  std::string rest() { return text(rest_.size()); }

 private:
  ConstBytes rest_;
};

}  // namespace wolframite::fuzz
