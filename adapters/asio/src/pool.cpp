#include "wolframite/asio/detail/pool.hpp"

#include <utility>

#include "wolframite/asio/detail/engine.hpp"
#include "wolframite/poison.hpp"
#include "wolframite/random.hpp"

namespace wolframite::asio::detail {

void* LastBlock::do_allocate(std::size_t size, std::size_t alignment) {
  if (size > kept_size || alignment > alignof(std::max_align_t)) {
    return upstream_->allocate(size, alignment);
  }
  if (block_ == nullptr) return upstream_->allocate(kept_size);
  wolframite::detail::unpoison(block_, kept_size);
  return std::exchange(block_, nullptr);
}

void LastBlock::do_deallocate(void* block, std::size_t size, std::size_t alignment) {
  if (size > kept_size || alignment > alignof(std::max_align_t)) {
    return upstream_->deallocate(block, size, alignment);
  }
  if (block_ != nullptr) return upstream_->deallocate(block, kept_size);
  block_ = block;
  wolframite::detail::poison(block_, kept_size);
}

LastBlock::~LastBlock() {
  if (block_ == nullptr) return;
  wolframite::detail::unpoison(block_, kept_size);
  upstream_->deallocate(block_, kept_size);
}

void* HandlerRoom::do_allocate(std::size_t size, std::size_t alignment) {
  if (size > room_.size() || alignment > alignof(std::max_align_t) ||
      taken_.exchange(true, std::memory_order_acquire)) {
    return upstream_->allocate(size, alignment);
  }
  return room_.data();
}

void HandlerRoom::do_deallocate(void* block, std::size_t size, std::size_t alignment) {
  if (block != room_.data()) return upstream_->deallocate(block, size, alignment);
  taken_.store(false, std::memory_order_release);
}

net::execution_context::id Pool::id;

void Pool::add(Engine& engine) noexcept {
  const std::lock_guard lock(mutex_);
  engine.following_ = first_;
  if (first_ != nullptr) first_->previous_ = &engine;
  first_ = &engine;
  ++count_;
}

void Pool::remove(Engine& engine) noexcept {
  const std::lock_guard lock(mutex_);
  (engine.previous_ != nullptr ? engine.previous_->following_ : first_) = engine.following_;
  if (engine.following_ != nullptr) engine.following_->previous_ = engine.previous_;
  --count_;
  // No timer does it, for that would keep the context at work.
  memory_.trim(count_ == 0);
}

// No handler runs any more. Those that wait go first, and the streams that they own with them.
void Pool::shutdown() {
  Operations operations;
  {
    const std::lock_guard lock(mutex_);
    for (Engine* engine = first_; engine != nullptr; engine = engine->following_) {
      engine->stop();
      engine->take_operations(operations);
    }
  }
  while (Operation* const operation = operations.pop_front()) operation->destroy();
}

Entropy& entropy() noexcept {
  class OfEachThread final : public Entropy {
   public:
    void fill(Bytes out) override {
      thread_local SystemEntropy source;
      source.fill(out);
    }
  };
  static OfEachThread shared;
  return shared;
}

}  // namespace wolframite::asio::detail
