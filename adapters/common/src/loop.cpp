#include "wolframite/loop.hpp"

#include <unistd.h>

#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "wolframite/stream_core.hpp"

namespace wolframite {

namespace detail {

void task_finished(Loop& loop, std::uint32_t slot, std::exception_ptr why) noexcept {
  // The frame is still being executed; resume() destroys it once it has been left.
  loop.ended_.push_back({slot, loop.slots_[slot].generation});
  if (why && !loop.exception_) loop.exception_ = std::move(why);
}

}  // namespace detail

void TaskHandle::cancel() {
  if (loop_ != nullptr) loop_->cancel({slot_, generation_});
}

bool TaskHandle::done() const { return loop_ == nullptr || !loop_->is_alive({slot_, generation_}); }

Sleep::~Sleep() {
  if (is_armed()) loop_.timers().disarm(*this);
}

void Sleep::await_suspend(std::coroutine_handle<> frame) {
  frame_ = frame;
  loop_.timers().arm(*this, until_);
}

void Sleep::fire() { loop_.resume(frame_); }

Loop::Loop(std::size_t buffer_size, std::size_t idle_buffers)
    : mailbox_(std::make_shared<Mailbox>()),
      buffers_(buffer_size, idle_buffers),
      process_(::getpid()) {
  update_now();
}

Loop::~Loop() = default;

bool Loop::is_in_fork() const noexcept { return ::getpid() != process_; }

std::size_t Loop::expect_stream() {
  const std::size_t count = streams_ + 1;
  attended_.reserve(count);
  detail::reserve_for(orphans_, count);
  return count;
}

void Loop::keep_exception() noexcept {
  if (!exception_) exception_ = std::current_exception();
}

void Loop::destroy_all() noexcept {
  const bool in_fork = is_in_fork();
  // In a fork another thread may have had its lock, and is not there to give it back.
  if (!in_fork) mailbox_->close();
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].frame) destroy({slot, slots_[slot].generation});
  }
  ended_.clear();
  while (ready_.is_linked()) ready_.next->unlink();
  // Said first: a backend would wait in vain for what a living stream has begun.
  if (streams_ > orphans_.size()) {
    std::fputs(
        "wolframite: a loop is destroyed before its streams; they would use it after its end\n",
        stderr);
    std::abort();
  }
  if (in_fork) {
    close_copies();
  } else {
    for (StreamCore* const stream : orphans_) {
      stream->aborted_ = true;
      if (!stream->attended_) attend(*stream);
    }
    settle_streams();
    quiesce();
  }
  attended_.clear();
  while (!orphans_.empty()) delete orphans_.back();
}

// The streams of the loop that this one is a copy of live on, and so do their sockets.
void Loop::close_copies() noexcept {
  for (StreamCore* const stream : orphans_) {
    if (stream->socket_.is_open()) stream->close_socket();
    stream->release_input();
  }
}

void Loop::stop() noexcept {
  stopped_.store(true, std::memory_order_relaxed);
  mailbox_->wake();
}

bool Loop::has_work() const {
  return tasks_ > 0 || !orphans_.empty() || !attended_.empty() || ready_.is_linked() ||
         !mailbox_->empty();
}

void Loop::run() {
  while (!stopped_.exchange(false, std::memory_order_relaxed) && has_work()) turn(std::nullopt);
  submit();
}

bool Loop::run_once(std::optional<std::chrono::milliseconds> timeout) {
  turn(timeout);
  submit();
  return has_work();
}

void Loop::turn(std::optional<std::chrono::milliseconds> timeout) {
  check_thread();
  std::optional<Time> until = deadline();
  if (timeout) {
    const Time latest = later(std::chrono::steady_clock::now(), *timeout);
    if (!until || latest < *until) until = latest;
  }
  wait(until);
  run_posted();
  fire_timers();
  run_ready();
  settle_streams();
  if (memory_.large_cached() > 0 && !trim_.is_armed()) trim_.arm();
  if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
}

void Loop::Trim::arm() { loop_.timers_.arm(*this, loop_.now() + std::chrono::seconds(10)); }

// While any are kept it will be armed again at the end of this turn.
void Loop::Trim::fire() { loop_.memory_.release_unused(); }

std::optional<Time> Loop::deadline() const {
  if (!starting_.empty() || ready_.is_linked() || !attended_.empty() || !mailbox_->empty()) {
    return at_once;
  }
  return timers_.next();
}

TaskHandle Loop::spawn(Task<void> task) {
  if (free_slot_ == 0) {
    slots_.emplace_back();
    free_slot_ = static_cast<std::uint32_t>(slots_.size());
  }
  const std::uint32_t index = free_slot_ - 1;
  Slot& slot = slots_[index];
  const SlotRef ref{index, slot.generation};
  starting_.push_back(ref);
  free_slot_ = std::exchange(slot.next_free, 0);
  const auto frame = task.release();
  frame.promise().belong_to(*this, index);
  slot.frame = frame;
  ++tasks_;
  return {this, index, ref.generation};
}

bool Loop::is_alive(SlotRef task) const {
  const Slot& slot = slots_[task.slot];
  return slot.generation == task.generation && slot.frame;
}

void Loop::cancel(SlotRef task) {
  if (!is_alive(task)) return;
  if (depth_ == 0) return destroy(task);
  ended_.push_back(task);
}

void Loop::destroy(SlotRef task) noexcept {
  if (!is_alive(task)) return;
  Slot& slot = slots_[task.slot];
  const std::coroutine_handle<> frame = std::exchange(slot.frame, nullptr);
  ++slot.generation;
  slot.next_free = std::exchange(free_slot_, task.slot + 1);
  --tasks_;
  frame.destroy();  // may spawn, cancel and drop streams, so everything is in order by now
}

bool Loop::is_slice_over(const StreamCore& stream) {
  constexpr std::chrono::milliseconds slice{4};
  const Time now = std::chrono::steady_clock::now();
  if (sliced_ != &stream) {
    sliced_ = &stream;
    sliced_since_ = now;
  }
  return now - sliced_since_ > slice;
}

void Loop::resume(std::coroutine_handle<> frame) noexcept {
  ++depth_;
  try {
    frame.resume();
  } catch (...) {
    keep_exception();
  }
  --depth_;
  if (depth_ > 0) return;
  while (!ended_.empty()) {
    const SlotRef task = ended_.back();
    ended_.pop_back();
    destroy(task);
  }
}

void Loop::run_posted() {
  if (mailbox_->empty()) return;
  mailbox_->take(posted_);
  for (auto& function : posted_) {
    try {
      function();
    } catch (...) {
      keep_exception();
    }
  }
  posted_.clear();
}

// Those behind one that throws are due in the next turn.
void Loop::fire_timers() {
  try {
    timers_.fire(now_);
  } catch (...) {
    keep_exception();
  }
}

void Loop::run_ready() {
  // Only what is here now: what it makes ready waits for the next turn, so that I/O is not starved.
  detail::ListNode now;
  if (ready_.is_linked()) {
    now.insert_before(ready_);
    ready_.unlink();
  }
  running_start_.swap(starting_);
  while (now.is_linked()) {
    auto& waiter = static_cast<detail::Waiter&>(*now.next);
    waiter.unlink();
    resume(waiter.frame);
  }
  for (const SlotRef task : running_start_) {
    if (is_alive(task)) resume(slots_[task.slot].frame);
  }
  running_start_.clear();
}

void Loop::attend(StreamCore& stream) noexcept {
  attended_.add(stream);
  stream.attended_ = true;
}

void Loop::settle_streams() {
  attended_.hand_out(
      [this](StreamCore& stream) {
        stream.attended_ = false;
        try {
          stream.settle();  // may delete it
        } catch (const std::bad_alloc&) {
          stream.lacks_memory();
        } catch (...) {
          keep_exception();
          stream.attend();
        }
      },
      [](StreamCore& stream) { StreamCore::prefetch(&stream); });
}

void Loop::remove_orphan(StreamCore& stream) noexcept {
  if (stream.attended_) attended_.remove(stream);
  orphans_.back()->orphan_index_ = stream.orphan_index_;
  orphans_[stream.orphan_index_] = orphans_.back();
  orphans_.pop_back();
}

void Loop::check_thread() {
#ifndef NDEBUG
  if (thread_ == std::thread::id{}) thread_ = std::this_thread::get_id();
  assert(thread_ == std::this_thread::get_id() && "a loop belongs to the thread that first ran it");
#endif
}

}  // namespace wolframite
