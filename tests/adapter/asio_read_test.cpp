// When a stream over a socket reads again at once, and when it waits: after some messages one by
// one it tries to read before it waits, and must not be left with neither.
#include <string>

#include "asio_rig.hpp"
#include "wire.hpp"

namespace wolframite::test {
namespace {

// No test waits for it.
const Config patient{.close_timeout = std::chrono::hours(1)};

// More messages than a stream has one by one before it tries for the first time.
constexpr int many = 40;

struct Reading {
  explicit Reading(Config config = {}) {
    auto [left, right] = connected(context.get_executor(), context.get_executor());
    stream = opened(std::move(left), Role::server, config);
    peer = std::move(right);
  }

  void read() {
    stream.async_next([this](error_code error, Message) {
      if (error) return;
      ++received;
      if (goes_on) read();
    });
  }

  void send(const std::string& octets) {
    net::write(peer, net::buffer(octets));
    settle(context);
  }

  net::io_context context;
  TcpStream stream;
  tcp::socket peer{context};
  int received = 0;
  bool goes_on = true;
};

TEST_CASE("a stream that has nothing to read comes to rest, and wakes for each message") {
  Reading test;
  test.read();
  for (int i = 1; i <= 200; ++i) {
    test.send(client_frame(final_text, "x"));  // returns once nothing is left to do
    CHECK(test.received == i);
    CHECK_FALSE(test.stream.holds_buffer());
  }
  auto& pool = wolframite::asio::detail::pool_of(test.context.get_executor());
  CHECK(pool.lent() == 0);
}

TEST_CASE("nothing is lost of what comes before or after others have had their turn") {
  Reading test;
  test.read();
  for (int i = 0; i < many; ++i) test.send(client_frame(final_text, "x"));
  const int before = test.received;
  for (int i = 0; i < many; ++i) {
    net::write(test.peer, net::buffer(client_frame(final_text, "y")));
    net::post(test.context,
              [&] { net::write(test.peer, net::buffer(client_frame(final_text, "z"))); });
    settle(test.context);
  }
  CHECK(test.received == before + 2 * many);
}

TEST_CASE("a stream dropped while closing reads until the end, however many messages came before") {
  for (int count = 0; count < many; ++count) {
    CAPTURE(count);
    Reading test(patient);
    test.read();
    for (int i = 0; i < count; ++i) {
      test.goes_on = i + 1 < count;
      test.send(client_frame(final_text, "x"));
    }
    if (count == 0) test.stream.cancel();
    settle(test.context);
    CHECK(test.received == count);
    test.stream.async_close([](error_code) {});
    test.stream = TcpStream();
    settle(test.context);
    test.send(client_frame(close_frame, close_body(CloseCode::normal)));
    test.peer.close();
    settle(test.context);
    CHECK(wolframite::asio::detail::pool_of(test.context.get_executor()).streams() == 0);
  }
}

TEST_CASE("deadlines hold for a stream that nobody reads, however many messages came before") {
  for (int count = 1; count < many; ++count) {
    CAPTURE(count);
    Reading test(Config{.close_timeout = std::chrono::milliseconds(1)});
    test.read();
    for (int i = 0; i < count; ++i) {
      test.goes_on = i + 1 < count;
      test.send(client_frame(final_text, "x"));
    }
    bool closed = false;
    test.stream.async_close([&](error_code error) {
      CHECK(error == Error::close_timeout);
      closed = true;
    });
    run_until(test.context, [&] { return closed; });
  }
}

}  // namespace
}  // namespace wolframite::test
