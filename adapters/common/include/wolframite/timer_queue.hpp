/// @file
/// Timers in the order of their time.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "wolframite/connection.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Something to do at a time. Belongs to at most one queue; take it out before it dies.
class Timer {
 public:
  /// Does it. Called once, after the timer has left its queue; it may be armed again from here.
  virtual void fire() = 0;

  /// Whether it is in a queue.
  [[nodiscard]] bool is_armed() const { return index_ != unarmed; }

 protected:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() = default;

 private:
  friend class TimerQueue;
  static constexpr std::uint32_t unarmed = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t index_ = unarmed;  // place in the heap
};

/// A binary heap of timers: arming, disarming and firing cost the logarithm of the number armed,
/// and timers due at the same time fire in the order they were armed in.
class TimerQueue {
 public:
  /// Makes `timer` fire at `due`, and not at the time it was armed for before.
  void arm(Timer& timer, Time due);
  /// Takes `timer` out, if it is armed.
  void disarm(Timer& timer) noexcept;

  /// When `timer`, which is armed, will fire.
  [[nodiscard]] Time due(const Timer& timer) const { return heap_[timer.index_].due; }

  /// When the first timer is due.
  [[nodiscard]] std::optional<Time> next() const;

  /// Fires what is due at `now`. Timers armed meanwhile wait for the next call.
  void fire(Time now);

  [[nodiscard]] bool empty() const { return heap_.empty(); }  ///< whether no timer is armed

 private:
  struct Entry {
    Time due;
    std::uint64_t serial;
    Timer* timer;
    bool operator<(const Entry& other) const {
      return due != other.due ? due < other.due : serial < other.serial;
    }
  };

  void place(std::size_t index, Entry entry);
  void sift_up(std::size_t index, Entry entry);
  void sift_down(std::size_t index, Entry entry);

  std::vector<Entry> heap_;
  std::uint64_t serial_ = 0;
};

}  // namespace wolframite
#pragma GCC visibility pop
