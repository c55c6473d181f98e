// Timers fire once each, in the order of their time, whatever was armed, moved and disarmed before.
#include "wolframite/timer_queue.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace wolframite {
namespace {

using std::chrono::milliseconds;

struct Note final : Timer {
  explicit Note(std::vector<int>& log_, int id_) : log(log_), id(id_) {}
  void fire() override { log.push_back(id); }
  std::vector<int>& log;
  int id;
};

Time at(int ms) { return Time(milliseconds(1'000'000 + ms)); }

TEST_CASE("timers fire in the order of their time, equals in the order they were armed") {
  std::vector<int> log;
  TimerQueue queue;
  Note a(log, 1), b(log, 2), c(log, 3), d(log, 4);
  queue.arm(a, at(30));
  queue.arm(b, at(10));
  queue.arm(c, at(10));
  queue.arm(d, at(20));
  CHECK(queue.next() == at(10));
  queue.fire(at(9));
  CHECK(log.empty());
  queue.fire(at(20));
  CHECK(log == std::vector{2, 3, 4});
  CHECK(queue.next() == at(30));
  CHECK_FALSE(b.is_armed());
  CHECK(a.is_armed());
  queue.fire(at(30));
  CHECK(log.back() == 1);
  CHECK(queue.empty());
}

TEST_CASE("arming again moves a timer, disarming takes it out") {
  std::vector<int> log;
  TimerQueue queue;
  Note a(log, 1), b(log, 2);
  queue.arm(a, at(10));
  queue.arm(b, at(20));
  queue.arm(a, at(30));
  CHECK(queue.due(a) == at(30));
  CHECK(queue.next() == at(20));
  queue.disarm(b);
  queue.disarm(b);
  CHECK(queue.next() == at(30));
  queue.fire(at(100));
  CHECK(log == std::vector{1});
}

TEST_CASE("a timer armed by one that fires waits for the next call") {
  struct Again final : Timer {
    explicit Again(TimerQueue& queue_) : queue(queue_) {}
    void fire() override {
      ++count;
      queue.arm(*this, at(0));
    }
    TimerQueue& queue;
    int count = 0;
  };
  TimerQueue queue;
  Again again(queue);
  queue.arm(again, at(0));
  queue.fire(at(5));
  CHECK(again.count == 1);
  queue.fire(at(5));
  CHECK(again.count == 2);
  queue.disarm(again);
}

TEST_CASE("random arming, moving and disarming agrees with a sorted list") {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<int> log;
    TimerQueue queue;
    std::vector<std::unique_ptr<Note>> timers;
    std::vector<int> due(60, -1);
    for (int id = 0; id < 60; ++id) timers.push_back(std::make_unique<Note>(log, id));
    for (int step = 0; step < 300; ++step) {
      const auto id = random() % timers.size();
      if (random() % 3 == 0) {
        queue.disarm(*timers[id]);
        due[id] = -1;
      } else {
        // Distinct times, so that there is one right order.
        due[id] = static_cast<int>(random() % 1000) * 100 + static_cast<int>(id);
        queue.arm(*timers[id], at(due[id]));
      }
    }
    std::vector<int> expected;
    for (int id = 0; id < 60; ++id) {
      if (due[static_cast<std::size_t>(id)] >= 0) expected.push_back(id);
    }
    std::sort(expected.begin(), expected.end(), [&](int a, int b) {
      return due[static_cast<std::size_t>(a)] < due[static_cast<std::size_t>(b)];
    });
    while (queue.next()) queue.fire(*queue.next());
    CHECK(log == expected);
  }
}

}  // namespace
}  // namespace wolframite
