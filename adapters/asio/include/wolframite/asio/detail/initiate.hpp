/// @file
/// Operations with the handlers that Asio's users give.
#pragma once

#include <memory>
#include <memory_resource>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "wolframite/asio/detail/engine.hpp"
#include "wolframite/asio/detail/net.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio::detail {

/// A send, ready or flush, which gives no more than an error.
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

  void begin_on(Engine& engine) {
    what == What::flush ? engine.flush(*this) : engine.carry_out_or_wait(*this);
  }

 protected:
  PlainOperation(Run run, What of) : Operation(run) { what = of; }
  PlainOperation(Run run, Kind of, ConstBytes data, bool is_last, Compression how)
      : PlainOperation(run, What::send) {
    kind = of;
    payload = data;
    last = is_last;
    compression = how;
  }
  PlainOperation(Run run, Kind of, SharedBytes data, Compression how)
      : PlainOperation(run, What::send_shared) {
    kind = of;
    shared = std::move(data);
    compression = how;
  }
  // A fragment, whose owner is kept until it is queued.
  PlainOperation(Run run, Kind of, SharedBytes data, bool is_last, Compression how)
      : PlainOperation(run, of, data.bytes(), is_last, how) {
    shared = std::move(data);
  }
  PlainOperation(Run run, const Message& message, Compression how)
      : PlainOperation(run, message.kind, message.data, message.last, how) {
    what = What::send_on;
    first = message.first;
  }
};

/// A close. Its reason is its own, for it may begin after the initiating function has returned.
class CloseOperation : public PlainOperation {
 public:
  void begin_on(Engine& engine) { engine.close(*this, code_, reason_); }

 protected:
  CloseOperation(Run run, CloseCode code, std::string reason)
      : PlainOperation(run, What::close), code_(code), reason_(std::move(reason)) {}

 private:
  CloseCode code_;
  std::string reason_;
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

  void begin_on(Engine& engine) { engine.next(*this); }

 protected:
  using NextOperation::NextOperation;
};

/// Takes an operation back when its handler's cancellation slot says so, which does that on the
/// operation's own executor. None of the operations has done half of its work at that point, so all
/// types of cancellation mean the same.
class Canceller {
 public:
  explicit Canceller(Operation& operation) : operation_(&operation) {}
  void operator()(net::cancellation_type_t type) {
    if (type != net::cancellation_type::none) operation_->owner->cancel(*operation_);
  }

 private:
  Operation* operation_;
};

/// Where the operation is that a slot on another executor may take back.
struct Recall {
  net::any_io_executor executor;   ///< of the operation
  Operation* operation;            ///< on its executor only; null once it is done
  std::shared_ptr<Recall> self{};  ///< until it is done

  /// Knows the operation from here on, until `forget`.
  [[nodiscard]] static std::shared_ptr<Recall> of(Operation& operation,
                                                  const net::any_io_executor& executor) {
    auto made = std::make_shared<Recall>(Recall{executor, &operation});
    made->self = made;
    return made;
  }
  void forget() {
    const std::shared_ptr<Recall> last = std::move(self);
    operation = nullptr;
  }
  void cancel() {
    if (operation == nullptr) return;
    if (operation->owner == nullptr) {
      operation->cancelled = true;
    } else {
      operation->owner->cancel(*operation);
    }
  }
};

/// The same as Canceller from wherever the handler is, whose executor the slot belongs to.
class RemoteCanceller {
 public:
  explicit RemoteCanceller(std::shared_ptr<Recall> recall) : recall_(std::move(recall)) {}
  void operator()(net::cancellation_type_t type) {
    if (type == net::cancellation_type::none) return;
    net::dispatch(recall_->executor, [recall = recall_] { recall->cancel(); });
  }

 private:
  std::shared_ptr<Recall> recall_;
};

template <class Handler>
void clear_slot(Handler& handler) {
  auto slot = net::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) slot.clear();
}

/// An outcome on its way to the executor of its handler.
template <class Handler, class Outcome, class Allocator>
struct Delivery {
  using allocator_type = Allocator;
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator; }
  void operator()() {
    if (has_slot) clear_slot(handler);
    outcome.give(std::move(handler));
  }

  Handler handler;
  Outcome outcome;
  Allocator allocator;
  bool has_slot;  // to be cleared where the handler is called
};

#ifdef WOLFRAMITE_ASIO_IMMEDIATE
/// Whether a handler has an executor of its own for what completes at once. Asio marks who has not.
template <class Handler>
inline constexpr bool has_immediate_executor = !requires {
  typename net::associated_immediate_executor<
      Handler, net::any_io_executor>::asio_associated_immediate_executor_is_unspecialised;
};
#endif

/// What an operation holds whose handler is called at home.
struct NoWork {
  explicit operator bool() const { return false; }
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
  // None at home.
  using KeptWork = std::conditional_t<is_always_at_home, NoWork, std::optional<Work>>;

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

  /// Has the handler's cancellation slot take this back. `here`: on the operation's executor, and
  /// it is begun before anything else happens there.
  void let_cancel(const net::any_io_executor& home, bool here) {
    auto slot = net::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    if (here && !work_) {
      slot.template emplace<Canceller>(*this);
    } else {
      slot.template emplace<RemoteCanceller>(recall(home));
    }
  }

  /// Asks the engine for it, on its executor.
  void begin_here(Engine& engine) {
    this->begin_on(engine);
#ifdef WOLFRAMITE_ASIO_IMMEDIATE
    if constexpr (has_immediate_executor<Handler>) {
      if (engine.release_done(*this)) complete_at_once(engine.executor());
    }
#endif
  }

 private:
#ifdef WOLFRAMITE_ASIO_IMMEDIATE
  // Frees the operation, and calls its handler by way of the executor that it has for what
  // completes at once.
  void complete_at_once(const net::any_io_executor& home) {
    const auto immediate = net::get_associated_immediate_executor(handler_, home);
    net::dispatch(immediate, release());
  }
#endif

  template <class... Arguments>
  OperationOf(Handler&& handler, const net::any_io_executor& home, const Allocator& allocator,
              std::pmr::memory_resource* memory, Arguments&&... arguments)
      : Base(&run, std::forward<Arguments>(arguments)...),
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

  [[nodiscard]] const std::shared_ptr<Recall>& recall(const net::any_io_executor& home) {
    const std::shared_ptr<Recall> made = Recall::of(*this, home);
    recall_ = made.get();
    return recall_->self;
  }

  static void run(Operation& operation, typename Base::Step step, Engine* engine) {
    auto& self = static_cast<OperationOf&>(operation);
    if constexpr (requires { self.begin_on(*engine); }) {
      if (step == Base::Step::begin) return self.begin_here(*engine);
    }
    self.end(step == Base::Step::complete);
  }

  void end(bool call) {
    const KeptWork work(std::move(work_));
    Delivered delivered = release();
    if (!call) {
      if (delivered.has_slot) clear_slot(delivered.handler);
      return;
    }
    if constexpr (!is_always_at_home) {
      if (work) return net::dispatch(*work, std::move(delivered));
    }
    delivered();
  }

  // Frees the operation.
  [[nodiscard]] Delivered release() {
    Handler handler(std::move(handler_));
    const bool is_recalled = recall_ != nullptr;
    if (is_recalled) {
      recall_->forget();
    } else {
      clear_slot(handler);
    }
    auto outcome = this->outcome();
    const Allocator allocator = allocator_;
    std::pmr::memory_resource* const memory = memory_;
    this->~OperationOf();
    if (memory != nullptr) {
      memory->deallocate(this, sizeof(OperationOf), alignof(OperationOf));
    } else {
      deallocate_with(allocator, this);
    }
    return {std::move(handler), std::move(outcome), allocator, is_recalled};
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
  Recall* recall_ = nullptr;           // where the slot lives elsewhere
  [[no_unique_address]] KeptWork work_;
};

/// Owns an operation that was not begun yet.
struct Destroy {
  void operator()(Operation* operation) const { operation->destroy(); }
};
template <class Base>
using Owned = std::unique_ptr<Base, Destroy>;

/// Makes an operation of a handler, and has the engine begin it, on any thread.
template <class Base>
struct Initiation {
  using executor_type = net::any_io_executor;
  [[nodiscard]] executor_type get_executor() const noexcept { return engine->executor(); }

  template <class Handler, class... Arguments>
  void operator()(Handler&& handler, Arguments&&... arguments) const {
    using Made = OperationOf<std::decay_t<Handler>, Base>;
    const bool here = engine->is_in_turn_here();
    Owned<Made> operation(&Made::make(std::decay_t<Handler>(std::forward<Handler>(handler)),
                                      engine->executor(), engine->operation_memory(here),
                                      std::forward<Arguments>(arguments)...));
    operation->owner = engine.get();
    operation->let_cancel(engine->executor(), here);
    if (here) {
      engine->begin_arrived();
      operation.release()->begin_here(*engine);
    } else {
      engine->hand_over(*operation.release());
    }
  }

  std::shared_ptr<Engine> engine;
};

/// Makes an operation that waits on no stream yet, and calls `begin` with it on `executor`: inside
/// of this where it is called there. From any thread.
template <class Base, class Handler, class Begin, class... Arguments>
void initiate_on(const net::any_io_executor& executor, Handler&& handler, Begin begin,
                 Arguments&&... arguments) {
  using Made = OperationOf<std::decay_t<Handler>, Base>;
  Made& made = Made::make(std::decay_t<Handler>(std::forward<Handler>(handler)), executor,
                          operation_memory(executor), std::forward<Arguments>(arguments)...);
  Owned<Base> owned(&made);
  made.let_cancel(executor, false);
  net::dispatch(executor, [operation = std::move(owned), begin = std::move(begin)]() mutable {
    if (operation->cancelled) {
      operation->result = make_error_code(net::error::operation_aborted);
      return operation.release()->complete();
    }
    begin(std::move(operation));
  });
}

}  // namespace wolframite::asio::detail
#pragma GCC visibility pop
