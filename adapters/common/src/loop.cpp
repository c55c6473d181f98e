#include "wolframite/loop.hpp"

#include <cassert>
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
    : mailbox_(std::make_shared<Mailbox>()), buffers_(buffer_size, idle_buffers) {
  // So that the first turn in which many things happen at once costs no more than the others.
  constexpr std::size_t many = 64;
  attended_.reserve(many);
  settling_.reserve(many);
  update_now();
}

Loop::~Loop() = default;

void Loop::destroy_all() noexcept {
  mailbox_->close();
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].frame) destroy({slot, slots_[slot].generation});
  }
  ended_.clear();
  while (ready_.is_linked()) ready_.next->unlink();
  for (StreamCore* const stream : orphans_) {
    stream->aborted_ = true;
    if (!stream->attended_) attend(*stream);
  }
  settle_streams();
  quiesce();
  attended_.clear();
  while (!orphans_.empty()) delete orphans_.back();
  assert(streams_ == 0 && "a stream outlives its loop");
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
    const Time latest = std::chrono::steady_clock::now() + *timeout;
    if (!until || latest < *until) until = latest;
  }
  wait(until);
  run_posted();
  timers_.fire(now_);
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

void Loop::resume(std::coroutine_handle<> frame) {
  ++depth_;
  frame.resume();
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
      if (!exception_) exception_ = std::current_exception();
    }
  }
  posted_.clear();
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

void Loop::attend(StreamCore& stream) {
  attended_.push_back(&stream);
  stream.attended_ = true;
}

void Loop::settle_streams() {
  settling_.swap(attended_);
  for (std::size_t i = 0; i < settling_.size(); ++i) {
    if (i + 2 < settling_.size()) StreamCore::prefetch(settling_[i + 2]);
    StreamCore* const stream = settling_[i];
    stream->attended_ = false;
    stream->settle();  // may delete it, and no other
  }
  settling_.clear();
}

void Loop::remove_orphan(StreamCore& stream) noexcept {
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
