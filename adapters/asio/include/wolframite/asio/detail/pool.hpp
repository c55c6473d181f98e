/// @file
/// What the streams of one execution context share.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <mutex>

#include "wolframite/asio/detail/net.hpp"
#include "wolframite/entropy.hpp"
#include "wolframite/memory.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio::detail {

class Engine;

/// Keeps the block that was freed last for the one that is asked for next: a stream mostly has one
/// operation begun where another has ended. On the stream's executor only.
class LastBlock final : public std::pmr::memory_resource {
 public:
  /// What cannot be served from here comes from `upstream`, which lives longer.
  explicit LastBlock(std::pmr::memory_resource& upstream) : upstream_(&upstream) {}
  LastBlock(const LastBlock&) = delete;
  LastBlock& operator=(const LastBlock&) = delete;
  ~LastBlock() override;

 private:
  static constexpr std::size_t kept_size = 256;

  void* do_allocate(std::size_t size, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override;
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }

  std::pmr::memory_resource* upstream_;
  void* block_ = nullptr;
};

/// Room for one handler that was passed to Asio, which frees it on any thread: an idle stream has
/// just that one.
class HandlerRoom final : public std::pmr::memory_resource {
 public:
  /// What cannot be served from here comes from `upstream`, which lives longer.
  explicit HandlerRoom(std::pmr::memory_resource& upstream) : upstream_(&upstream) {}
  HandlerRoom(const HandlerRoom&) = delete;
  HandlerRoom& operator=(const HandlerRoom&) = delete;

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override;
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }

  std::pmr::memory_resource* upstream_;
  std::atomic<bool> taken_ = false;
  alignas(std::max_align_t) std::array<std::byte, 256> room_;
};

/// The free lists of common's LoopMemory, for any number of threads.
class SharedMemory final : public std::pmr::memory_resource {
 public:
  [[nodiscard]] LoopMemory::Counters counters() const {
    const std::lock_guard lock(mutex_);
    return memory_.counters();
  }
  /// Octets of large blocks that are kept.
  [[nodiscard]] std::size_t large_cached() const {
    const std::lock_guard lock(mutex_);
    return memory_.large_cached();
  }

  /// Gives those large blocks back to the system that were not used since the last call; or all
  /// that are kept.
  void trim(bool all) noexcept {
    const std::lock_guard lock(mutex_);
    all ? memory_.release_large() : memory_.release_unused();
  }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    const std::lock_guard lock(mutex_);
    return memory_.allocate(size, alignment);
  }
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override {
    const std::lock_guard lock(mutex_);
    memory_.deallocate(block, size, alignment);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }

  mutable std::mutex mutex_;
  LoopMemory memory_;
};

/// An Asio service: memory and receive buffers for the streams of a context, and a list of them, so
/// that a context that is destroyed takes with it what they still wait for. Without that, a handler
/// that owns its stream and waits on it would keep itself alive for ever.
class Pool final : public net::execution_context::service {
 public:
  static net::execution_context::id id;

  explicit Pool(net::execution_context& context)
      : net::execution_context::service(context), buffers_(BufferPool::buffer_size, 64) {}

  /// For what sessions hold.
  [[nodiscard]] SharedMemory& memory() { return memory_; }
  /// For the handlers that streams pass to Asio.
  [[nodiscard]] SharedMemory& handlers() { return handlers_; }

  [[nodiscard]] std::byte* acquire() {
    const std::lock_guard lock(mutex_);
    return buffers_.acquire();
  }
  void release(std::byte* buffer) noexcept {
    const std::lock_guard lock(mutex_);
    buffers_.release(buffer);
  }
  /// Octets of a receive buffer.
  [[nodiscard]] static constexpr std::size_t size() { return BufferPool::buffer_size; }
  /// Receive buffers that streams hold.
  [[nodiscard]] std::size_t lent() const {
    const std::lock_guard lock(mutex_);
    return buffers_.lent();
  }
  /// Streams, those that linger after their handle is gone included.
  [[nodiscard]] std::size_t streams() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }

  void add(Engine& engine) noexcept;
  void remove(Engine& engine) noexcept;

 private:
  void shutdown() override;

  mutable std::mutex mutex_;
  SharedMemory memory_;
  SharedMemory handlers_;
  BufferPool buffers_;
  Engine* first_ = nullptr;
  std::size_t count_ = 0;
};

/// The system's randomness, read by each thread for itself.
[[nodiscard]] Entropy& entropy() noexcept;

}  // namespace wolframite::asio::detail
#pragma GCC visibility pop
