// Cancellation slots are honoured: whatever is cancelled, by whatever type, loses nothing and is
// not half done.
#include <array>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <string>
#include <vector>

#include "asio_rig.hpp"
#include "wire.hpp"

namespace wolframite::test {
namespace {

namespace ws = wolframite::asio;

constexpr std::array cancellation_types{net::cancellation_type::terminal,
                                        net::cancellation_type::partial,
                                        net::cancellation_type::total};

TEST_CASE("cancelling async_next, by every type, loses nothing") {
  for (const auto type : cancellation_types) {
    net::io_context context;
    auto [left, right] = connected(context.get_executor(), context.get_executor());
    TcpStream stream = opened(std::move(left), Role::server);
    const std::string frame = client_frame(final_text, "whole");
    net::write(right, net::buffer(frame.substr(0, 7)));
    net::cancellation_signal signal;
    error_code error;
    stream.async_next(
        net::bind_cancellation_slot(signal.slot(), [&](error_code why, Message) { error = why; }));
    settle(context);
    CHECK_FALSE(error);
    signal.emit(type);
    CHECK_FALSE(error);  // nor is it told from inside of that
    context.restart();
    context.run();  // nothing is left in flight
    CHECK(error == net::error::operation_aborted);
    net::write(right, net::buffer(frame.substr(7)));
    std::string got;
    stream.async_next([&](error_code, Message message) { got = message.text(); });
    run_until(context, [&] { return !got.empty(); });
    CHECK(got == "whole");
  }
}

TEST_CASE("async_next is cancelled when its message is there already: the next one has it") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  TcpStream stream = opened(std::move(left), Role::server);
  net::write(right, net::buffer(client_frame(final_text, "a") + client_frame(final_text, "b")));
  std::string first, second;
  stream.async_next([&](error_code, Message message) { first = message.text(); });
  run_until(context, [&] { return !first.empty(); });
  net::cancellation_signal signal;
  error_code error;
  stream.async_next(
      net::bind_cancellation_slot(signal.slot(), [&](error_code why, Message) { error = why; }));
  signal.emit(net::cancellation_type::total);
  settle(context);
  CHECK(error == net::error::operation_aborted);
  stream.async_next([&](error_code, Message message) { second = message.text(); });
  settle(context);
  CHECK(second == "b");
}

TEST_CASE("cancelling a send that waits, by every type, sends nothing of it") {
  for (const auto type : cancellation_types) {
    net::io_context context;
    Joined<tcp::socket> ends = joined(context, Config{.write_buffer_size = 1000});
    TcpStream& server = ends.server;
    TcpStream& client = ends.client;
    const std::string big(8U << 20U, 'x');
    std::array<error_code, 3> errors;
    std::array<bool, 3> done{};
    net::cancellation_signal signal;
    client.async_send(big, [&](error_code error) { errors[0] = error, done[0] = true; });
    client.async_send("cancelled", net::bind_cancellation_slot(signal.slot(), [&](error_code e) {
                        errors[1] = e, done[1] = true;
                      }));
    client.async_send("kept", [&](error_code error) { errors[2] = error, done[2] = true; });
    settle(context);
    CHECK(done[0]);
    CHECK_FALSE(done[1]);
    signal.emit(type);
    settle(context);
    CHECK(errors[1] == net::error::operation_aborted);
    CHECK_FALSE(done[2]);
    std::vector<std::size_t> sizes;
    std::function<void()> read = [&] {
      server.async_next([&](error_code error, Message message) {
        REQUIRE_FALSE(error);
        sizes.push_back(message.data.size());
        if (sizes.size() < 2) read();
      });
    };
    read();
    run_until(context, [&] { return sizes.size() == 2 && done[2]; });
    CHECK(sizes == std::vector<std::size_t>{big.size(), 4});
    CHECK_FALSE(errors[2]);
  }
}

TEST_CASE(
    "cancelling async_close leaves the Close sent; cancelling async_accept closes the socket") {
  for (const auto type : cancellation_types) {
    net::io_context context;
    auto [left, right] = connected(context.get_executor(), context.get_executor());
    TcpStream stream = opened(std::move(left), Role::server);
    net::cancellation_signal signal;
    error_code closing, accepting;
    stream.async_close(
        net::bind_cancellation_slot(signal.slot(), [&](error_code e) { closing = e; }));
    settle(context);
    signal.emit(type);
    settle(context);
    CHECK(closing == net::error::operation_aborted);
    CHECK(right.available() == 4);

    auto [a, b] = connected(context.get_executor(), context.get_executor());
    net::cancellation_signal other;
    ws::async_accept(std::move(a), net::bind_cancellation_slot(
                                       other.slot(), [&](error_code error, TcpStream none) {
                                         accepting = error;
                                         CHECK_FALSE(none);
                                       }));
    settle(context);
    other.emit(type);
    settle(context);
    CHECK(accepting == net::error::operation_aborted);
    char octet = 0;
    error_code end;
    b.read_some(net::buffer(&octet, 1), end);
    CHECK(end == net::error::eof);
  }
}

TEST_CASE("cancelling async_connect, while it resolves or connects") {
  net::io_context context;
  for (const std::string host : {"localhost", "127.0.0.1"}) {
    tcp::acceptor silent(context, tcp::endpoint(net::ip::make_address("127.0.0.1"), 0));
    net::cancellation_signal signal;
    error_code error;
    ws::async_connect(context.get_executor(),
                      "ws://" + host + ":" + std::to_string(silent.local_endpoint().port()),
                      net::bind_cancellation_slot(
                          signal.slot(), [&](error_code why, ws::Client<tcp::socket> none) {
                            error = why;
                            CHECK_FALSE(none.stream);
                            CHECK_FALSE(none.response);
                          }));
    context.restart();
    context.poll_one();
    signal.emit(net::cancellation_type::terminal);
    CHECK_FALSE(error);
    context.restart();
    context.run();
    CHECK(error == net::error::operation_aborted);
  }
}

TEST_CASE("cancel takes back all that waits on a stream") {
  net::io_context context;
  Joined<tcp::socket> ends = joined(context, Config{.write_buffer_size = 1000});
  TcpStream& client = ends.client;
  const std::string big(8U << 20U, 'x');
  int aborted = 0;
  const auto count = [&](error_code error, const auto&...) {
    aborted += error == net::error::operation_aborted;
  };
  client.async_send(big, net::detached);
  client.async_send(big, count);
  client.async_flush(count);
  client.async_ready(count);
  client.async_next(count);
  settle(context);
  CHECK(aborted == 0);
  client.cancel();
  settle(context);
  CHECK(aborted == 4);
}

TEST_CASE("what is begun once its stream is gone is aborted") {
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  auto next = ends.server.async_next(deferred);
  auto send = ends.server.async_send("late", deferred);
  auto ready = ends.server.async_ready(deferred);
  auto flush = ends.server.async_flush(deferred);
  auto close = ends.server.async_close(deferred);
  ends.server = TcpStream();
  int aborted = 0;
  const auto count = [&](error_code error, const auto&...) {
    aborted += error == net::error::operation_aborted;
  };
  std::move(next)(count);
  std::move(send)(count);
  std::move(ready)(count);
  std::move(flush)(count);
  std::move(close)(count);
  settle(context);
  CHECK(aborted == 5);
}

}  // namespace
}  // namespace wolframite::test
