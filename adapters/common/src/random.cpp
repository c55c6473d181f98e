#include "wolframite/random.hpp"

#include <pthread.h>
#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace wolframite {
namespace {

// Counts the forks that led to this process; what was read under another number is not ours to use.
std::atomic<unsigned> fork_serial = 1;

[[maybe_unused]] const int fork_watch =
    pthread_atfork(nullptr, nullptr, [] { fork_serial.fetch_add(1, std::memory_order_relaxed); });

void read_random(std::byte* to, std::size_t size) {
  while (size > 0) {
    const ssize_t got = getrandom(to, size, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();
    }
    to += got;
    size -= static_cast<std::size_t>(got);
  }
}

}  // namespace

SystemEntropy::~SystemEntropy() { explicit_bzero(block_.data(), block_.size()); }

void SystemEntropy::fill(Bytes out) {
  if (out.size() > block_.size()) return read_random(out.data(), out.size());
  const unsigned serial = fork_serial.load(std::memory_order_relaxed);
  if (serial != fork_serial_) {
    fork_serial_ = serial;
    left_ = 0;
  }
  while (!out.empty()) {
    if (left_ == 0) {
      read_random(block_.data(), block_.size());
      left_ = block_.size();
    }
    const std::size_t size = std::min(out.size(), left_);
    std::byte* const from = block_.data() + (block_.size() - left_);
    std::memcpy(out.data(), from, size);
    explicit_bzero(from, size);
    left_ -= size;
    out = out.subspan(size);
  }
}

}  // namespace wolframite
