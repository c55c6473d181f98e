// Random numbers that a seed repeats, for tests. Never for keys that go over a wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "wolframite/entropy.hpp"

namespace wolframite::test {

/// SplitMix64: small, quick, and the same on every platform.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31U);
  }
  /// From 0 to `bound` - 1.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
  /// True once in `n` times.
  bool one_in(std::size_t n) { return below(n) == 0; }

  std::string octets(std::size_t size) {
    std::string made(size, '\0');
    for (char& octet : made) octet = static_cast<char>(next() & 0xFFU);
    return made;
  }
  std::string letters(std::size_t size) {
    std::string made(size, '\0');
    for (char& letter : made) letter = static_cast<char>('a' + below(26));
    return made;
  }

 private:
  std::uint64_t state_;
};

/// Keys that a seed repeats, so that a client's output can be compared.
class TestEntropy final : public Entropy {
 public:
  explicit TestEntropy(std::uint64_t seed = 1) : random_(seed) {}

  void fill(Bytes out) override {
    ++fills;
    for (std::byte& octet : out) octet = static_cast<std::byte>(random_.next() & 0xFFU);
  }

  std::size_t fills = 0;

 private:
  Random random_;
};

/// Keys of zeros: masked octets stay as they are, so that a client's output can be read.
class ZeroEntropy final : public Entropy {
 public:
  void fill(Bytes out) override {
    for (std::byte& octet : out) octet = std::byte{0};
  }
};

}  // namespace wolframite::test
