// However much some peers send, the epoll loop gives all of them their turn.
#include "flood.hpp"

namespace wolframite::test {
namespace {

TEST_CASE("no turn reads more than a mebibyte and the rest of a buffer, whoever floods") {
  epoll::Loop loop;
  Flooded flooded(loop, 2, 60'000);
  std::size_t most = 0;
  while (flooded.all() < 200 * mebibyte) {
    const std::size_t before = flooded.all();
    loop.run_once(1ms);
    most = std::max(most, flooded.all() - before);
  }
  CHECK(most <= mebibyte + BufferPool::buffer_size + 60'000);
}

TEST_CASE("many that flood are all served, and so is one that says little") {
  epoll::Loop loop;
  check_that_all_are_served(loop);
}

// What is large goes at once, what is small when the turn ends: the order is that of the calls.
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
