// Closing ends as soon as the peer's Close has come and the stream has ended, whatever message is
// on its way to a handler, and whether or not another one is asked for.
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <string>
#include <vector>

#include "asio_rig.hpp"
#include "tls_pair.hpp"
#include "wire.hpp"

namespace wolframite::test {
namespace {

// No test waits for it.
const Config patient{.close_timeout = std::chrono::hours(1)};

const std::string normal = close_body(CloseCode::normal);

// A server's stream, and the socket of a client that tests speak for.
struct Closing {
  Closing() {
    auto [left, right] = connected(context.get_executor(), context.get_executor());
    stream = opened(std::move(left), Role::server, patient);
    peer = std::move(right);
    peer.non_blocking(true);
  }

  void send(const std::string& octets) {
    peer.non_blocking(false);
    net::write(peer, net::buffer(octets));
    peer.non_blocking(true);
    settle(context);
  }

  // What the server has sent, and whether it has ended its side.
  [[nodiscard]] std::string received() {
    std::string octets(1000, '\0');
    error_code error;
    octets.resize(net::read(peer, net::buffer(octets), error));
    ended = error == net::error::eof;
    return octets;
  }

  void close() {
    stream.async_close([this](error_code error) { closed = true, result = error; });
  }

  net::io_context context;
  TcpStream stream;
  tcp::socket peer{context};
  bool ended = false, closed = false;
  error_code result;
};

// The peer's Close was read, and so the server has ended its side. Then the client does.
void check_end(Closing& test) {
  CHECK(test.received() == server_frame(close_frame, normal));
  CHECK(test.ended);
  test.peer.close();
  settle(test.context);
  CHECK(test.closed);
  REQUIRE(test.stream.closed() != nullptr);
  CHECK(test.stream.closed()->clean);
  CHECK_FALSE(test.stream.next_layer().is_open());
}

TEST_CASE("async_close while a message is on its way to its handler, which is the last one") {
  Closing test;
  std::vector<std::string> got;
  test.stream.async_next([&](error_code, Message first) {
    got.emplace_back(first.text());
    test.stream.async_next([&](error_code, Message second) { got.emplace_back(second.text()); });
    test.close();
  });
  test.send(client_frame(final_text, "one") + client_frame(final_text, "two") +
            client_frame(final_text, "discarded") + client_frame(close_frame, normal));
  CHECK(got == std::vector<std::string>{"one", "two"});
  check_end(test);
  CHECK_FALSE(test.result);
}

TEST_CASE("who waits when async_close is called gets a message, whose octets stay") {
  for (const std::size_t size : {4U, 100'000U}) {
    Closing test;
    Message got{Kind::binary, {}};
    test.stream.async_next([&](error_code, Message message) { got = message; });
    test.close();
    settle(test.context);
    const std::string late(size, 'l');
    test.send(
        client_frame(final_text, late) +
        client_frame(final_text, std::string(size, 'd')).append(client_frame(close_frame, normal)));
    check_end(test);
    CHECK_FALSE(test.result);
    CHECK(got.text() == late);
  }
}

TEST_CASE("who goes on asking after async_close gets everything") {
  Closing test;
  std::vector<std::string> got;
  error_code end;
  std::function<void()> read = [&] {
    test.stream.async_next([&](error_code error, Message message) {
      end = error;
      if (error) return;
      got.emplace_back(message.text());
      read();
    });
  };
  read();
  test.close();
  test.send(client_frame(final_text, "a") + client_frame(final_text, "b") +
            client_frame(begin_text, "c"));
  test.send(client_frame(final_continuation, "d") + client_frame(close_frame, normal));
  CHECK(got == std::vector<std::string>{"a", "b", "cd"});
  check_end(test);
  CHECK_FALSE(test.result);
  CHECK(end == net::error::eof);
}

TEST_CASE("a message whose async_next was cancelled does not hold up async_close") {
  Closing test;
  error_code error;
  net::cancellation_signal signal;
  test.stream.async_next([&](error_code, Message) {
    test.stream.async_next(
        net::bind_cancellation_slot(signal.slot(), [&](error_code why, Message) { error = why; }));
    test.close();
    signal.emit(net::cancellation_type::total);
  });
  test.send(client_frame(final_text, "one") + client_frame(final_text, "two") +
            client_frame(close_frame, normal));
  CHECK(error == net::error::operation_aborted);
  check_end(test);
  CHECK_FALSE(test.result);
}

TEST_CASE("async_close is cancelled with a message on its way: closing goes on by itself") {
  Closing test;
  std::string got;
  net::cancellation_signal signal;
  test.stream.async_next([&](error_code, Message) {
    test.stream.async_next([&](error_code, Message message) { got = message.text(); });
    test.stream.async_close(net::bind_cancellation_slot(signal.slot(), [&](error_code error) {
      test.closed = true;
      test.result = error;
    }));
    signal.emit(net::cancellation_type::terminal);
  });
  test.send(client_frame(final_text, "one") + client_frame(final_text, "two") +
            client_frame(close_frame, normal));
  CHECK(got == "two");
  CHECK(test.result == net::error::operation_aborted);
  check_end(test);
}

TEST_CASE("async_close finds a Close that was decrypted already, behind a message") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  TcpStream server, client;
  wolframite::asio::AcceptOptions accepting{.config = patient};
  accepting.tls = server_context();
  wolframite::asio::async_accept(std::move(left), accepting,
                                 [&](error_code, TcpStream stream) { server = std::move(stream); });
  wolframite::asio::async_client_tls(
      std::move(right), "wss://server.test/",
      wolframite::asio::ClientOptions{.config = patient, .connector = client_context()},
      [&](error_code, wolframite::asio::Client<tcp::socket> made) {
        client = std::move(made.stream);
      });
  run_until(context, [&] { return server && client; });

  bool server_closed = false, client_closed = false;
  server.async_next([&](error_code, Message) {
    server.async_close([&](error_code error) { server_closed = !error; });
  });
  settle(context);
  CHECK_FALSE(client.feed(Kind::text, bytes_of("one")));
  CHECK_FALSE(client.feed(Kind::text, bytes_of("two")));
  client.async_close([&](error_code error) { client_closed = !error; });
  settle(context);
  CHECK(server_closed);
  CHECK(client_closed);
}

}  // namespace
}  // namespace wolframite::test
