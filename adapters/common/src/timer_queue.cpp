#include "wolframite/timer_queue.hpp"

#include <cstddef>

namespace wolframite {

void TimerQueue::place(std::size_t index, Entry entry) {
  heap_[index] = entry;
  entry.timer->index_ = static_cast<std::uint32_t>(index);
}

void TimerQueue::sift_up(std::size_t index, Entry entry) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (!(entry < heap_[parent])) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, entry);
}

void TimerQueue::sift_down(std::size_t index, Entry entry) {
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
    if (!(heap_[child] < entry)) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, entry);
}

void TimerQueue::arm(Timer& timer, Time due) {
  const Entry entry{due, ++serial_, &timer};
  if (!timer.is_armed()) {
    heap_.push_back(entry);
    return sift_up(heap_.size() - 1, entry);
  }
  const std::size_t index = timer.index_;
  if (entry < heap_[index]) {
    sift_up(index, entry);
  } else {
    sift_down(index, entry);
  }
}

void TimerQueue::disarm(Timer& timer) noexcept {
  if (!timer.is_armed()) return;
  const std::size_t index = timer.index_;
  timer.index_ = Timer::unarmed;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (last.timer == &timer) return;
  if (index > 0 && last < heap_[(index - 1) / 2]) {
    sift_up(index, last);
  } else {
    sift_down(index, last);
  }
}

std::optional<Time> TimerQueue::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

void TimerQueue::fire(Time now) {
  const std::uint64_t newest = serial_;
  while (!heap_.empty() && heap_.front().due <= now && heap_.front().serial <= newest) {
    Timer& timer = *heap_.front().timer;
    disarm(timer);
    timer.fire();
  }
}

}  // namespace wolframite
