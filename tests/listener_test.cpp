// What a Listener makes of each error of accept(2).
#include "wolframite/listener.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>

#include "wolframite/epoll.hpp"

namespace wolframite::test {
namespace {

using namespace std::chrono_literals;

/// One for whom accepting always gives the same errno.
class Failing final : public Listener {
 public:
  using Listener::classify;
  using Listener::Failure;

  Failing(Loop& loop, int error) : Listener(loop, Socket(), Endpoint()), error_(error) {}

  unsigned tries = 0;

 private:
  bool try_accept() override {
    if (accepted_) return true;
    do ++tries;
    while (retries_after(error_));
    return accepted_.has_value();
  }

  int error_;
};

TEST_CASE("each errno of accept(2) has a meaning") {
  using Failure = Failing::Failure;
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    CAPTURE(error);
    CHECK(Failing::classify(error) == Failure::shortage);
  }
  for (const int error : {EBADF, EFAULT, EINVAL, ENOTSOCK, EOPNOTSUPP}) {
    CAPTURE(error);
    CHECK(Failing::classify(error) == Failure::listener);
  }
  // Linux passes on what has become of the connection already.
  for (const int error : {EINTR, ECONNABORTED, ECONNRESET, ETIMEDOUT, EPROTO, ENOPROTOOPT, ENETDOWN,
                          ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET}) {
    CAPTURE(error);
    CHECK(Failing::classify(error) == Failure::connection);
  }
  for (const int error : {EPERM, EACCES, ENOSYS, ESOCKTNOSUPPORT, EPROTONOSUPPORT}) {
    CAPTURE(error);
    CHECK(Failing::classify(error) == Failure::unknown);
  }
}

struct Told {
  std::error_code error;
  bool done = false;
};

Task<> accept_once(Listener& listener, Told& told) {
  const auto socket = co_await listener.accept();
  if (!socket) told.error = socket.error();
  told.done = true;
}

Task<> tick(Loop& loop, unsigned& ticks) {
  for (;;) {
    co_await loop.sleep(1ms);
    ++ticks;
  }
}

TEST_CASE("an error that stays is told, and timers go on meanwhile") {
  for (const int error : {EACCES, EPERM}) {
    CAPTURE(error);
    epoll::Loop loop;
    Failing listener(loop, error);
    Told told;
    unsigned ticks = 0;
    loop.spawn(accept_once(listener, told));
    TaskHandle ticking = loop.spawn(tick(loop, ticks));
    while (!told.done) loop.run_once();
    ticking.cancel();
    CHECK(told.error == std::error_code(error, std::system_category()));
    CHECK(listener.tries > 1);
    CHECK(listener.tries < 20);
    CHECK(ticks > 1);
    CHECK(listener.shortages() == 0);
  }
}

TEST_CASE("an error of the listener is told at once, one of a connection never") {
  epoll::Loop loop;
  Failing broken(loop, EINVAL);
  Told told;
  loop.spawn(accept_once(broken, told));
  loop.run_once(0ms);
  CHECK(told.error == std::errc::invalid_argument);
  CHECK(broken.tries == 1);

  Failing unlucky(loop, ECONNABORTED);
  Told never;
  unsigned ticks = 0;
  TaskHandle accepting = loop.spawn(accept_once(unlucky, never));
  TaskHandle ticking = loop.spawn(tick(loop, ticks));
  while (unlucky.tries < 100) loop.run_once();
  CHECK_FALSE(never.done);
  CHECK(ticks > 1);  // it does not spin
  accepting.cancel();
  ticking.cancel();
}

}  // namespace
}  // namespace wolframite::test
