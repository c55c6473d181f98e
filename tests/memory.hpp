// A memory resource that counts, and that fills what it hands out and takes back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory_resource>

namespace wolframite::test {

/// Octets are 0xA5 until written, so that output made of memory nobody wrote shows.
class CountingResource final : public std::pmr::memory_resource {
 public:
  explicit CountingResource(std::pmr::memory_resource* upstream = std::pmr::new_delete_resource())
      : upstream_(upstream) {}

  std::size_t allocations = 0;
  std::size_t in_use = 0;      ///< octets
  std::size_t high_water = 0;  ///< most octets in use at once
  std::size_t total = 0;       ///< octets allocated over all

  void reset_counts() {
    allocations = 0;
    total = 0;
    high_water = in_use;
  }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    void* memory = upstream_->allocate(size, alignment);
    ++allocations;
    total += size;
    in_use += size;
    high_water = std::max(high_water, in_use);
    std::memset(memory, 0xA5, size);
    return memory;
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override {
    std::memset(memory, 0xDE, size);
    in_use -= size;
    upstream_->deallocate(memory, size, alignment);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }

  std::pmr::memory_resource* upstream_;
};

}  // namespace wolframite::test
