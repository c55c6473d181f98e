/// @file
/// All of a stream but the calls on the layer below it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "wolframite/accept.hpp"
#include "wolframite/asio/detail/net.hpp"
#include "wolframite/asio/detail/operation.hpp"
#include "wolframite/asio/detail/pool.hpp"
#include "wolframite/stream_rules.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio::detail {

struct Opening;

[[nodiscard]] Pool& pool_of(const net::any_io_executor& executor);

/// Where operations get their memory, and what their handlers allocate with afterwards, on whatever
/// executor that is.
struct OperationMemory {
  std::pmr::memory_resource* operations;
  std::pmr::memory_resource* handlers;
};
/// For what waits on no stream yet.
[[nodiscard]] OperationMemory operation_memory(const net::any_io_executor& executor);

/// One WebSocket connection whose users have handlers: the rules of all streams, in turns of its
/// own. Not a template: what is below it is reached through a few virtual functions.
///
///     operations --> Session --> write() --> layer
///     handlers  <--  Session <-- read()  <-- layer
///
/// Everything happens on the stream's executor. Handlers are called at the end of a *turn* only:
/// a turn begins when the layer, the timer or a posted call wakes the engine, calls the handlers of
/// what is done, those of what these begin included, and then writes what was queued meanwhile. An
/// initiating function outside of a turn has one posted. So handlers never run inside of an
/// initiating function, and many sends become one write.
///
/// Operations are initiated on any thread. Inside of a turn of the engine they begin at once.
/// Others arrive: they begin on the executor, in the order of their initiation, and before anything
/// else is asked of the stream there.
class Engine : public Cancellable,
               public std::enable_shared_from_this<Engine>,
               public StreamRules<Engine, Operation> {
 public:
  using Executor = net::any_io_executor;

  Engine(Executor executor, Connection connection);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine();

  /// Has all bytes pass through TLS. Before anything else is asked of the stream.
  void use_tls(std::unique_ptr<TlsEngine> engine) {
    session_.use_tls(std::move(engine), pool_.memory());
  }

  /// Whether this thread runs a turn of this engine, and so is on its executor. From any thread.
  [[nodiscard]] bool is_in_turn_here() const {
    return turn_of_.load(std::memory_order_relaxed) == this_thread();
  }
  /// Begins an operation that was initiated anywhere, which `operation_memory(false)` is for.
  /// Throws what the executor does, and then destroys the operation.
  void hand_over(Operation& operation);
  /// Begins what was handed over before. On the executor, before anything else is done there.
  void begin_arrived() {
    if (!arrivals_.empty() || !arrived_.empty()) [[unlikely]]
      begin_all_arrived();
  }

  // What operations ask for when they are begun. Each takes the operation over.
  void next(NextOperation& operation);
  void carry_out_or_wait(Operation& operation);  // a send, or ready
  void flush(Operation& operation);
  void close(Operation& operation, CloseCode code, std::string_view reason);
  /// Does the opening handshake, if `opening` can be begun at all.
  void open(OpenOperation& operation, std::unique_ptr<Opening> opening, std::error_code fault);

  /// Gives an operation up that is done, for its handler to be called; or returns false.
  [[nodiscard]] bool release_done(Operation& operation);

  /// Takes the operation back, unless it is done; it completes with `operation_aborted`.
  void cancel(Operation& operation) override;
  void cancel_all();

  /// Lets go of the stream: its handle is gone.
  void abandon() noexcept;

  /// Answers the request that `on_request_async` was shown.
  void answer(const std::variant<Accept, Response>& with);

  [[nodiscard]] const Executor& executor() const { return executor_; }
  /// For what the layer is passed.
  [[nodiscard]] std::pmr::memory_resource& handler_memory() { return handler_room_; }
  /// For what waits on the stream, initiated here on its executor or elsewhere.
  [[nodiscard]] OperationMemory operation_memory(bool here) {
    if (!here) return {&pool_.handlers(), &pool_.handlers()};
    return {&operations_, &pool_.handlers()};
  }

 protected:
  // What layers are asked for.

  /// Reads into `room()`, now or later, and then calls `received` or `read_failed`; or waits for
  /// input, and begins a turn then; or sets `later_`.
  virtual void read() = 0;
  /// Writes what `gather` shows, now or later, and then calls `wrote` or `write_failed`.
  virtual void write() = 0;
  /// Ends the sending side.
  virtual void shut_down() = 0;
  virtual void close_layer() noexcept = 0;
  [[nodiscard]] virtual bool is_layer_open() const = 0;
  /// Whether closing ends both sides, and loses nothing: there is no unread input.
  [[nodiscard]] virtual bool layer_closes_at_once() = 0;
  /// Whether there may be input that was not read.
  [[nodiscard]] virtual bool layer_has_unread() = 0;
  /// Calls a wait for input off that nobody needs any more.
  virtual void stop_waiting() = 0;

  // What layers tell.

  /// A buffer to read into, held until `received` or `read_failed`.
  [[nodiscard]] Bytes room();
  void received(std::size_t size);
  void read_failed(std::error_code why);
  [[nodiscard]] std::size_t gather(std::span<net::const_buffer> buffers);
  void write_failed(std::error_code why);
  void give_room_back() noexcept;

  /// What a handler of the layer's, or of the timer, does all its work in. A turn inside of another
  /// one leaves the end to that.
  class Turn {
   public:
    explicit Turn(Engine& engine) : engine_(engine), outer_(engine.begin_turn()) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { engine_.leave_turn(outer_); }
    /// Calls handlers and writes. They may throw.
    void finish() {
      if (outer_) engine_.finish_turn();
    }

   private:
    Engine& engine_;
    bool outer_;
  };

  bool reading_ = false;  ///< the layer reads, or waits for something to read
  bool writing_ = false;  ///< the layer writes, or waits until it may
  bool later_ = false;    ///< the layer was asked to read, and will in the next turn

 private:
  friend class Pool;
  friend class StreamRules<Engine, Operation>;
  struct Alarm;  // the timer

  // What the rules ask of their host.
  [[nodiscard]] bool is_open() const { return is_layer_open(); }
  [[nodiscard]] bool awaits_input() const { return is_reader_waiting() || opener_ != nullptr; }
  [[nodiscard]] bool has_reader() const { return reader_ != nullptr; }
  [[nodiscard]] bool has_unread() { return is_layer_open() && layer_has_unread(); }
  void go_on_later() {
    later_ = true;
    attend();
  }
  [[nodiscard]] bool is_turn_long() const {
    return std::chrono::steady_clock::now() - now_ > std::chrono::milliseconds(4);
  }
  [[nodiscard]] bool is_writing() const { return writing_; }
  [[nodiscard]] static bool has_kept() { return false; }
  [[nodiscard]] static InputLease* kept_input() { return nullptr; }
  [[nodiscard]] bool closes_at_once() { return layer_closes_at_once(); }
  [[nodiscard]] std::error_code read_error() const { return read_error_; }
  [[nodiscard]] std::error_code write_error() const { return write_error_; }
  [[nodiscard]] Pool& buffers() { return pool_; }
  [[nodiscard]] SharedMemory& memory() { return pool_.memory(); }
  [[nodiscard]] InputLease& lend() { return InputLease::in(pool_.acquire()); }
  [[nodiscard]] bool is_time_told() const { return told_; }
  void time_is_told() { told_ = true; }
  [[nodiscard]] Time read_clock();
  void set_alarm(std::optional<Time> due);
  void attend();
  void wake_reader();
  void write_early() {}  // a turn is about to
  void finished(Operation& operation) noexcept;

  // Reading.
  [[nodiscard]] bool is_reader_waiting() const { return reader_ != nullptr && !reader_->done; }

  // Opening.
  void continue_opening();
  void take_next_step();
  void ask_application();
  void finish_opening(std::error_code result);

  // Commands.
  void conclude(Operation& operation, std::optional<std::error_code> outcome);
  void abort(Operation& operation);

  // Arriving.
  [[nodiscard]] static const void* this_thread() noexcept;
  void begin_all_arrived();
  [[nodiscard]] bool take_back(Operation& operation) noexcept;

  // Turns.
  [[nodiscard]] bool begin_turn();
  void leave_turn(bool outer) noexcept;
  void finish_turn();
  bool call_handlers(int& budget);
  void settle();
  void stay_at_work();
  [[nodiscard]] bool can_write_now() const;
  void stop() noexcept;
  void take_operations(Operations& into) noexcept;

  Pool& pool_;
  LastBlock operations_{pool_.handlers()};
  HandlerRoom handler_room_{pool_.handlers()};
  Engine* previous_ = nullptr;  // in the pool's list
  Engine* following_ = nullptr;
  Executor executor_;

  InputLease* room_ = nullptr;  // what the layer reads into

  Arrivals arrivals_;
  std::atomic<bool> woken_ = false;             // to begin what has arrived
  std::atomic<const void*> turn_of_ = nullptr;  // the thread that runs a turn
  Operations arrived_;                          // to be begun at once
  std::unique_ptr<Executor> work_;              // keeps the context running; see stay_at_work

  NextOperation* reader_ = nullptr;  // waits, or is done and its handler was not called yet
  Operations done_;
  OpenOperation* opener_ = nullptr;
  std::unique_ptr<Opening> opening_;
  std::unique_ptr<Alarm> alarm_;
  Time now_ = Time::min();
  std::error_code read_error_;   // why reading has ended, if not cleanly
  std::error_code write_error_;  // why writing has

  bool read_all_ = false;  // the layer has ended; what it gave before may not be taken in yet
  bool told_ = false;      // the session was told the time in this turn
  bool in_turn_ = false;
  bool again_ = false;                 // another turn is needed
  bool posted_ = false;                // a turn is
  std::atomic<bool> stopped_ = false;  // the execution context is being destroyed
};

}  // namespace wolframite::asio::detail
#pragma GCC visibility pop
