/// @file
/// The operating system's random generator.
#pragma once

#include <array>
#include <cstddef>

#include "wolframite/entropy.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Entropy from getrandom(2), read in blocks. Octets are wiped as they are handed out, and a child
/// process after fork(2) never sees those of its parent. Aborts if the system has no randomness to
/// give: there is no safe way on.
class SystemEntropy final : public Entropy {
 public:
  SystemEntropy() = default;  ///< reads nothing yet
  SystemEntropy(const SystemEntropy&) = delete;
  SystemEntropy& operator=(const SystemEntropy&) = delete;
  ~SystemEntropy();

  /// Overwrites all of `out`. More than 512 octets at a time come straight from the system.
  void fill(Bytes out) override;

 private:
  std::array<std::byte, 512> block_;
  std::size_t left_ = 0;      // unused octets, at the end of block_
  unsigned fork_serial_ = 0;  // of the process that read block_
};

}  // namespace wolframite
#pragma GCC visibility pop
