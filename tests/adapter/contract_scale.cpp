// Thousands of connections share one loop, and running out of descriptors is a pause, not an end.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "rig.hpp"

namespace wolframite::test {
namespace {

/// Raises the limit of open descriptors as far as the system lets it, and puts it back.
class DescriptorLimit {
 public:
  DescriptorLimit() {
    getrlimit(RLIMIT_NOFILE, &before_);
    set(before_.rlim_max);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

  void set(rlim_t soft) {
    rlimit limit = before_;
    limit.rlim_cur = soft;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    current_ = soft;
  }
  [[nodiscard]] std::size_t value() const {
    return static_cast<std::size_t>(std::min<rlim_t>(current_, 100'000));
  }

 private:
  rlimit before_{};
  rlim_t current_ = 0;
};

/// Descriptors that are open now, from the lowest free one.
std::size_t open_descriptors() {
  const int fd = ::dup(0);
  REQUIRE(fd >= 0);
  ::close(fd);
  return static_cast<std::size_t>(fd);
}

TEST_CASE("thousands of connections open, talk and close on one loop") {
  DescriptorLimit limit;
  const std::size_t most = over_tls() ? 1000 : 5000;  // a TLS handshake costs a thousand times more
  const std::size_t count =
      std::min<std::size_t>(most, (limit.value() - open_descriptors() - 50) / 2);
  MESSAGE("connections: ", count);
  backend::Loop loop;
  auto listener = listen(loop);
  // On a slow machine, or with a sanitizer, so many take longer than a single one may.
  Config patient;
  patient.handshake_timeout = 0ms;
  patient.close_timeout = 0ms;
  AcceptOptions accept_options;
  accept_options.config = patient;
  TaskHandle server = loop.spawn(serve_echo(loop, *listener, accept_options));
  struct Shared {
    SharedConfig config;
    std::size_t opened = 0, answered = 0, closed = 0;
    bool go = false;
  } shared{patient};
  auto talk = [](Loop& on, Endpoint where, Shared& all) -> Task<> {
    auto socket = co_await connect_socket(on, where);
    REQUIRE(socket);
    ClientOptions options;
    options.config = all.config;
    auto made = co_await client(on, scheme() + "localhost/", std::move(*socket),
                                secured(std::move(options)));
    REQUIRE(made);
    ++all.opened;
    // All of them are open at once.
    while (!all.go) co_await on.sleep(5ms);
    CHECK_FALSE(co_await made->stream.send("hello"));
    auto message = co_await made->stream.next();
    REQUIRE(message);
    CHECK(message->text() == "hello");
    ++all.answered;
    CHECK_FALSE(co_await made->stream.close());
    ++all.closed;
  };
  std::size_t begun = 0;
  while (shared.opened < count) {
    // No more at once than the backlog takes, whatever somaxconn is.
    while (begun < count && begun - shared.opened < 100) {
      loop.spawn(talk(loop, listener->local_endpoint(), shared));
      ++begun;
    }
    loop.run_once(1ms);
  }
  CHECK(loop.stream_count() == 2 * count);
  CHECK(loop.buffers().lent() == 0);
  shared.go = true;
  turn_until(loop, [&] { return shared.closed == count; });
  CHECK(shared.answered == count);
  turn_until(loop, [&] { return loop.stream_count() == 0; });
  server.cancel();
}

TEST_CASE("SEC-29 out of descriptors: accept backs off, and goes on when some are free") {
  DescriptorLimit limit;
  backend::Loop loop;
  auto listener = listen(loop);
  std::size_t accepted = 0;
  std::vector<Socket> kept;
  auto take = [](backend::Listener& on, std::vector<Socket>& into, std::size_t& count) -> Task<> {
    for (;;) {
      auto socket = co_await on.accept();
      if (!socket) co_return;
      into.push_back(std::move(*socket));
      ++count;
    }
  };
  // Ten clients whose connections wait in the backlog, and no descriptor left for the other ends.
  std::vector<Socket> clients;
  for (int i = 0; i < 10; ++i) {
    auto socket = Socket::open(AF_INET);
    REQUIRE(socket);
    clients.push_back(std::move(*socket));
  }
  const std::size_t open_now = open_descriptors();
  limit.set(static_cast<rlim_t>(open_now));
  CHECK(::dup(0) == -1);
  // Only now, for what waits in the kernel already goes by the limit there was when it began.
  const TaskHandle server = loop.spawn(take(*listener, kept, accepted));
  settle(loop);
  const Endpoint where = listener->local_endpoint();
  for (const Socket& each : clients)
    static_cast<void>(::connect(each.fd(), where.data(), where.size()));
  turn_until(loop, [&] { return listener->shortages() >= 2; });
  CHECK(accepted == 0);
  CHECK_FALSE(server.done());
  // It sleeps in between: a turn that may wait for long does wait for the next try.
  const auto tried = listener->shortages();
  for (int turn = 0; turn < 3; ++turn) loop.run_once(10s);
  CHECK(listener->shortages() <= tried + 3);
  limit.set(static_cast<rlim_t>(open_now + 100));
  turn_until(loop, [&] { return accepted == 10; });
  CHECK_FALSE(server.done());
}

TEST_CASE("SEC-26 streams come and go in every state at once, and none is left") {
  backend::Loop loop;
  auto listener = listen(loop);
  TaskHandle server = loop.spawn(serve_echo(loop, *listener));
  const std::size_t descriptors = open_descriptors();
  auto talk = [](Loop& on, Endpoint where, int kind) -> Task<> {
    auto socket = co_await connect_socket(on, where);
    REQUIRE(socket);
    if (kind == 0) co_return;
    auto made =
        co_await client(on, scheme() + "localhost/", std::move(*socket), secured(ClientOptions{}));
    REQUIRE(made);
    if (kind == 1) co_return;
    CHECK_FALSE(
        co_await made->stream.send(std::string(static_cast<std::size_t>(kind) * 100'000, 'x')));
    if (kind == 2) co_return;
    static_cast<void>(co_await made->stream.next());
    if (kind == 3) co_return;
    static_cast<void>(co_await made->stream.close());
  };
  for (int round = 0; round < 30; ++round) {
    std::vector<TaskHandle> tasks;
    for (int kind = 0; kind < 6; ++kind) {
      tasks.push_back(loop.spawn(talk(loop, listener->local_endpoint(), kind)));
    }
    for (int turn = 0; turn < round; ++turn) loop.run_once(0ms);
    for (std::size_t i = 0; i < tasks.size(); i += 2) tasks[i].cancel();
    for (const TaskHandle& task : tasks) turn_until(loop, [&] { return task.done(); });
  }
  turn_until(loop, [&] { return loop.task_count() == 1 && loop.stream_count() == 0; });
  CHECK(open_descriptors() == descriptors);
  CHECK(loop.buffers().lent() == 0);
  CHECK(loop.memory().counters().in_use == 0);
  server.cancel();
}

}  // namespace
}  // namespace wolframite::test
