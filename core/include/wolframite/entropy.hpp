/// @file
/// Where a client's random octets come from.
#pragma once

#include "wolframite/bytes.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// A source of unpredictable octets, lent to client connections for handshake and masking keys. RFC
/// 6455 §5.3 asks for strong entropy: use the operating system's generator (`wolframite/random.hpp`
/// of the adapters does). One thread at a time; it must outlive each `Connection` that it was lent
/// to.
class Entropy {
 public:
  /// Overwrites all of `out`.
  virtual void fill(Bytes out) = 0;

 protected:
  Entropy() = default;
  Entropy(const Entropy&) = default;             ///< for sources that may be copied
  Entropy& operator=(const Entropy&) = default;  ///< for sources that may be copied
  ~Entropy() = default;
};

}  // namespace wolframite
#pragma GCC visibility pop
