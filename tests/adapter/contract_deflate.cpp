// Compression that both ends agreed on is used unless a message is kept out of it, and costs an
// idle loop no memory.
#include "rig.hpp"

namespace wolframite::test {
namespace {

SharedConfig compressing(bool takeover) {
  Config config;
  config.write_buffer_size = 64 * 1024;
  config.deflate = {.enabled = true,
                    .server_no_context_takeover = !takeover,
                    .client_no_context_takeover = !takeover};
  return config;
}

/// A client of an echo server, both of one loop. `talk` is a task that uses the stream.
template <typename Talk>
void with_client(backend::Loop& loop, const SharedConfig& config, Talk talk) {
  auto listener = listen(loop);
  TaskHandle serving = loop.spawn(serve_echo(loop, *listener, {.config = config}));
  const std::string url =
      scheme() + "127.0.0.1:" + std::to_string(listener->local_endpoint().port()) + "/";
  auto run = [](Loop& on, std::string to, SharedConfig with, Talk& what) -> Task<> {
    const ConnectOptions options = secured(ConnectOptions{.config = with});
    auto client = co_await connect(on, to, options);
    REQUIRE(client);
    co_await what(client->stream);
    CHECK_FALSE(co_await client->stream.close());
  };
  const TaskHandle task = loop.spawn(run(loop, url, config, talk));
  turn_until(loop, [&] { return task.done(); });
  serving.cancel();
  turn_until(loop, [&] { return loop.stream_count() == 0; });
}

TEST_CASE("a message is compressed unless it is kept out of that") {
  backend::Loop loop;
  auto talk = [](WebSocketStream& stream) -> Task<> {
    const std::string text(5000, 'x');
    const auto queued = [&](std::error_code status) {
      CHECK_FALSE(status);
      return stream.pending_output();
    };
    CHECK(queued(stream.feed(Kind::text, bytes_of(text))) < 200);
    CHECK(queued(stream.feed(Kind::text, SharedBytes(text))) < 400);
    CHECK(queued(stream.feed(Kind::text, bytes_of(text), true, Compression::never)) > 5000);
    CHECK(queued(stream.feed(Kind::text, SharedBytes(text), Compression::never)) > 10'000);
    CHECK_FALSE(co_await stream.send(text));
    CHECK_FALSE(co_await stream.send(text, Compression::never));
    CHECK(stream.pending_output() < 16'000);
    for (int i = 0; i < 6; ++i) {
      const auto message = co_await stream.next();
      REQUIRE(message);
      CHECK(message->text() == text);
    }
  };
  with_client(loop, compressing(true), talk);
}

TEST_CASE("a send that had to wait is kept out of compression as well") {
  backend::Loop loop;
  auto talk = [](WebSocketStream& stream) -> Task<> {
    const std::string large(12'000'000, 'x');
    CHECK(stream.feed(Kind::binary, bytes_of(large), true, Compression::never) ==
          std::error_code{});
    const std::string text(100'000, 'y');
    Operation plain = stream.send(Kind::text, bytes_of(text), true, Compression::never);
    Operation shared = stream.send(Kind::text, SharedBytes(text), Compression::never);
    CHECK_FALSE(plain.await_ready());
    CHECK_FALSE(shared.await_ready());
    const auto first = co_await stream.next();
    REQUIRE(first);
    CHECK(first->data.size() == large.size());
    CHECK_FALSE(co_await std::move(plain));
    CHECK_FALSE(co_await std::move(shared));
    for (int i = 0; i < 2; ++i) {
      const auto message = co_await stream.next();
      REQUIRE(message);
      CHECK(message->text() == text);
    }
  };
  with_client(loop, compressing(true), talk);
}

TEST_CASE("without takeover compressed messages cost no malloc, and leave nothing behind") {
  backend::Loop loop;
  auto talk = [&loop](WebSocketStream& stream) -> Task<> {
    for (const std::size_t size : {100U, 1000U, 16'000U, 50'000U}) {
      const std::string text(size, 'x');
      auto exchange = [&](int rounds) -> Task<> {
        for (int i = 0; i < rounds; ++i) {
          CHECK_FALSE(co_await stream.send(text));
          const auto message = co_await stream.next();
          REQUIRE(message);
          CHECK(message->text() == text);
        }
      };
      co_await exchange(3);
      const auto fetched = loop.memory().counters().fetched;
      co_await exchange(10);
      CHECK(loop.memory().counters().fetched == fetched);
    }
  };
  with_client(loop, compressing(false), talk);
  CHECK(loop.memory().counters().in_use == 0);
}

TEST_CASE("a bomb comes in chunks of bounded size") {
  backend::Loop loop;
  Config config;
  config.deflate.enabled = true;
  config.deliver_chunks = true;
  auto talk = [](WebSocketStream& stream) -> Task<> {
    const std::string zeros(8'000'000, '\0');
    CHECK_FALSE(co_await stream.send(Kind::binary, bytes_of(zeros)));
    std::size_t received = 0;
    while (received < zeros.size()) {
      const auto chunk = co_await stream.next();
      REQUIRE(chunk);
      CHECK(chunk->data.size() <= 64 * 1024);
      received += chunk->data.size();
    }
  };
  with_client(loop, config, talk);
}

/// `size` zeros as a compressed message's payload.
std::string bomb(std::size_t size) {
  Deflater deflater(Deflater::Options{}, *std::pmr::new_delete_resource());
  const std::vector<std::byte> zeros(size);
  ConstBytes in = zeros;
  std::string compressed;
  for (DeflateStatus status = DeflateStatus::needs_room; status == DeflateStatus::needs_room;) {
    std::vector<std::byte> some(64 * 1024);
    Bytes room = some;
    status = deflater.compress(in, room);
    compressed += text_of(ConstBytes(some).first(some.size() - room.size()));
  }
  REQUIRE(in.empty());
  compressed.resize(compressed.size() - sizeof deflate_tail);
  return compressed;
}

constexpr std::size_t bomb_size = 32U << 20U;

TEST_CASE("SEC-36 compressed zeros leave the other streams their turn") {
  backend::Loop loop;
  auto [ours, theirs] = connected();
  Peer attacker(loop, std::move(theirs), new_engine(Role::client));
  std::size_t messages = 0;
  std::error_code error;
  auto serve = [](Loop& on, Socket socket, AcceptOptions options, std::size_t& count,
                  std::error_code& why) -> Task<> {
    auto stream = co_await accept(on, std::move(socket), secured(std::move(options)));
    REQUIRE(stream);
    while (auto message = co_await stream->next()) {
      CHECK(message->data.size() == bomb_size);
      ++count;
    }
    why = stream->closed()->why;
  };
  AcceptOptions options;
  options.config = compressing(true);
  const TaskHandle task = loop.spawn(serve(loop, std::move(ours), options, messages, error));
  attacker.send(upgrade_request("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
  CHECK(attacker.receive_until("\r\n\r\n").find("permessage-deflate") != std::string::npos);
  Pair other = open_pair(loop);
  std::size_t at_echo = 1;
  auto echo_and_note = [](WebSocketStream stream, const std::size_t& count,
                          std::size_t& noted) -> Task<> {
    while (auto message = co_await stream.next()) {
      noted = count;
      if (const auto why = co_await stream.send(std::move(*message))) co_return;
    }
  };
  loop.spawn(echo_and_note(std::move(other.stream), messages, at_echo));
  settle(loop);

  const std::string frame = client_frame(final_binary | 0x40U, bomb(bomb_size));
  REQUIRE(frame.size() < 64 * 1024);  // all of it lies in one buffer
  attacker.send(frame);
  other.peer.send(client_frame(final_text, "echo"));
  std::string got;
  int turns = 0;
  for (; got.empty(); ++turns) {
    REQUIRE(turns < 8);
    loop.run_once(0ms);
    got += other.peer.receive_now();
  }
  CHECK(got == server_frame(final_text, "echo"));
  CHECK(at_echo == 0);
  turn_until(loop, [&] { return messages == 1; });
  attacker.close();
  turn_until(loop, [&] { return task.done(); });
}

}  // namespace
}  // namespace wolframite::test
