// Invariant: want of memory inside a turn ends the stream that it happened for, with
// `out_of_memory`; the loop goes on, and so do all others.
#include "allocations.hpp"
#include "rig.hpp"

namespace wolframite::test {
namespace {

Task<> echo_until(WebSocketStream stream, Outcome& outcome) {
  while (auto message = co_await stream.next()) {
    if ((outcome.error = co_await stream.send(std::move(*message)))) break;
  }
  if (const Closed* const closed = stream.closed()) outcome.why = closed->why;
  outcome.done = true;
}

TEST_CASE("SEC-37 a message that there is no memory for ends one stream" *
          doctest::skip(!completes_at_once)) {
  backend::Loop loop;
  Pair large = open_pair(loop), small = open_pair(loop);
  Outcome of_large, of_small;
  loop.spawn(echo_until(std::move(large.stream), of_large));
  loop.spawn(echo_until(std::move(small.stream), of_small));
  small.peer.send(client_frame(final_binary, "first"));
  CHECK(small.peer.receive(7) == server_frame(final_binary, "first"));
  const std::string frame = client_frame(final_binary, std::string(5U << 20U, 'x'));
  constexpr std::size_t step = 16 * 1024;
  std::size_t sent = 0;
  {
    const RefusedAllocations refused(std::size_t{1} << 20U);
    turn_until(loop, [&] {
      const auto part = std::string_view(frame).substr(sent, step);
      if (!of_large.done) sent += large.peer.send_now(part);
      return of_large.done;
    });
    small.peer.send(client_frame(final_binary, "second"));
    CHECK(small.peer.receive(8) == server_frame(final_binary, "second"));
  }
  CHECK(of_large.why == Error::out_of_memory);
  small.peer.send(client_frame(final_binary, "third"));
  CHECK(small.peer.receive(7) == server_frame(final_binary, "third"));
  CHECK_FALSE(of_small.done);
}

TEST_CASE("SEC-37 each allocation of an echo refused ends no other stream" *
          doctest::skip(!completes_at_once || over_tls())) {
  for (std::uint64_t number = 1;; ++number) {
    CAPTURE(number);
    REQUIRE(number < 100);
    backend::Loop loop;
    Pair tested = open_pair(loop), other = open_pair(loop);
    Outcome of_tested, of_other;
    loop.spawn(echo_until(std::move(tested.stream), of_tested));
    loop.spawn(echo_until(std::move(other.stream), of_other));
    settle(loop);
    const std::string text(70'000, 'x');
    const std::string request = client_frame(begin_binary, text) + client_frame(more | 0x80U, text);
    tested.peer.send_now(request.substr(0, 100'000));
    bool refused = false;
    {
      const RefusedAllocations none(number, Refused::numbered);
      for (int turns = 0; turns < 10; ++turns) loop.run_once(0ms);
      refused = none.has_refused();
    }
    other.peer.send(client_frame(final_binary, "still here"));
    CHECK(other.peer.receive(12) == server_frame(final_binary, "still here"));
    CHECK_FALSE(of_other.done);
    if (of_tested.done) CHECK(of_tested.why == Error::out_of_memory);
    if (!refused) break;
  }
}

TEST_CASE("SEC-37 a send that has to wait and finds no memory for that says so" *
          doctest::skip(!completes_at_once)) {
  backend::Loop loop;
  Config config;
  config.write_buffer_size = 1024;
  Pair pair = open_pair(loop, Role::server, Transport::local, config);
  std::error_code first, refused;
  bool done = false;
  auto work = [&](WebSocketStream& stream) -> Task<> {
    const std::string text(64, 'x');
    // More than the socket takes.
    for (int i = 0; i < 80; ++i) {
      CHECK_FALSE(stream.feed(Kind::binary, bytes_of(std::string(100'000, 'y'))));
    }
    {
      const RefusedAllocations none(std::size_t{0});
      refused = co_await stream.send(text);
    }
    done = true;
  };
  loop.spawn(work(pair.stream));
  turn_until(loop, [&] { return done; });
  CHECK(refused == Error::out_of_memory);
}

}  // namespace
}  // namespace wolframite::test
