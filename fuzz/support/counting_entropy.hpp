// Randomness that is the same in every run.
#pragma once

#include <cstdint>

#include "wolframite/entropy.hpp"

namespace wolframite::fuzz {

/// Masks of a congruential sequence, and handshake keys of zeros, as in the transcripts: so their
/// responses, which answer that key, are seeds.
class CountingEntropy final : public Entropy {
 public:
  void fill(Bytes out) override {
    const bool is_key = out.size() == 16;
    for (std::byte& octet : out) {
      state_ = state_ * 6364136223846793005U + 1442695040888963407U;
      octet = is_key ? std::byte{0} : static_cast<std::byte>(state_ >> 56U);
    }
  }

 private:
  std::uint64_t state_ = 0x57'4F'4C'46'52'41'4DU;
};

}  // namespace wolframite::fuzz
