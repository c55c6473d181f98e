/// @file
/// Memory for keys.
#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace wolframite {

/// Wipes what it frees, so that a container that grows leaves no copy behind either.
template <class T>
struct CleansingAllocator {
  using value_type = T;

  CleansingAllocator() = default;
  template <class U>
  explicit CleansingAllocator(const CleansingAllocator<U>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* block, std::size_t count) noexcept {
    OPENSSL_cleanse(block, count * sizeof(T));
    std::allocator<T>().deallocate(block, count);
  }
  bool operator==(const CleansingAllocator&) const = default;
};

/// Bytes that are wiped wherever they were. (A string would not do: a short one is in the object.)
using SecretBytes = std::vector<char, CleansingAllocator<char>>;

/// Reads the file at `path`, a pipe too, into `out` and nowhere else. Returns whether that was
/// possible.
[[nodiscard]] bool read_secret_file(const std::string& path, SecretBytes& out);

}  // namespace wolframite
