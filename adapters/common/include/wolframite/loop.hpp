/// @file
/// The event loop that a thread's streams and tasks run on.
#pragma once

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <vector>

#include "wolframite/connection.hpp"
#include "wolframite/detail/stream_list.hpp"
#include "wolframite/mailbox.hpp"
#include "wolframite/memory.hpp"
#include "wolframite/random.hpp"
#include "wolframite/socket.hpp"
#include "wolframite/task.hpp"
#include "wolframite/timer_queue.hpp"
#include "wolframite/waiter.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

class Listener;
class Loop;
class StreamCore;

/// A task that was spawned on a loop. Copies mean the same task; dropping them changes nothing.
/// Must not be used after its loop is gone.
class TaskHandle {
 public:
  TaskHandle() = default;  ///< no task: `done()`

  /// Destroys the task: at once, or if it is called from a coroutine then as soon as that suspends.
  /// What the task awaited is cancelled. Does nothing to a task that has ended.
  void cancel();

  /// Whether the task has ended, of itself or by `cancel`.
  [[nodiscard]] bool done() const;

 private:
  friend class Loop;
  TaskHandle(Loop* loop, std::uint32_t slot, std::uint32_t generation)
      : loop_(loop), slot_(slot), generation_(generation) {}

  Loop* loop_ = nullptr;
  std::uint32_t slot_ = 0;
  std::uint32_t generation_ = 0;
};

/// What `co_await loop.sleep(...)` waits on.
class [[nodiscard]] Sleep final : private Timer {
 public:
  /// Waits until the time is `until`; see Loop::sleep.
  Sleep(Loop& loop, Time until) : loop_(loop), until_(until) {}
  ~Sleep();

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame);
  void await_resume() const noexcept {}

 private:
  void fire() override;

  Loop& loop_;
  Time until_;
  std::coroutine_handle<> frame_;
};

/// An attempt to connect a socket, made by a loop: see Loop::begin_connect.
class ConnectAttempt {
 public:
  /// Tells the outcome: no error, and the socket is connected. Called from the loop, once.
  virtual void connected(std::error_code why) = 0;

  Socket socket;            ///< open, and of the endpoint's family
  Endpoint endpoint;        ///< where to connect to
  void* pending = nullptr;  ///< the loop's, while the attempt is under way

 protected:
  ConnectAttempt() = default;
  ~ConnectAttempt() = default;
};

/// Runs the tasks and streams of one thread. `epoll::Loop` and its like derive from it.
///
/// A turn: wait for I/O and hand it to the streams that wait for it; run what was posted and what
/// is due; resume coroutines; then write what the streams have queued meanwhile, each with one
/// system call.
///
/// Streams, tasks and all else belong to the thread that runs the loop; only `post` and `stop` may
/// be called from others. Streams that are not owned by a task must be destroyed before the loop:
/// if one is not, its destructor says so and aborts. A forked child may destroy the loop, which
/// then only closes descriptors, and must not use it otherwise.
class Loop {
 public:
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop();

  /// Runs turns until `stop()` is called, or until no spawned task is left and no closing stream
  /// lingers. An exception that leaves a spawned task comes out here; the loop may be run again.
  void run();

  /// Runs one turn, waiting for at most `timeout`; without one until something happens. Returns
  /// whether there is more to do: a task, a lingering stream, something posted. What is thrown
  /// inside comes out once the turn is over, save for want of memory in a stream, which ends that
  /// one.
  bool run_once(std::optional<std::chrono::milliseconds> timeout = std::nullopt);

  /// A descriptor that is readable when `run_once` has I/O to handle, to nest this loop in another
  /// one. The other also has to call `run_once` at `deadline()`.
  [[nodiscard]] virtual int fd() const = 0;

  /// When `run_once` must be called at the latest; in the past if there is something to do now.
  [[nodiscard]] std::optional<Time> deadline() const;

  /// Any thread: runs `function` on the loop's thread in one of its next turns.
  void post(std::function<void()> function) { mailbox_->post(std::move(function)); }

  /// Any thread, and signal handlers: makes `run` return at the end of the turn. If it is not
  /// running, its next call returns at once.
  void stop() noexcept;

  /// Starts `task` in this turn or the next. The loop owns it until it ends.
  TaskHandle spawn(Task<void> task);

  /// Waits for a time: `co_await loop.sleep(100ms)`.
  /// `milliseconds::max()` is without end.
  template <class Duration>
  Sleep sleep(Duration duration) {
    return {*this, later(now(), duration)};
  }

  /// The time of this turn. One reading of the clock serves all that happens in it.
  [[nodiscard]] Time now() const { return now_; }

  /// How many spawned tasks have not ended.
  [[nodiscard]] std::size_t task_count() const { return tasks_; }
  /// How many streams there are, those that linger after their handle is gone included.
  [[nodiscard]] std::size_t stream_count() const { return streams_; }

  /// @name For those who build on a loop
  /// What streams, handshakes and other awaitables use. References live as long as the loop.
  /// @{

  [[nodiscard]] LoopMemory& memory() { return memory_; }       ///< of output and parts of messages
  [[nodiscard]] BufferPool& buffers() { return buffers_; }     ///< to receive into
  [[nodiscard]] SystemEntropy& entropy() { return entropy_; }  ///< of this thread's clients
  [[nodiscard]] TimerQueue& timers() { return timers_; }       ///< fired once a turn
  /// What `post` leaves functions in. A thread that shares it may outlive the loop.
  [[nodiscard]] const std::shared_ptr<Mailbox>& mailbox() { return mailbox_; }

  /// Makes a stream of `socket`. It is owned by the WebSocketStream it will be put in. Errors are
  /// the system's.
  [[nodiscard]] virtual Result<StreamCore*> adopt(Socket socket, Connection connection) = 0;

  /// Makes a Listener of `socket`, which listens on `local` already.
  [[nodiscard]] virtual Result<std::unique_ptr<Listener>> listen(Socket socket, Endpoint local) = 0;

  /// Begins to connect `attempt.socket`; `attempt.connected` tells the outcome, later. Errors that
  /// show at once are returned.
  [[nodiscard]] virtual std::error_code begin_connect(ConnectAttempt& attempt) = 0;
  /// Takes back an attempt whose outcome was not told.
  virtual void abort_connect(ConnectAttempt& attempt) noexcept = 0;

  /// Whether `stream` has been at work for a few milliseconds of this turn, so that others should
  /// have theirs. The time counts from the first call; this reads the clock.
  [[nodiscard]] bool is_slice_over(const StreamCore& stream);

  /// Runs `frame` until it suspends. Only from the loop itself, never from a coroutine. What it
  /// throws comes out of the turn.
  void resume(std::coroutine_handle<> frame) noexcept;
  /// Resumes `waiter.frame` in this turn or the next, unless the waiter dies before.
  void schedule(detail::Waiter& waiter) noexcept { waiter.insert_before(ready_); }
  /// Calls `stream.settle()` at the end of this turn.
  void attend(StreamCore& stream) noexcept;
  /// Whether this process is a fork of the one that made the loop. What both have in common, such
  /// as sockets, must be left as it is then.
  [[nodiscard]] bool is_in_fork() const noexcept;
  /// @}

 protected:
  /// @name For those who build a backend
  /// A backend waits in `wait`, and makes the streams and listeners that it hands events to.
  /// @{

  /// Pools receive buffers of `buffer_size` octets, and keeps `idle_buffers` of them at most while
  /// they are not in use. Throws std::system_error if the system has no descriptor to give.
  explicit Loop(std::size_t buffer_size = BufferPool::buffer_size, std::size_t idle_buffers = 16);

  /// Waits for I/O, at most until `until` (none: without end), refreshes the clock with
  /// `update_now` and hands out what has happened. Also watches `mailbox()->fd()`, and clears it.
  virtual void wait(std::optional<Time> until) = 0;
  /// Hands to the system what was begun and would otherwise stay until the next `wait`.
  virtual void submit() {}
  /// Waits until the system uses nothing any more that belongs to streams which were closed.
  virtual void quiesce() noexcept {}
  /// Reads the clock: a turn begins.
  void update_now() noexcept {
    now_ = std::chrono::steady_clock::now();
    ++turn_;
    sliced_ = nullptr;
  }

  /// Makes room in the loop's lists for one more stream, before it is made. Returns how many there
  /// are with it.
  std::size_t expect_stream();
  /// Call it where an exception is caught: `run` throws the first of a turn once that is over.
  void keep_exception() noexcept;
  /// Calls `work`. If it throws, the loop looks after `stream` again at the end of the turn, and
  /// goes on with the others. Want of memory ends the stream, and is told to nobody else.
  template <class Stream, class Work>
  void attempt(Stream& stream, Work work) noexcept {
    try {
      work();
    } catch (const std::bad_alloc&) {
      stream.recover();
      stream.lacks_memory();
    } catch (...) {
      keep_exception();
      stream.recover();
    }
  }

  /// Destroys all tasks and streams. The last thing that still needs the derived loop: its
  /// destructor begins with it.
  void destroy_all() noexcept;
  /// @}

 private:
  friend class TaskHandle;
  friend class StreamCore;
  friend void detail::task_finished(Loop&, std::uint32_t, std::exception_ptr) noexcept;

  struct Slot {
    std::coroutine_handle<> frame;  // null while free
    std::uint32_t generation = 0;
    std::uint32_t next_free = 0;
  };
  struct SlotRef {
    std::uint32_t slot, generation;
  };

  /// Gives large blocks back that were not used for a while.
  class Trim final : public Timer {
   public:
    explicit Trim(Loop& loop) : loop_(loop) {}
    /// Looks in a while. Called after a turn that leaves any.
    void arm();
    void fire() override;

   private:
    Loop& loop_;
  };

  [[nodiscard]] bool is_alive(SlotRef task) const;
  [[nodiscard]] bool has_work() const;
  void cancel(SlotRef task);
  void destroy(SlotRef task) noexcept;
  void run_posted();
  void fire_timers();
  void run_ready();
  void settle_streams();
  void close_copies() noexcept;
  /// Takes one that dies out of all lists.
  void remove_orphan(StreamCore& stream) noexcept;
  void check_thread();
  void turn(std::optional<std::chrono::milliseconds> timeout);

  std::shared_ptr<Mailbox> mailbox_;
  std::atomic<bool> stopped_ = false;
  Time now_;
  std::uint32_t turn_ = 0;              // how often now_ was read
  const StreamCore* sliced_ = nullptr;  // whose time in this turn counts from sliced_since_
  Time sliced_since_;
  LoopMemory memory_;
  BufferPool buffers_;
  SystemEntropy entropy_;
  TimerQueue timers_;

  Trim trim_{*this};

  detail::ListNode ready_;              // waiters to resume
  std::vector<SlotRef> starting_;       // tasks to start
  std::vector<SlotRef> running_start_;  // those of this turn
  std::vector<std::function<void()>> posted_;
  detail::StreamList<StreamCore> attended_;  // streams to settle
  std::vector<StreamCore*> orphans_;         // streams without a handle
  std::size_t streams_ = 0;

  std::vector<Slot> slots_;
  std::uint32_t free_slot_ = 0;  // 1 + index, or 0
  std::size_t tasks_ = 0;
  std::vector<SlotRef> ended_;    // tasks to destroy once no coroutine runs
  unsigned depth_ = 0;            // coroutines being resumed
  std::exception_ptr exception_;  // of this turn, or of a spawned task
  std::thread::id thread_;
  int process_;  // that made it
};

}  // namespace wolframite
#pragma GCC visibility pop
