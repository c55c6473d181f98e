// Names that are slow to look up cost few threads, and each is looked up once for all who ask.
#include "wolframite/resolver.hpp"

#include <doctest/doctest.h>
#include <netdb.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

#include "wolframite/detail/lookups.hpp"
#include "wolframite/epoll.hpp"

namespace wolframite::test {
namespace {

using namespace std::chrono_literals;

/// Holds up all lookups, and counts them. Each finds 127.0.0.1.
class Gate {
 public:
  Gate() {
    calls_ = running_ = most_ = 0;
    open_ = false;
    detail::get_addr_info = &look_up;
  }
  ~Gate() {
    open();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [] { return running_ == 0; });
    detail::get_addr_info = &getaddrinfo;
  }

  static void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// Waits until so many lookups are held up.
  static void wait_for(unsigned running) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [running] { return running_ == running; });
  }
  static unsigned calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  static unsigned most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  static int look_up(const char*, const char* service, const addrinfo* hints, addrinfo** list) {
    std::unique_lock lock(mutex_);
    ++calls_;
    most_ = std::max(most_, ++running_);
    changed_.notify_all();
    changed_.wait(lock, [] { return open_; });
    addrinfo numeric = *hints;
    numeric.ai_flags = AI_NUMERICHOST;
    const int error = getaddrinfo("127.0.0.1", service, &numeric, list);
    --running_;
    changed_.notify_all();
    return error;
  }

  inline static std::mutex mutex_;
  inline static std::condition_variable changed_;
  inline static unsigned calls_, running_, most_;
  inline static bool open_;
};

struct Found {
  unsigned answers = 0;  // with the address
  std::error_code error;
  bool done = false;
};

Task<> ask(Loop& loop, std::string host, Found& found, std::optional<Time> latest = {}) {
  const auto outcome = co_await resolve(loop, std::move(host), 80, latest);
  if (outcome) {
    found.answers += outcome->size() == 1 && outcome->front().to_string() == "127.0.0.1:80";
  } else {
    found.error = outcome.error();
  }
  found.done = true;
}

std::string name(unsigned number) { return "name" + std::to_string(number) + ".test"; }

/// Takes all threads.
void fill(Loop& loop, Found& found) {
  for (unsigned i = 0; i < detail::most_lookups; ++i) loop.spawn(ask(loop, name(i), found));
  loop.run_once(0ms);
  Gate::wait_for(detail::most_lookups);
}

TEST_CASE("at most four threads look names up, and all get their turn") {
  const Gate gate;
  epoll::Loop loop;
  Found found;
  for (unsigned i = 0; i < 40; ++i) loop.spawn(ask(loop, name(i), found));
  loop.run_once(0ms);
  Gate::wait_for(detail::most_lookups);
  Gate::open();
  loop.run();
  CHECK(found.answers == 40);
  CHECK(Gate::calls() == 40);
  CHECK(Gate::most() == detail::most_lookups);
}

TEST_CASE("one lookup serves all who wait for a name, on whatever loop") {
  const Gate gate;
  epoll::Loop one, two;
  Found found;
  for (int i = 0; i < 50; ++i) {
    one.spawn(ask(one, name(0), found));
    two.spawn(ask(two, name(0), found));
  }
  one.run_once(0ms);
  two.run_once(0ms);
  Gate::open();
  one.run();
  two.run();
  CHECK(found.answers == 100);
  CHECK(Gate::calls() == 1);
}

TEST_CASE("a lookup that nobody waits for is not begun, and one that runs goes on for others") {
  const Gate gate;
  epoll::Loop loop;
  Found found, cancelled;
  fill(loop, found);
  TaskHandle queued = loop.spawn(ask(loop, name(9), cancelled));
  TaskHandle running = loop.spawn(ask(loop, name(0), cancelled));
  loop.run_once(0ms);
  queued.cancel();
  running.cancel();
  Gate::open();
  loop.run();
  CHECK(found.answers == detail::most_lookups);
  CHECK_FALSE(cancelled.done);
  CHECK(Gate::calls() == detail::most_lookups);
}

TEST_CASE("who waits for a turn, or for an answer, gives up in time") {
  const Gate gate;
  epoll::Loop loop;
  Found found, queued, running;
  fill(loop, found);
  loop.spawn(ask(loop, name(9), queued, loop.now() + 1ms));
  loop.spawn(ask(loop, name(0), running, loop.now() + 1ms));
  while (!queued.done || !running.done) loop.run_once();
  CHECK(queued.error == std::errc::timed_out);
  CHECK(running.error == std::errc::timed_out);
  Gate::open();
  loop.run();
  CHECK(found.answers == detail::most_lookups);
  CHECK(Gate::calls() == detail::most_lookups);
}

TEST_CASE("a loop may be destroyed while a name is looked up for it") {
  const Gate gate;
  auto gone = std::make_unique<epoll::Loop>();
  epoll::Loop loop;
  Found found, never;
  gone->spawn(ask(*gone, name(0), never));
  gone->run_once(0ms);
  loop.spawn(ask(loop, name(0), found));
  loop.run_once(0ms);
  gone.reset();
  Gate::open();
  loop.run();
  CHECK(found.answers == 1);
  CHECK_FALSE(never.done);
  CHECK(Gate::calls() == 1);
}

}  // namespace
}  // namespace wolframite::test
