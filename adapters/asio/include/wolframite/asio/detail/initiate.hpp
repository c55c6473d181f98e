/// @file
/// Operations with the handlers that Asio's users give.
#pragma once

#include <memory>
#include <memory_resource>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "wolframite/asio/detail/engine.hpp"
#include "wolframite/asio/detail/net.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio::detail {

/// What an operation of the plain kind gives to its handler.
class PlainOperation : public Operation {
 public:
  struct Outcome {
    error_code error;
    template <class Handler>
    void give(Handler&& handler) {
      std::forward<Handler>(handler)(error);
    }
  };
  [[nodiscard]] Outcome outcome() { return {as_given(result)}; }

 protected:
  using Operation::Operation;
};

class MessageOperation : public NextOperation {
 public:
  struct Outcome {
    error_code error;
    Message message;
    template <class Handler>
    void give(Handler&& handler) {
      std::forward<Handler>(handler)(error, message);
    }
  };
  [[nodiscard]] Outcome outcome() { return {as_given(result), message}; }

 protected:
  using NextOperation::NextOperation;
};

/// Takes an operation back when its handler's cancellation slot says so. None of the operations
/// has done half of its work at that point, so all types of cancellation mean the same.
class Canceller {
 public:
  explicit Canceller(Operation& operation) : operation_(&operation) {}
  void operator()(net::cancellation_type_t type) {
    if (type != net::cancellation_type::none) operation_->owner->cancel(*operation_);
  }

 private:
  Operation* operation_;
};

/// An outcome on its way to the executor of its handler.
template <class Handler, class Outcome, class Allocator>
struct Delivery {
  using allocator_type = Allocator;
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator; }
  void operator()() { outcome.give(std::move(handler)); }

  Handler handler;
  Outcome outcome;
  Allocator allocator;
};

/// An operation of kind `Base` that ends with a call of `Handler`. Lives in the handler's
/// allocator, by default the stream's: Asio's own free lists are too short for many operations at
/// once.
template <class Handler, class Base>
class OperationOf final : public Base {
  using Default = std::pmr::polymorphic_allocator<std::byte>;
  using Allocator = typename net::associated_allocator<Handler, Default>::type;
  using Executor = typename net::associated_executor<Handler, net::any_io_executor>::type;
  using Work = std::decay_t<decltype(net::prefer(std::declval<const Executor&>(),
                                                 net::execution::outstanding_work.tracked))>;
  using Storage = typename std::allocator_traits<Allocator>::template rebind_alloc<OperationOf>;
  using Delivered = Delivery<Handler, decltype(std::declval<Base&>().outcome()), Allocator>;
  static constexpr bool is_always_at_home = requires {
    typename net::associated_executor<
        Handler, net::any_io_executor>::asio_associated_executor_is_unspecialised;
  };

 public:
  template <class... Arguments>
  [[nodiscard]] static OperationOf& make(Handler&& handler, const net::any_io_executor& home,
                                         OperationMemory memory, Arguments&&... arguments) {
    const Allocator allocator =
        net::associated_allocator<Handler, Default>::get(handler, Default(memory.handlers));
    bool in_stream = false;
    if constexpr (std::is_same_v<Allocator, Default>) {
      in_stream = allocator.resource() == memory.handlers;
    }
    void* const room = in_stream
                           ? memory.operations->allocate(sizeof(OperationOf), alignof(OperationOf))
                           : allocate_with(allocator);
    // Handlers are moved without exceptions, as Asio has it.
    return *::new (room)
        OperationOf(std::move(handler), home, allocator, in_stream ? memory.operations : nullptr,
                    std::forward<Arguments>(arguments)...);
  }

  /// Has the handler's cancellation slot call this off.
  void let_cancel(Cancellable& by) {
    this->owner = &by;
    let_cancel();
  }
  void let_cancel() {
    auto slot = net::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.template emplace<Canceller>(*this);
  }

#ifdef WOLFRAMITE_ASIO_IMMEDIATE
  /// Frees the operation, and calls its handler by way of the executor that it has for what
  /// completes at once.
  void complete_at_once(const net::any_io_executor& home) {
    const auto immediate = net::get_associated_immediate_executor(handler_, home);
    net::dispatch(immediate, release());
  }
#endif

 private:
  template <class... Arguments>
  OperationOf(Handler&& handler, const net::any_io_executor& home, const Allocator& allocator,
              std::pmr::memory_resource* memory, Arguments&&... arguments)
      : Base(&end, std::forward<Arguments>(arguments)...),
        handler_(std::move(handler)),
        allocator_(allocator),
        memory_(memory) {
    if constexpr (!is_always_at_home) keep_at_work(home);
  }

  // At home what is in flight below does that.
  void keep_at_work(const net::any_io_executor& home) {
    const auto executor = net::get_associated_executor(handler_, home);
    if constexpr (std::is_same_v<std::decay_t<decltype(executor)>, net::any_io_executor>) {
      if (executor == home) return;
    }
    work_.emplace(net::prefer(executor, net::execution::outstanding_work.tracked));
  }

  static void end(Operation& operation, bool call) {
    auto& self = static_cast<OperationOf&>(operation);
    const std::optional<Work> work(std::move(self.work_));
    Delivered delivered = self.release();
    if (!call) return;
    if (!work) return delivered();
    net::dispatch(*work, std::move(delivered));
  }

  // Frees the operation.
  [[nodiscard]] Delivered release() {
    Handler handler(std::move(handler_));
    auto slot = net::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) slot.clear();
    auto outcome = this->outcome();
    const Allocator allocator = allocator_;
    std::pmr::memory_resource* const memory = memory_;
    this->~OperationOf();
    if (memory != nullptr) {
      memory->deallocate(this, sizeof(OperationOf), alignof(OperationOf));
    } else {
      deallocate_with(allocator, this);
    }
    return {std::move(handler), std::move(outcome), allocator};
  }

  [[nodiscard]] static void* allocate_with(const Allocator& allocator) {
    Storage storage(allocator);
    return std::allocator_traits<Storage>::allocate(storage, 1);
  }
  static void deallocate_with(const Allocator& allocator, OperationOf* room) {
    Storage storage(allocator);
    std::allocator_traits<Storage>::deallocate(storage, room, 1);
  }

  Handler handler_;
  Allocator allocator_;
  std::pmr::memory_resource* memory_;  // what it lives in, or null if that is the allocator
  std::optional<Work> work_;           // none at home
};

#ifdef WOLFRAMITE_ASIO_IMMEDIATE
/// Whether a handler has an executor of its own for what completes at once. Asio marks who has not.
template <class Handler>
inline constexpr bool has_immediate_executor = !requires {
  typename net::associated_immediate_executor<
      Handler, net::any_io_executor>::asio_associated_immediate_executor_is_unspecialised;
};
#endif

/// Makes the operation of a handler, and has `begin` ask the engine for it.
template <class Base, class Begin>
struct Initiation {
  using executor_type = net::any_io_executor;
  [[nodiscard]] executor_type get_executor() const noexcept { return engine->executor(); }

  template <class Handler, class... Arguments>
  void operator()(Handler&& handler, Arguments&&... arguments) const {
    auto& operation = OperationOf<std::decay_t<Handler>, Base>::make(
        std::decay_t<Handler>(std::forward<Handler>(handler)), engine->executor(),
        engine->operation_memory());
    operation.let_cancel(*engine);
    begin(*engine, operation, std::forward<Arguments>(arguments)...);
#ifdef WOLFRAMITE_ASIO_IMMEDIATE
    if constexpr (has_immediate_executor<std::decay_t<Handler>>) {
      if (engine->release_done(operation)) operation.complete_at_once(engine->executor());
    }
#endif
  }

  std::shared_ptr<Engine> engine;
  Begin begin;
};
template <class Base, class Begin>
[[nodiscard]] Initiation<Base, Begin> initiation(std::shared_ptr<Engine> engine, Begin begin) {
  return {std::move(engine), std::move(begin)};
}

}  // namespace wolframite::asio::detail
#pragma GCC visibility pop
