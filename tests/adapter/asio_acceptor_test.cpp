// An acceptor goes on whatever single connections and shortages do, tells what will not pass, and
// loses no connection.
#include <sys/resource.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>
#include <cerrno>
#include <vector>

#include "asio_rig.hpp"

namespace wolframite::test {
namespace {

namespace ws = wolframite::asio;
using ws::Acceptor;
using ws::detail::AcceptFailure;
using ws::detail::classify_accept;

const tcp::endpoint loopback(net::ip::make_address("127.0.0.1"), 0);

/// The limit of open descriptors, put back at the end.
class DescriptorLimit {
 public:
  DescriptorLimit() { getrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

  /// No descriptor more than there are.
  void exhaust() {
    const int lowest_free = ::dup(0);
    REQUIRE(lowest_free >= 0);
    ::close(lowest_free);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(lowest_free);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  }
  void lift() { REQUIRE(setrlimit(RLIMIT_NOFILE, &before_) == 0); }

 private:
  rlimit before_{};
};

/// Accepts until the end, which it notes.
struct Accepted {
  explicit Accepted(Acceptor& on) : acceptor(on) { next(); }
  void next() {
    acceptor.async_accept([this](error_code error, tcp::socket socket) {
      end = error;
      if (error) return;
      sockets.push_back(std::move(socket));
      next();
    });
  }
  Acceptor& acceptor;
  std::vector<tcp::socket> sockets;
  error_code end;
};

TEST_CASE("connections are accepted, without Nagle's delay, on the executor that is asked for") {
  net::io_context context;
  Acceptor acceptor(context.get_executor(), loopback);
  Accepted accepted(acceptor);
  std::vector<tcp::socket> clients;
  for (int i = 0; i < 5; ++i) {
    clients.emplace_back(context).connect(acceptor.local_endpoint());
  }
  run_until(context, [&] { return accepted.sockets.size() == 5; });
  for (const tcp::socket& each : accepted.sockets) {
    tcp::no_delay no_delay;
    each.get_option(no_delay);
    CHECK(no_delay.value());
  }
  CHECK(acceptor.shortages() == 0);
  acceptor.cancel();
  settle(context);
  CHECK(accepted.end == net::error::operation_aborted);

  const net::any_io_executor strand = net::make_strand(context);
  auto socket = acceptor.async_accept(strand, net::use_future);
  clients.emplace_back(context).connect(acceptor.local_endpoint());
  run_until(context, [&] { return socket.wait_for(0s) == std::future_status::ready; });
  CHECK(socket.get().get_executor() == strand);
}

TEST_CASE("SEC-29 Asio's acceptor waits while descriptors are wanting, and then goes on") {
  net::io_context context;
  Acceptor acceptor(context.get_executor(), loopback);
  DescriptorLimit limit;
  std::vector<tcp::socket> clients;
  for (int i = 0; i < 10; ++i) clients.emplace_back(context, tcp::v4());
  limit.exhaust();
  Accepted accepted(acceptor);
  for (tcp::socket& each : clients) each.connect(acceptor.local_endpoint());
  run_until(context, [&] { return acceptor.shortages() >= 2; });
  CHECK(accepted.sockets.empty());
  CHECK_FALSE(accepted.end);
  // It sleeps in between: each handler that runs is another try.
  const auto tried = acceptor.shortages();
  for (int handler = 0; handler < 3; ++handler) context.run_one_for(10s);
  CHECK(acceptor.shortages() <= tried + 3);
  limit.lift();
  run_until(context, [&] { return accepted.sockets.size() == 10; });
  CHECK_FALSE(accepted.end);
}

TEST_CASE("what will not pass is told, each time that it is asked for") {
  net::io_context context;
  Acceptor acceptor{tcp::acceptor(context, tcp::v4())};  // does not listen
  for (int i = 0; i < 2; ++i) {
    Accepted accepted(acceptor);
    context.restart();
    context.run();
    CHECK(accepted.end == net::error::invalid_argument);
  }
  CHECK(acceptor.shortages() == 0);
}

TEST_CASE("closing, by itself or below, ends what waits") {
  for (const bool below : {false, true}) {
    net::io_context context;
    Acceptor acceptor(context.get_executor(), loopback);
    Accepted accepted(acceptor);
    settle(context);
    below ? acceptor.next_layer().close() : acceptor.close();
    CHECK_FALSE(accepted.end);
    context.restart();
    context.run();
    CHECK(accepted.end == net::error::operation_aborted);
    Accepted late(acceptor);
    context.restart();
    context.run();
    CHECK(late.end);
  }
  net::io_context context;
  auto acceptor = std::make_unique<Acceptor>(context.get_executor(), loopback);
  auto aborted = acceptor->async_accept(net::use_future);
  settle(context);
  acceptor.reset();
  context.restart();
  context.run();
  CHECK_THROWS_AS(aborted.get(), ws::system_error);
}

TEST_CASE("a cancelled accept loses no connection, in whatever state it is") {
  for (int handlers = 0; handlers < 6; ++handlers) {
    CAPTURE(handlers);
    net::io_context context;
    Acceptor acceptor(context.get_executor(), loopback);
    tcp::socket client(context);
    net::cancellation_signal signal;
    int given = 0, aborted = 0;
    const auto count = [&](error_code error, const tcp::socket&) { ++(error ? aborted : given); };
    acceptor.async_accept(net::bind_cancellation_slot(signal.slot(), count));
    client.connect(acceptor.local_endpoint());
    for (int i = 0; i < handlers; ++i) context.poll_one();
    signal.emit(net::cancellation_type::total);
    settle(context);
    CHECK(given + aborted == 1);
    if (given == 1) continue;
    acceptor.async_accept(count);
    run_until(context, [&] { return given == 1; });
  }
}

TEST_CASE("several wait, and one of them gives up") {
  net::io_context context;
  Acceptor acceptor(context.get_executor(), loopback);
  net::cancellation_signal signal;
  int given = 0, aborted = 0;
  const auto count = [&](error_code error, const tcp::socket&) { ++(error ? aborted : given); };
  acceptor.async_accept(net::bind_cancellation_slot(signal.slot(), count));
  acceptor.async_accept(count);
  acceptor.async_accept(count);
  settle(context);
  signal.emit(net::cancellation_type::partial);
  settle(context);
  CHECK(aborted == 1);
  std::vector<tcp::socket> clients;
  for (int i = 0; i < 2; ++i) clients.emplace_back(context).connect(acceptor.local_endpoint());
  run_until(context, [&] { return given == 2; });
}

TEST_CASE("a context is destroyed with an acceptor that waits for itself") {
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> alive = token;
  {
    net::io_context context;
    for (const bool arrived : {true, false}) {
      auto acceptor = std::make_shared<Acceptor>(context.get_executor(), loopback);
      acceptor->async_accept([acceptor, token](error_code, const tcp::socket&) { CHECK(false); });
      if (arrived) settle(context);
    }
    token.reset();
  }
  CHECK(alive.expired());
}

TEST_CASE("errors of accept(2) and what they mean") {
  const auto of = [](int value) {
    return classify_accept(error_code(value, net::error::get_system_category()));
  };
  for (const int each : {EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC}) {
    CHECK(of(each) == AcceptFailure::shortage);
  }
  for (const int each : {ECONNABORTED, EPROTO, EINTR, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN,
                         ENONET, EHOSTUNREACH, ENETUNREACH, ECONNRESET, ETIMEDOUT}) {
    CHECK(of(each) == AcceptFailure::connection);
  }
  for (const int each : {EACCES, EBADF, EINVAL, ENOTSOCK, EFAULT, EOPNOTSUPP}) {
    CHECK(of(each) == AcceptFailure::acceptor);
  }
  CHECK(of(EAGAIN) == AcceptFailure::none_there);
  CHECK(classify_accept(net::error::eof) == AcceptFailure::acceptor);
}

}  // namespace
}  // namespace wolframite::test
