/// @file
/// Where streams get their memory: free lists that stay warm, so that messages cost no malloc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>

#include "wolframite/bytes.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// A memory resource of one thread that keeps freed blocks by size (powers of two, 64 B to 64 MiB;
/// above 256 KiB a kibibyte more) and hands them out again, the latest first. Larger blocks, and
/// those beyond the cache's bounds, go straight to operator new and delete.
///
/// Blocks above 256 KiB, which hold large messages and what stands before them, have a bound of
/// their own: without them every such message would have its pages mapped, cleared and unmapped
/// again, which takes longer than all that is done with it. Whoever keeps the resource calls
/// `release_unused` now and then, as a Loop does, so that no more of them stay than are used.
///
/// Blocks from 16 KiB on begin in the middle of a page, away from where the kernel copies slowly.
class LoopMemory final : public std::pmr::memory_resource {
 public:
  /// What passed through it, and what it holds.
  struct Counters {
    std::uint64_t fetched = 0;  ///< blocks that came from operator new
    std::uint64_t reused = 0;   ///< blocks that came from a free list
    std::size_t in_use = 0;     ///< octets handed out, rounded up to their block
    std::size_t cached = 0;     ///< octets in free lists
  };

  /// Keeps at most `cache_limit` octets in free lists, and `large_cache_limit` in those of large
  /// blocks. Of a large block only as much is resident as was ever used.
  explicit LoopMemory(std::size_t cache_limit = 4U << 20U,
                      std::size_t large_cache_limit = 256U << 20U)
      : cache_limit_(cache_limit), large_cache_limit_(large_cache_limit) {}
  LoopMemory(const LoopMemory&) = delete;
  LoopMemory& operator=(const LoopMemory&) = delete;
  ~LoopMemory() override;

  [[nodiscard]] const Counters& counters() const { return counters_; }  ///< as of now

  /// Gives those large blocks back to the system that have been in free lists since the last call.
  void release_unused() noexcept;
  /// Gives all large blocks in free lists back to the system.
  void release_large() noexcept;
  /// Octets of large blocks in free lists.
  [[nodiscard]] std::size_t large_cached() const { return large_cached_; }

 private:
  static constexpr std::size_t min_block = 64, max_small_block = 256U << 10U;
  static constexpr std::size_t headroom = 1024;  // of a large block, beside its power of two
  static constexpr std::size_t max_block = (64U << 20U) + headroom;
  static constexpr std::size_t small_classes = 13, classes = small_classes + 9;
  struct Free {
    Free* next;
  };
  struct Stock {
    std::uint32_t blocks = 0;  // in the free list
    std::uint32_t unused = 0;  // the fewest there since `release_unused`
  };

  [[nodiscard]] static std::size_t class_of(std::size_t size);
  [[nodiscard]] static std::size_t size_of_class(std::size_t index);
  [[nodiscard]] Stock& stock_of(std::size_t index) { return large_stock_[index - small_classes]; }
  void release_first(std::size_t index) noexcept;
  void release_from(std::size_t first_class) noexcept;
  void* do_allocate(std::size_t size, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  std::array<Free*, classes> free_{};
  std::array<Stock, classes - small_classes> large_stock_{};
  std::size_t cache_limit_;
  std::size_t large_cache_limit_;
  std::size_t large_cached_ = 0;  // of the octets in free lists
  Counters counters_;
};

/// Receive buffers of one thread, lent to streams while they have input. The latest returned goes
/// out first, for it is still in the processor's cache. Returned ones are overwritten where
/// WOLFRAMITE_SCRIBBLE is defined, and poisoned under AddressSanitizer, so that a stale view is
/// found out.
class BufferPool {
 public:
  /// Octets, unless said otherwise: a message of 64 KiB, which many send large ones in pieces of,
  /// and all that is around it.
  static constexpr std::size_t buffer_size = 66 * 1024;

  /// Buffers of `size` octets, of which at most `cache_limit` are kept while idle.
  explicit BufferPool(std::size_t size = buffer_size, std::size_t cache_limit = 16)
      : size_(size), cache_limit_(cache_limit) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  /// Lends a buffer of `size` octets, to be given back with `release`.
  [[nodiscard]] std::byte* acquire() { return lend(withdraw()); }
  /// Takes back a buffer that was lent.
  void release(std::byte* buffer) noexcept;

  /// Takes a buffer out of the pool that is not lent to anybody yet, such as one for the kernel to
  /// fill.
  [[nodiscard]] std::byte* withdraw();
  /// Lends a buffer that was withdrawn before.
  std::byte* lend(std::byte* buffer) noexcept;

  [[nodiscard]] std::size_t size() const { return size_; }  ///< octets of a buffer
  [[nodiscard]] std::size_t lent() const { return lent_; }  ///< buffers that are lent
  [[nodiscard]] std::size_t idle() const { return idle_; }  ///< buffers that are kept

 private:
  struct Free {
    Free* next;
  };

  Free* free_ = nullptr;
  std::size_t size_;
  std::size_t lent_ = 0;
  std::size_t idle_ = 0;
  std::size_t cache_limit_;
};

/// Whether `part` takes at least half of a buffer of `size` octets, and lies in what was `received`
/// into one. Then it may be sent on from there: that holds hardly more memory than a copy, and to
/// copy it would take long. Smaller ones would hold a buffer each while the peer does not read.
[[nodiscard]] inline bool fills_buffer(ConstBytes part, ConstBytes received, std::size_t size) {
  if (2 * part.size() < size) [[likely]]
    return false;
  return part.data() >= received.data() &&
         part.data() + part.size() <= received.data() + received.size();
}

}  // namespace wolframite
#pragma GCC visibility pop
