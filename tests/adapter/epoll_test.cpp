// However much some peers send, the epoll loop gives all of them their turn.
#include "flood.hpp"

namespace wolframite::test {
namespace {

TEST_CASE("no turn reads more than two mebibytes and the rest of a buffer, whoever floods") {
  constexpr std::size_t streams = 2, message = 60'000;
  epoll::Loop loop;
  Flooded flooded(loop, streams, message);
  std::size_t most = 0;
  while (flooded.all() < 200 * mebibyte) {
    const std::size_t before = flooded.all();
    loop.run_once(1ms);
    most = std::max(most, flooded.all() - before);
  }
  // Each may end a message in a turn most of which came before it.
  CHECK(most <= 2 * mebibyte + BufferPool::buffer_size + streams * message);
}

TEST_CASE("many that flood are all served, and so is one that says little") {
  epoll::Loop loop;
  check_that_all_are_served(loop);
}

Task<> echo_one(WebSocketStream& stream) {
  if (auto message = co_await stream.next()) {
    CHECK_FALSE(co_await stream.send(std::move(*message)));
  }
}

// What is large is still in the cache then; to what is small the turn may add.
TEST_CASE("large answers are written before the next stream is read, small ones after the last") {
  struct Case {
    std::size_t size, pending;
  };
  for (const auto& [size, pending] : {Case{8192, 0}, Case{100, 102}}) {
    epoll::Loop loop;
    Pair first = open_pair(loop, Role::server, Transport::local);
    Pair second = open_pair(loop, Role::server, Transport::local);
    std::size_t seen = 1;
    auto look = [](WebSocketStream& stream, const WebSocketStream& other,
                   std::size_t& octets) -> Task<> {
      if (const auto message = co_await stream.next()) octets = other.pending_output();
    };
    loop.spawn(echo_one(first.stream));
    loop.spawn(look(second.stream, first.stream, seen));
    settle(loop);
    first.peer.send(client_frame(final_binary, std::string(size, 'x')));
    second.peer.send(client_frame(final_text, "now"));
    loop.run_once(0ms);
    CHECK(seen == pending);
    const std::string answer = server_frame(final_binary, std::string(size, 'x'));
    CHECK(first.peer.receive(answer.size()) == answer);
  }
}

TEST_CASE("answers arrive in order, whether they are written at once or when the turn ends") {
  epoll::Loop loop;
  Pair pair = open_pair(loop);
  loop.spawn(echo(std::move(pair.stream)));
  std::string sent, expected;
  for (std::size_t i = 0; i < 200; ++i) {
    const std::string text(i % 7 == 0 ? 3'000 * (i % 5) : i, static_cast<char>('a' + i % 26));
    sent += client_frame(final_text, text);
    expected += server_frame(final_text, text);
  }
  pair.peer.send(sent);
  CHECK(pair.peer.receive(expected.size()) == expected);
}

}  // namespace
}  // namespace wolframite::test
