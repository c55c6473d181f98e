// Whoever is slow holds up whoever is fast: what a stream has queued and leased stays within its
// limits, and all that was sent arrives, in order.
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "rig.hpp"

namespace wolframite::test {
namespace {

void shrink(auto& socket) {
  CHECK_FALSE(socket.set_option(SOL_SOCKET, SO_SNDBUF, 4096));
  CHECK_FALSE(socket.set_option(SOL_SOCKET, SO_RCVBUF, 4096));
}

TEST_CASE("partial writes: a small send buffer cuts frames anywhere") {
  for (const Transport transport : {Transport::tcp, Transport::local}) {
    backend::Loop loop;
    auto [ours, theirs] = connected(transport);
    shrink(ours);
    // TCP with a window of a segment or two waits for delayed acknowledgements.
    if (transport == Transport::local) shrink(theirs);
    Pair pair = open_pair(loop, Role::server, {std::move(ours), std::move(theirs)});
    auto send = [](WebSocketStream& to) -> Task<> {
      for (int i = 0; i < 200; ++i) {
        CHECK_FALSE(co_await to.send(std::string(static_cast<std::size_t>(i * 37), 'a')));
      }
      CHECK_FALSE(co_await to.flush());
    };
    std::string expected;
    for (int i = 0; i < 200; ++i) {
      expected += server_frame(final_text, std::string(static_cast<std::size_t>(i * 37), 'a'));
    }
    const TaskHandle task = loop.spawn(send(pair.stream));
    CHECK(pair.peer.receive(expected.size()) == expected);
    turn_until(loop, [&] { return task.done(); });
  }
}

TEST_CASE("SEC-28 a slow reader holds up a fast producer, whose queue stays bounded") {
  backend::Loop loop;
  const Config config{.write_buffer_size = 64 * 1024, .max_write_buffer_size = 1024 * 1024};
  Pair pair = open_pair(loop, Role::server, Transport::tcp, config);
  std::size_t sent = 0;
  auto produce = [](WebSocketStream& stream, std::size_t& count) -> Task<> {
    const std::string text(1000, 'x');
    while (!co_await stream.send(text)) ++count;
  };
  const TaskHandle task = loop.spawn(produce(pair.stream, sent));
  std::size_t most = 0, before = 1;
  // Until the kernel takes no more.
  while (sent != before) {
    before = sent;
    for (int turn = 0; turn < 100; ++turn) loop.run_once(0ms);
    most = std::max(most, pair.stream.pending_output());
  }
  CHECK(most >= config.write_buffer_size);
  CHECK(most < config.write_buffer_size + 2000);
  const std::size_t target = 1004 * (sent + 1000);
  const std::string got = pair.peer.receive(target);
  CHECK(got.size() >= target);
  CHECK(sent > before);  // it went on
  CHECK(got.substr(0, 4) == header(final_text, 1000));
  TaskHandle(task).cancel();
}

TEST_CASE("SEC-28 feed is bounded by max_write_buffer_size") {
  backend::Loop loop;
  const Config config{.write_buffer_size = 1000, .max_write_buffer_size = 5000};
  auto [ours, theirs] = connected(Transport::local);
  shrink(ours);
  Pair pair = open_pair(loop, Role::server, {std::move(ours), std::move(theirs)}, config);
  std::error_code error;
  int fed = 0;
  while (!(error = pair.stream.feed(Kind::binary, bytes_of(std::string(500, 'x'))))) ++fed;
  CHECK(error == Error::write_buffer_full);
  CHECK(fed == 10);
  CHECK(pair.stream.pending_output() < 5000 + 504);
}

TEST_CASE("many sends at once are queued in the order of their calls") {
  backend::Loop loop;
  const Config config{.write_buffer_size = 1000, .max_write_buffer_size = 1'000'000};
  Pair pair = open_pair(loop, Role::server, Transport::local, config);
  shrink(pair.stream.next_layer());
  std::string expected;
  int done = 0;
  auto send = [](WebSocketStream& stream, int number, int& count) -> Task<> {
    CHECK_FALSE(co_await stream.send(std::to_string(number) + std::string(200, '.')));
    ++count;
  };
  constexpr int all = 2000;
  for (int i = 0; i < all; ++i) {
    loop.spawn(send(pair.stream, i, done));
    expected += server_frame(final_text, std::to_string(i) + std::string(200, '.'));
  }
  settle(loop);
  CHECK(done < all);
  CHECK(pair.peer.receive(expected.size()) == expected);
  turn_until(loop, [&] { return done == all; });
}

TEST_CASE("ready waits for room, flush for the kernel") {
  backend::Loop loop;
  const Config config{.write_buffer_size = 100'000, .max_write_buffer_size = 8U << 20U};
  Pair pair = open_pair(loop, Role::server, Transport::local, config);
  CHECK_FALSE(pair.stream.feed(Kind::binary, bytes_of(std::string(4U << 20U, 'x'))));
  Outcome ready, flushed;
  auto wait_ready = [](WebSocketStream& stream, Outcome& outcome) -> Task<> {
    outcome.error = co_await stream.ready();
    outcome.done = true;
    CHECK(stream.pending_output() < stream.config().write_buffer_size);
  };
  auto wait_flush = [](WebSocketStream& stream, Outcome& outcome) -> Task<> {
    outcome.error = co_await stream.flush();
    outcome.done = true;
    CHECK(stream.pending_output() == 0);
  };
  loop.spawn(wait_ready(pair.stream, ready));
  loop.spawn(wait_flush(pair.stream, flushed));
  settle(loop);
  CHECK_FALSE(ready.done);
  CHECK_FALSE(flushed.done);
  CHECK(pair.peer.receive(4U << 20U).size() >= (4U << 20U));
  turn_until(loop, [&] { return ready.done && flushed.done; });
  CHECK_FALSE(ready.error);
  CHECK_FALSE(flushed.error);
}

TEST_CASE("flush does not wait for what is queued after it") {
  backend::Loop loop;
  const Config config{.max_write_buffer_size = 64U << 20U};
  Pair pair = open_pair(loop, Role::server, Transport::tcp, config);
  constexpr std::size_t before = 8U << 20U, after = 24U << 20U;  // much more than the kernel takes
  CHECK_FALSE(pair.stream.feed(Kind::binary, SharedBytes(std::string(before, 'x'))));
  Outcome flushed;
  auto wait_flush = [](WebSocketStream& stream, Outcome& outcome) -> Task<> {
    outcome.error = co_await stream.flush();
    outcome.done = true;
  };
  loop.spawn(wait_flush(pair.stream, flushed));
  settle(loop);
  CHECK_FALSE(flushed.done);
  CHECK_FALSE(pair.stream.feed(Kind::binary, SharedBytes(std::string(after, 'x'))));
  CHECK(pair.peer.receive(before).size() >= before);
  turn_until(loop, [&] { return flushed.done; });
  CHECK_FALSE(flushed.error);
  CHECK(pair.stream.pending_output() > 0);
}

TEST_CASE("messages are sent on, whole or assembled, with room for them or without") {
  for (const bool slow : {false, true}) {
    backend::Loop loop;
    auto [ours, theirs] = connected();
    if (slow) shrink(ours);
    const Config config{.write_buffer_size = slow ? 1000U : 100'000U};
    Pair pair = open_pair(loop, Role::server, {std::move(ours), std::move(theirs)}, config);
    auto echo = [](WebSocketStream& stream) -> Task<> {
      while (auto message = co_await stream.next()) {
        if (co_await stream.send(std::move(*message))) break;
      }
    };
    const TaskHandle task = loop.spawn(echo(pair.stream));
    std::string expected;
    for (const std::size_t size : {0U, 10U, 20'000U, 30'000U, 999U, 1U, 25'000U, 5U}) {
      const std::string text(size, static_cast<char>('a' + size % 26));
      const std::string frame = client_frame(final_text, text, "abcd");
      pair.peer.send(frame.substr(0, frame.size() / 2));
      settle(loop);
      pair.peer.send(frame.substr(frame.size() / 2));
      settle(loop);
      expected += server_frame(final_text, text);
    }
    CHECK(pair.peer.receive(expected.size()) == expected);
    TaskHandle(task).cancel();
  }
}

TEST_CASE("a message that fills its receive buffer goes out in it, and the buffer comes back") {
  for (const bool abandoned : {false, true}) {
    backend::Loop loop;
    auto [ours, theirs] = connected(Transport::local);
    shrink(ours);
    shrink(theirs);
    Pair pair = open_pair(loop, Role::server, {std::move(ours), std::move(theirs)},
                          Config{.close_timeout = 0ms});
    const std::string large(60'000, 'l'), small(200, 's');
    auto send_on = [&](WebSocketStream& stream, int& sent) -> Task<> {
      while (auto message = co_await stream.next()) {
        if (co_await stream.send(std::move(*message))) break;
        ++sent;
      }
    };
    int sent = 0;
    const TaskHandle task = loop.spawn(send_on(pair.stream, sent));
    // Whatever pieces they come in: some lie whole in a buffer, with another one behind them.
    std::string frames, expected;
    for (int i = 0; i < 3; ++i) {
      frames += client_frame(final_binary, large, "abcd") + client_frame(final_text, small, "wxyz");
      expected += server_frame(final_binary, large) + server_frame(final_text, small);
    }
    pair.peer.send(frames);
    turn_until(loop, [&] { return sent >= 4; });
    settle(loop);
    CHECK(pair.stream.pending_output() > 0);
    if (abandoned) {
      TaskHandle(task).cancel();
      WebSocketStream(std::move(pair.stream));
      turn_until(loop, [&] { return loop.stream_count() == 0; });
    } else {
      CHECK(pair.peer.receive(expected.size()) == expected);
      settle(loop);
      TaskHandle(task).cancel();
    }
    CHECK(loop.buffers().lent() == 0);
    CHECK(loop.memory().counters().in_use == 0);
  }
}

TEST_CASE("SEC-28 not calling next holds up the peer") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  const std::string frame = client_frame(final_binary, std::string(10'000, 'x'));
  std::size_t sent = 0;
  // The kernel's buffers take so much and no more, however many turns pass.
  for (int idle = 0; idle < 50;) {
    const std::size_t size = pair.peer.send_now(frame);
    sent += size;
    idle = size > 0 ? 0 : idle + 1;
    loop.run_once(0ms);
  }
  // An adapter may be ahead of the reader by a few buffers, and no more.
  CHECK(loop.buffers().lent() * loop.buffers().size() + loop.memory().counters().in_use <=
        (1U << 20U));
  CHECK(sent < (64U << 20U));
  // Reading sets it going again. The last frame was perhaps cut short.
  std::size_t messages = 0;
  auto read = [](WebSocketStream& stream, std::size_t& count) -> Task<> {
    while (const auto message = co_await stream.next()) ++count;
  };
  loop.spawn(read(pair.stream, messages));
  turn_until(loop, [&] { return messages == sent / frame.size(); });
  CHECK(messages > 0);
}

// Whatever a stream was read for, more is there already: whoever takes a message has its peer send.
TEST_CASE("peers that never stop sending are read in turn") {
  constexpr std::size_t count = 4;
  backend::Loop loop;
  const std::string frame = client_frame(final_binary, std::string(16'000, 'x'));
  struct Flooded {
    Pair pair;
    const std::string& frame;
    std::size_t at = 0;
    std::size_t received = 0;

    void fill() {
      while (const std::size_t size = pair.peer.send_now(std::string_view(frame).substr(at)))
        at = (at + size) % frame.size();
    }
  };
  std::vector<Flooded> streams;
  for (std::size_t i = 0; i < count; ++i) {
    auto [ours, theirs] = connected(Transport::tcp);
    // As far as the system allows.
    CHECK_FALSE(ours.set_option(SOL_SOCKET, SO_RCVBUF, 4 << 20));
    CHECK_FALSE(theirs.set_option(SOL_SOCKET, SO_SNDBUF, 4 << 20));
    streams.push_back({open_pair(loop, Role::server, {std::move(ours), std::move(theirs)}), frame});
  }
  auto take = [](Flooded& flooded) -> Task<> {
    while (const auto message = co_await flooded.pair.stream.next()) {
      flooded.received += message->data.size();
      flooded.fill();
    }
  };
  std::vector<TaskHandle> tasks;
  for (Flooded& flooded : streams) {
    flooded.fill();
    tasks.push_back(loop.spawn(take(flooded)));
  }
  const auto most = [&] {
    return std::ranges::max_element(streams, {}, &Flooded::received)->received;
  };
  for (int turn = 0; turn < 100 && most() < (24U << 20U); ++turn) loop.run_once(0ms);
  CHECK(most() > (4U << 20U));
  CHECK(std::ranges::min_element(streams, {}, &Flooded::received)->received > most() / 2);
  for (TaskHandle& task : tasks) task.cancel();
}

TEST_CASE("SEC-10 a flood of pings against a blocked writer stays bounded") {
  backend::Loop loop;
  const Config config{.write_buffer_size = 16'384, .max_write_buffer_size = 65'536};
  Pair pair = open_pair(loop, Role::server, Transport::local, config);
  shrink(pair.stream.next_layer());
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  const std::string ping = client_frame(ping_frame, std::string(125, 'p'));
  std::string pings;
  for (int i = 0; i < 400; ++i) pings += ping;
  std::size_t most = 0;
  for (int i = 0; i < 100; ++i) {
    pair.peer.send(pings);
    settle(loop);
    most = std::max(most, pair.stream.pending_output());
  }
  CHECK(most <= config.max_write_buffer_size);
  CHECK(loop.memory().counters().in_use <= 2 * config.max_write_buffer_size);
  // It still answers, and the Close found room.
  pair.peer.send(client_frame(close_frame, close_body(1000)));
  pair.peer.finish();
  const std::string got = pair.peer.receive_all();
  CHECK(got.substr(got.size() - 4) == server_frame(close_frame, close_body(1000)));
  turn_until(loop, [&] { return outcome.done; });
  CHECK(outcome.clean);
}

TEST_CASE("SEC-28 a slow sender: octets one at a time make messages, and memory follows them") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  const std::string octets =
      client_frame(final_text, std::string(300, 'a')) + client_frame(final_text, "b");
  for (const char octet : octets) {
    pair.peer.send(std::string_view(&octet, 1));
    loop.run_once(1ms);
  }
  turn_until(loop, [&] { return outcome.messages.size() == 2; });
  CHECK(outcome.messages == std::vector{std::string(300, 'a'), "b"s});
}

TEST_CASE("a producer that the kernel keeps up with does not starve the loop") {
  backend::Loop loop;
  const Config config{.write_buffer_size = 1000, .max_write_buffer_size = 1'000'000};
  Pair pair = open_pair(loop, Role::server, Transport::local, config);
  auto produce = [](WebSocketStream& stream) -> Task<> {
    const std::string text(500, 'x');
    while (!co_await stream.send(text)) {
    }
  };
  TaskHandle task = loop.spawn(produce(pair.stream));
  bool ran = false;
  auto drain = [](Peer& peer, Loop& on, bool& flag) -> Task<> {
    for (int i = 0; i < 100; ++i) {
      peer.receive_now();
      co_await on.sleep(0ms);
    }
    flag = true;
  };
  loop.spawn(drain(pair.peer, loop, ran));
  turn_until(loop, [&] { return ran; });
  CHECK_FALSE(task.done());
  task.cancel();
}

}  // namespace
}  // namespace wolframite::test
