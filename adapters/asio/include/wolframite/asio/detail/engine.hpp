/// @file
/// All of a stream but the calls on the layer below it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "wolframite/accept.hpp"
#include "wolframite/asio/detail/net.hpp"
#include "wolframite/asio/detail/operation.hpp"
#include "wolframite/asio/detail/pool.hpp"
#include "wolframite/session.hpp"

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

/// One WebSocket connection: a Session, the operations that wait on it, and the rules of when to
/// read and write. Not a template: what is below it is reached through a few virtual functions.
///
///     operations --> Session --> write() --> layer
///     handlers  <--  Session <-- read()  <-- layer
///
/// Everything happens on the stream's executor. Handlers are called at the end of a *turn* only:
/// a turn begins when the layer, the timer or a posted call wakes the engine, calls the handlers of
/// what is done, those of what these begin included, and then writes what was queued meanwhile. An
/// initiating function outside of a turn has one posted. So handlers never run inside of an
/// initiating function, and many sends become one write.
class Engine : public Cancellable, public std::enable_shared_from_this<Engine> {
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

  // What initiating functions ask for. Each takes the operation over.
  void next(NextOperation& operation);
  void send(Operation& operation, Kind kind, ConstBytes payload, bool last,
            Compression compression);
  void send(Operation& operation, Kind kind, SharedBytes payload, Compression compression);
  void send(Operation& operation, const Message& message, Compression compression);
  void ready(Operation& operation);
  void flush(Operation& operation);
  void close(Operation& operation, CloseCode code, std::string_view reason);
  /// Does the opening handshake, if `opening` can be begun at all.
  void open(OpenOperation& operation, std::unique_ptr<Opening> opening, std::error_code fault);

  [[nodiscard]] std::error_code feed(Kind kind, ConstBytes payload, bool last,
                                     Compression compression);
  [[nodiscard]] std::error_code feed(Kind kind, SharedBytes payload, Compression compression);
  [[nodiscard]] std::error_code ping(ConstBytes payload);
  [[nodiscard]] std::error_code pong(ConstBytes payload);

  /// Gives an operation up that is done, for its handler to be called; or returns false.
  [[nodiscard]] bool release_done(Operation& operation);

  /// Takes the operation back, unless it is done; it completes with `operation_aborted`.
  void cancel(Operation& operation) override;
  void cancel_all();

  /// Lets go of the stream: its handle is gone.
  void abandon() noexcept;

  /// Answers the request that `on_request_async` was shown.
  void answer(const std::variant<Accept, Response>& with);

  [[nodiscard]] const Closed* closed() const { return ended_ ? &ended_->closed : nullptr; }
  [[nodiscard]] const Connection& connection() const { return session_.connection(); }
  void observe(Observer* observer) { session_.connection().observe(observer); }
  [[nodiscard]] const Session& session() const { return session_; }
  [[nodiscard]] const Executor& executor() const { return executor_; }
  [[nodiscard]] bool holds_buffer() const { return buffer_ != nullptr; }
  /// For what the layer is passed.
  [[nodiscard]] std::pmr::memory_resource& handler_memory() { return handler_room_; }
  /// For what waits on the stream.
  [[nodiscard]] OperationMemory operation_memory() { return {&operations_, &pool_.handlers()}; }

 protected:
  // What layers are asked for.

  /// Reads into `room()`, now or later, and then calls `received` or `read_failed`; or waits for
  /// input, and begins a turn then; or sets `later_`.
  virtual void read() = 0;
  /// Writes what `gather` shows, now or later, and then calls `wrote` or `write_failed`.
  virtual void write() = 0;
  /// Ends the sending side.
  virtual void shut_down() = 0;
  /// Whether closing ends both sides, and loses nothing: there is no unread input.
  [[nodiscard]] virtual bool closes_at_once() = 0;
  virtual void close_layer() noexcept = 0;
  [[nodiscard]] virtual bool is_layer_open() const = 0;
  /// Whether there may be input that was not read.
  [[nodiscard]] virtual bool has_unread() = 0;
  /// Calls a wait for input off that nobody needs any more.
  virtual void stop_waiting() = 0;

  // What layers tell.

  /// A buffer to read into, held until `received` or `read_failed`.
  [[nodiscard]] Bytes room();
  void received(std::size_t size);
  void read_failed(std::error_code why);
  [[nodiscard]] std::size_t gather(std::span<net::const_buffer> buffers);
  void wrote(std::size_t size);
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
  bool heard_ = false;    ///< input was taken in since time was looked at last
  bool later_ = false;    ///< the layer was asked to read, and will in the next turn

 private:
  friend class Pool;
  struct Ended {
    Closed closed;
    std::string reason;
  };
  struct Alarm;  // the timer
  enum class Step : std::uint8_t { requested, opened, refused, closed };
  /// What was received and not handed out, or is looked at just now.
  enum class Holds : std::uint8_t { nothing, head, message };

  // Reading.
  [[nodiscard]] bool is_view_out() const { return holds_ != Holds::nothing; }
  [[nodiscard]] bool is_reader_waiting() const { return reader_ != nullptr && !reader_->done; }
  [[nodiscard]] bool wants_input() const;
  [[nodiscard]] bool poll();
  bool take_in(bool deliver);
  bool handle(const Event& event, bool deliver);
  void hold(Holds what, const void* head);
  void drop_view() noexcept;
  void release_input() noexcept;
  void proceed();
  void serve_reader();
  void keep_message();
  void discard_unasked();

  // Opening.
  void continue_opening();
  void take_step();
  void ask_application();
  [[nodiscard]] std::error_code accept(const Accept& with);
  [[nodiscard]] std::error_code refuse(const Response& response);
  void finish_opening(std::error_code result);

  // Writing.
  [[nodiscard]] std::error_code check_writable();
  [[nodiscard]] std::error_code end_reason() const;
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] bool is_send_waiting();
  void begin(Operation& operation);
  void finish(Operation& operation, std::error_code result) noexcept;
  void fail_waiters(std::error_code why) noexcept;
  void serve_waiters();
  [[nodiscard]] bool serve(Operation& operation);
  [[nodiscard]] std::error_code queue(Operation& operation);
  [[nodiscard]] bool goes_from_buffer(const Message& message) const;
  [[nodiscard]] SharedBytes share_buffer();

  // Turns and time.
  [[nodiscard]] bool begin_turn();
  void leave_turn(bool outer) noexcept;
  void finish_turn();
  bool call_handlers(int& budget);
  void attend();
  void settle();
  [[nodiscard]] bool may_end();
  void end();
  void tell_time();
  bool advance();
  [[nodiscard]] bool can_write();
  void set_alarm(std::optional<Time> due);
  void stop() noexcept;
  void take_operations(Operations& into) noexcept;

  Pool& pool_;
  LastBlock operations_{pool_.handlers()};
  HandlerRoom handler_room_{pool_.handlers()};
  Engine* previous_ = nullptr;  // in the pool's list
  Engine* following_ = nullptr;
  Executor executor_;
  Session session_;

  // Input in a lent buffer:  [ taken | not yet |      ]
  //                          0      begin_    end_
  std::byte* buffer_ = nullptr;
  std::uint32_t begin_ = 0, end_ = 0;
  std::shared_ptr<const void> shared_buffer_;  // the same buffer, once it is output as well
  std::byte* room_ = nullptr;                  // what the layer reads into
  const void* head_ = nullptr;                 // the Request or Response
  Message message_{Kind::binary, {}};
  std::unique_ptr<std::byte[]> kept_;  // octets that a handler was given while closing

  NextOperation* reader_ = nullptr;  // waits, or is done and its handler was not called yet
  Operations waiters_;               // for room, or for the kernel, or for the end
  Operations done_;
  OpenOperation* opener_ = nullptr;
  std::unique_ptr<Opening> opening_;
  std::unique_ptr<Ended> ended_;
  std::unique_ptr<Alarm> alarm_;
  Time now_ = Time::min();
  std::error_code read_error_;   // why reading has ended, if not cleanly
  std::error_code write_error_;  // why writing has

  Holds holds_ = Holds::nothing;
  Step step_ = Step::closed;
  bool handed_out_ = false;
  bool handshaking_;
  bool receive_first_ = true;  // events may wait although there is no input
  bool told_ = false;          // the session was told the time in this turn
  bool news_ = false;          // the reader has to be told something at the end of the turn
  bool eof_ = false;
  bool write_failed_ = false;
  bool in_turn_ = false;
  bool again_ = false;   // another turn is needed
  bool posted_ = false;  // a turn is
  bool shut_ = false;
  bool closing_ = false;  // close() was called: what nobody waits for is discarded
  bool orphaned_ = false;
  bool aborted_ = false;  // orphaned, and not worth lingering
  bool stopped_ = false;  // the execution context is being destroyed
};

}  // namespace wolframite::asio::detail
#pragma GCC visibility pop
