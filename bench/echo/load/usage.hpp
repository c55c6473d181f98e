// What the server has used, as the kernel tells it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace load {

/// CPU time of a process so far.
struct CpuTime {
  double total = 0;  ///< nanoseconds, exact
  double user = 0;   ///< clock ticks, by sampling
  double system = 0;

  /// All threads of `pid`; zeros for pid 0.
  [[nodiscard]] static CpuTime of(std::uint64_t pid);
};

/// The CPU time between two readings, in nanoseconds.
struct CpuSpent {
  CpuSpent(const CpuTime& before, const CpuTime& after);

  double total = 0;
  double user = 0;  ///< `total` split as the ticks were: good to a few per cent over seconds
  double system = 0;
};

/// Memory of a process, in octets.
struct Memory {
  double resident = 0;      ///< RSS
  double proportional = 0;  ///< PSS: pages shared with other processes count in part

  [[nodiscard]] static Memory of(std::uint64_t pid);
};

}  // namespace load
