#include "wolframite/asio/detail/pool.hpp"

#include "wolframite/asio/detail/engine.hpp"
#include "wolframite/random.hpp"

namespace wolframite::asio::detail {

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
