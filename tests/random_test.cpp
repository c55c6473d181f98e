// Octets come from the system's generator, each at most once, and a forked child never repeats its
// parent's.
#include "wolframite/random.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <set>
#include <vector>

namespace wolframite {
namespace {

using Key = std::array<std::byte, 16>;

Key next_key(SystemEntropy& entropy) {
  Key key{};
  entropy.fill(key);
  return key;
}

TEST_CASE("SEC-12 no two draws and no two sources are alike") {
  SystemEntropy a, b;
  std::set<Key> seen;
  for (int i = 0; i < 1000; ++i) {
    seen.insert(next_key(a));
    seen.insert(next_key(b));
  }
  CHECK(seen.size() == 2000);
}

TEST_CASE("any size is filled to its last octet") {
  SystemEntropy entropy;
  for (const std::size_t size : {0UL, 1UL, 4UL, 511UL, 512UL, 513UL, 5000UL}) {
    std::vector<std::byte> all(size);
    // Each octet turns out non-zero in some round, or it is never written.
    std::vector<bool> written(size);
    for (int round = 0; round < 40; ++round) {
      std::fill(all.begin(), all.end(), std::byte{0});
      entropy.fill(all);
      for (std::size_t i = 0; i < size; ++i) written[i] = written[i] || all[i] != std::byte{0};
    }
    for (std::size_t i = 0; i < size; ++i) CHECK_MESSAGE(written[i], "octet ", i, " of ", size);
  }
}

TEST_CASE("SEC-12 a forked child draws other octets than its parent") {
  SystemEntropy entropy;
  next_key(entropy);  // a block is read, and mostly unused
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const Key key = next_key(entropy);
    const bool written = write(ends[1], key.data(), key.size()) == static_cast<ssize_t>(key.size());
    _exit(written ? 0 : 1);
  }
  const Key ours = next_key(entropy);
  Key theirs{};
  CHECK(read(ends[0], theirs.data(), theirs.size()) == static_cast<ssize_t>(theirs.size()));
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(ours != theirs);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace wolframite
