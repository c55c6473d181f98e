// A loop runs what is given to it on its own thread, in order, wakes up for other threads and
// signals, and ends when it is told to or nothing is left.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <thread>

#include "rig.hpp"

namespace wolframite::test {
namespace {

Task<> wait_for_ever(Loop& loop) {
  for (;;) co_await loop.sleep(1h);
}

TEST_CASE("run ends when no task is left") {
  backend::Loop loop;
  loop.run();
  std::vector<int> order;
  auto sleep = [](Loop& on, std::vector<int>& into, int number) -> Task<> {
    co_await on.sleep(std::chrono::milliseconds(number));
    into.push_back(number);
  };
  for (const int number : {7, 1, 4}) loop.spawn(sleep(loop, order, number));
  loop.run();
  CHECK(order == std::vector{1, 4, 7});
}

TEST_CASE("a task that sleeps can be cancelled") {
  backend::Loop loop;
  TaskHandle task = loop.spawn(wait_for_ever(loop));
  settle(loop);
  task.cancel();
  loop.run();
  CHECK(task.done());
}

TEST_CASE("stop ends run, before and during it, once") {
  backend::Loop loop;
  loop.spawn(wait_for_ever(loop));
  loop.stop();
  loop.run();
  auto stop = [](Loop& on) -> Task<> {
    on.stop();
    co_return;
  };
  loop.spawn(stop(loop));
  loop.run();
  CHECK(loop.task_count() == 1);
}

std::atomic<backend::Loop*> signalled = nullptr;

TEST_CASE("stop from a signal handler") {
  backend::Loop loop;
  signalled = &loop;
  const auto before = std::signal(SIGUSR1, [](int) { signalled.load()->stop(); });
  loop.spawn(wait_for_ever(loop));
  auto raise = [](Loop& on) -> Task<> {
    co_await on.sleep(0ms);
    ::raise(SIGUSR1);
  };
  loop.spawn(raise(loop));
  loop.run();
  CHECK(loop.task_count() == 1);
  std::signal(SIGUSR1, before);
}

TEST_CASE("post and stop from other threads") {
  backend::Loop loop;
  loop.spawn(wait_for_ever(loop));
  const auto home = std::this_thread::get_id();
  constexpr int threads = 4, each = 1000;
  int ran = 0;
  bool at_home = true;
  std::vector<std::thread> others;
  for (int i = 0; i < threads; ++i) {
    others.emplace_back([&] {
      for (int j = 0; j < each; ++j) {
        loop.post([&] {
          at_home = at_home && std::this_thread::get_id() == home;
          if (++ran == threads * each) std::thread([&] { loop.stop(); }).join();
        });
      }
    });
  }
  loop.run();
  for (std::thread& other : others) other.join();
  CHECK(ran == threads * each);
  CHECK(at_home);
}

TEST_CASE("what a posted function throws comes out of run, and those after it still run") {
  backend::Loop loop;
  bool ran = false;
  loop.post([] { throw std::runtime_error("posted"); });
  loop.post([&] { ran = true; });
  CHECK_THROWS_AS(loop.run(), std::runtime_error);
  CHECK(ran);
}

TEST_CASE("a loop nests in another: its descriptor and deadline say when to turn it" *
          doctest::skip(!nests)) {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  settle(loop);
  CHECK_FALSE(loop.deadline());
  pollfd watched{loop.fd(), POLLIN, 0};
  CHECK(::poll(&watched, 1, 0) == 0);
  pair.peer.send(client_frame(final_text, "ring"));
  CHECK(::poll(&watched, 1, -1) == 1);
  loop.run_once(0ms);
  CHECK(outcome.messages == std::vector{"ring"s});
  loop.spawn(wait_for_ever(loop));
  CHECK(loop.deadline() <= std::chrono::steady_clock::now());  // the task has not begun
  settle(loop);
  CHECK(loop.deadline() > std::chrono::steady_clock::now());
  loop.post([] {});
  CHECK(::poll(&watched, 1, -1) == 1);
}

TEST_CASE("a nested loop tells by its deadline that a stream has more to read" *
          doctest::skip(!nests)) {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  settle(loop);
  // More than one read brings, and whole: nothing comes after it that would make the descriptor
  // readable.
  constexpr std::size_t count = 40;
  const std::string text(10'000, 'x');
  std::string octets;
  for (std::size_t i = 0; i < count; ++i) octets += client_frame(final_text, text, "abcd");
  std::string_view rest = octets;
  pollfd watched{loop.fd(), POLLIN, 0};
  while (outcome.messages.size() < count) {
    rest.remove_prefix(pair.peer.send_now(rest));
    const bool due = loop.deadline() && *loop.deadline() <= std::chrono::steady_clock::now();
    // Without an end where nothing says that there is something to do.
    REQUIRE((due || !rest.empty() || poll(&watched, 1, 10'000) == 1));
    loop.run_once(0ms);
  }
  CHECK(outcome.messages.back() == text);
}

TEST_CASE("a task may spawn others, and many of them") {
  backend::Loop loop;
  int count = 0;
  struct Tree {
    static Task<> grow(Loop& on, int depth, int& leaves) {
      if (depth == 0) {
        ++leaves;
        co_return;
      }
      on.spawn(grow(on, depth - 1, leaves));
      on.spawn(grow(on, depth - 1, leaves));
    }
  };
  loop.spawn(Tree::grow(loop, 10, count));
  loop.run();
  CHECK(count == 1024);
}

TEST_CASE("destroying a listener lets go of who waits on it") {
  backend::Loop loop;
  auto listener = listen(loop);
  std::error_code error;
  auto wait = [](backend::Listener& on, std::error_code& into) -> Task<> {
    auto socket = co_await on.accept();
    if (!socket) into = socket.error();
  };
  const TaskHandle task = loop.spawn(wait(*listener, error));
  settle(loop);
  listener.reset();
  turn_until(loop, [&] { return task.done(); });
  CHECK(error == std::errc::operation_canceled);
}

TEST_CASE("a second wait for a connection is refused, and the first goes on" *
          doctest::skip(!nests)) {
  backend::Loop loop;
  auto listener = listen(loop);
  std::vector<std::error_code> outcomes;
  auto wait = [](backend::Listener& on, std::vector<std::error_code>& into) -> Task<> {
    auto socket = co_await on.accept();
    into.push_back(socket ? std::error_code{} : socket.error());
  };
  loop.spawn(wait(*listener, outcomes));
  loop.spawn(wait(*listener, outcomes));
  settle(loop);
  CHECK(outcomes == std::vector{make_error_code(Error::already_accepting)});
  Socket client = *Socket::open(AF_INET);
  const Endpoint endpoint = listener->local_endpoint();
  ::connect(client.fd(), endpoint.data(), endpoint.size());
  turn_until(loop, [&] { return outcomes.size() == 2; });
  CHECK_FALSE(outcomes.back());
}

TEST_CASE("times without end neither overflow nor pass" * doctest::skip(!nests)) {
  backend::Loop loop;
  bool woke = false;
  auto sleep = [](backend::Loop& on, bool& flag) -> Task<> {
    co_await on.sleep(std::chrono::milliseconds::min());
    flag = true;
    co_await on.sleep(std::chrono::milliseconds::max());
  };
  TaskHandle task = loop.spawn(sleep(loop, woke));
  settle(loop);
  CHECK(woke);
  loop.post([] {});
  loop.run_once(std::chrono::milliseconds::max());
  loop.run_once(std::chrono::milliseconds::min());
  CHECK_FALSE(task.done());
}

TEST_CASE("two listeners share a port, if asked to") {
  backend::Loop loop;
  auto first = backend::Listener::bind(loop, "127.0.0.1", 0, {.reuse_port = true});
  REQUIRE(first);
  CHECK(backend::Listener::bind(loop, (*first)->local_endpoint(), {.reuse_port = true}));
  CHECK(backend::Listener::bind(loop, (*first)->local_endpoint()).error() ==
        std::errc::address_in_use);
  CHECK(backend::Listener::bind(loop, "no address", 0).error() == std::errc::invalid_argument);
}

#ifndef WOLFRAMITE_BACKEND_OF_HANDLERS  // whose loop is only the tests'

TEST_CASE("a forked child that destroys a loop leaves its parent's as it is") {
  auto loop = std::make_unique<backend::Loop>();
  auto [stream, peer] = open_pair(*loop);
  const TaskHandle echoing = loop->spawn(echo(std::move(stream)));
  settle(*loop);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    loop.reset();
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  for (const char* const text : {"one", "two"}) {
    peer.send(client_frame(final_text, text));
    CHECK(peer.receive(5) == server_frame(final_text, text));
  }
  CHECK_FALSE(echoing.done());
  peer.close();
  turn_until(*loop, [&] { return echoing.done(); });
}

TEST_CASE("a loop that is destroyed before its streams says so and aborts") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);  // the tests' runner would report it
    auto loop = std::make_unique<backend::Loop>();
    const Pair pair = open_pair(*loop);
    loop.reset();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 512> part{};
  for (ssize_t size = 1; size > 0;) {
    size = ::read(ends[0], part.data(), part.size());
    if (size > 0) said.append(part.data(), static_cast<std::size_t>(size));
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  CHECK(said.find("a loop is destroyed before its streams") != std::string::npos);
}

#endif

}  // namespace
}  // namespace wolframite::test
