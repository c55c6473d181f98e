// A task runs when it is awaited, gives its result or exception to whoever awaits it, and takes
// everything it awaits along when it is destroyed.
#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "wolframite/epoll.hpp"

namespace wolframite {
namespace {

Task<int> answer() { co_return 42; }

Task<std::string> fail() {
  throw std::runtime_error("no");
  co_return "";
}

/// Suspends for ever, and tells when it is destroyed.
struct Forever {
  bool* destroyed;
  ~Forever() { *destroyed = true; }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

Task<> wait_for_ever(bool& destroyed) { co_await Forever{&destroyed}; }
Task<> wait_inside(bool& destroyed) { co_await wait_for_ever(destroyed); }

Task<int> count_down(int from) {
  if (from == 0) co_return 0;
  co_return 1 + co_await count_down(from - 1);
}

TEST_CASE("a task does nothing until it is awaited") {
  epoll::Loop loop;
  bool begun = false;
  auto begin = [](bool& flag) -> Task<> {
    flag = true;
    co_return;
  };
  Task<> task = begin(begun);
  CHECK_FALSE(begun);
  loop.spawn(std::move(task));
  CHECK_FALSE(begun);
  loop.run();
  CHECK(begun);
}

TEST_CASE("results and exceptions reach whoever awaits") {
  epoll::Loop loop;
  int got = 0;
  bool caught = false;
  auto use = [](int& into, bool& threw) -> Task<> {
    into = co_await answer();
    try {
      co_await fail();
    } catch (const std::runtime_error&) {
      threw = true;
    }
  };
  loop.spawn(use(got, caught));
  loop.run();
  CHECK(got == 42);
  CHECK(caught);
}

TEST_CASE("deep chains of awaits neither overflow the stack nor lose a result") {
  // Sanitizers and -O0 turn symmetric transfer into calls, so the depth is one that any stack
  // bears.
  epoll::Loop loop;
  int got = 0;
  auto use = [](int& into) -> Task<> { into = co_await count_down(1000); };
  loop.spawn(use(got));
  loop.run();
  CHECK(got == 1000);
}

TEST_CASE("an exception that leaves a spawned task comes out of run, and the loop goes on") {
  epoll::Loop loop;
  auto rethrow = []() -> Task<> { co_await fail(); };
  loop.spawn(rethrow());
  CHECK_THROWS_AS(loop.run(), std::runtime_error);
  int got = 0;
  auto use = [](int& into) -> Task<> { into = co_await answer(); };
  loop.spawn(use(got));
  loop.run();
  CHECK(got == 42);
}

TEST_CASE("cancel destroys a task and what it awaits") {
  epoll::Loop loop;
  bool destroyed = false;
  TaskHandle task = loop.spawn(wait_inside(destroyed));
  loop.run_once(std::chrono::milliseconds(0));
  CHECK_FALSE(task.done());
  CHECK_FALSE(destroyed);
  task.cancel();
  CHECK(destroyed);
  CHECK(task.done());
  task.cancel();
  CHECK(loop.task_count() == 0);
}

TEST_CASE("a task that was cancelled before its start never runs") {
  epoll::Loop loop;
  bool begun = false;
  auto begin = [](bool& flag) -> Task<> {
    flag = true;
    co_return;
  };
  loop.spawn(begin(begun)).cancel();
  loop.run();
  CHECK_FALSE(begun);
}

TEST_CASE("a task may cancel itself, and goes on to its next suspension") {
  epoll::Loop loop;
  TaskHandle task;
  bool went_on = false, destroyed = false;
  auto suicide = [](TaskHandle& self, bool& after, bool& gone) -> Task<> {
    self.cancel();
    after = true;
    co_await Forever{&gone};
  };
  task = loop.spawn(suicide(task, went_on, destroyed));
  loop.run();
  CHECK(went_on);
  CHECK(destroyed);
}

TEST_CASE("a handle to a task that has ended does not mean its successor in the same place") {
  epoll::Loop loop;
  bool destroyed = false;
  auto nothing = []() -> Task<> { co_return; };
  TaskHandle first = loop.spawn(nothing());
  loop.run();
  TaskHandle second = loop.spawn(wait_for_ever(destroyed));
  loop.run_once(std::chrono::milliseconds(0));
  CHECK(first.done());
  first.cancel();
  CHECK_FALSE(second.done());
  CHECK_FALSE(destroyed);
}

TEST_CASE("a loop destroys the tasks that it still has") {
  bool destroyed = false;
  {
    epoll::Loop loop;
    loop.spawn(wait_inside(destroyed));
    loop.run_once(std::chrono::milliseconds(0));
    CHECK_FALSE(destroyed);
  }
  CHECK(destroyed);
}

}  // namespace
}  // namespace wolframite
