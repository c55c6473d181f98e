// Latencies, counted in classes that are 1.6 % wide.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace load {

class Histogram {
 public:
  void record(std::uint64_t nanoseconds) { ++counts_[class_of(nanoseconds)]; }
  void clear() { counts_ = {}; }

  /// The latency, in nanoseconds, that a `share` of those recorded stays below. 0 without any.
  [[nodiscard]] double quantile(double share) const {
    const auto total = std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      below += counts_[i];
      if (below > 0 && static_cast<double>(below) >= share * static_cast<double>(total))
        return static_cast<double>(start_of(i + 1));
    }
    return 0;
  }

 private:
  // Values below `fine` have a class each; above, every power of two has `fine` of them.
  static constexpr unsigned fine_bits = 6;
  static constexpr std::uint64_t fine = 1U << fine_bits;

  static std::size_t class_of(std::uint64_t value) {
    if (value < fine) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - fine_bits - 1;
    const std::size_t found = (std::size_t{shift} << fine_bits) + (value >> shift);
    return std::min(found, std::tuple_size_v<decltype(counts_)> - 1);
  }
  static std::uint64_t start_of(std::size_t index) {
    if (index < fine) return index;
    const std::size_t shift = (index >> fine_bits) - 1;
    return (fine + index % fine) << shift;
  }

  std::array<std::uint64_t, std::size_t{40} << fine_bits> counts_{};
};

}  // namespace load
