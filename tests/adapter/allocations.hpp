// Counts what the program takes from the global heap.
#pragma once

#include <cstdint>

namespace wolframite::test {

/// Calls of the global operator new, all forms of it, in the whole program so far.
std::uint64_t allocations();

/// Which allocations are refused.
enum class Refused : std::uint8_t {
  above,     ///< those of more bytes than a limit
  numbered,  ///< one, which has this number of those to come
};

/// Has the global operator new refuse what this thread asks of it, as long as this lives.
class RefusedAllocations {
 public:
  explicit RefusedAllocations(std::uint64_t number, Refused which = Refused::above);
  RefusedAllocations(const RefusedAllocations&) = delete;
  RefusedAllocations& operator=(const RefusedAllocations&) = delete;
  ~RefusedAllocations();

  /// Whether there was one.
  [[nodiscard]] bool has_refused() const;
};

/// Whether `work` comes to run without any, within twenty times. How much memory is in use at a
/// time depends on what happens to coincide, and now and then that reaches a new height; what the
/// work takes of itself shows every time.
template <class Work>
bool comes_to_allocate_nothing(Work work) {
  for (int attempts = 20; attempts > 0; --attempts) {
    const std::uint64_t before = allocations();
    work();
    if (allocations() == before) return true;
  }
  return false;
}

}  // namespace wolframite::test
