// Messages go through a stream unchanged and in order, over TCP and Unix sockets, in either role.
#include "rig.hpp"

namespace wolframite::test {
namespace {

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

TEST_CASE("messages of all sizes come back from an echo, in order") {
  for (const Transport transport : {Transport::tcp, Transport::local}) {
    CAPTURE(static_cast<int>(transport));
    backend::Loop loop;
    auto [server, client] = open_streams(loop, transport);
    loop.spawn(echo(std::move(server)));
    auto talk = [](WebSocketStream& stream, Outcome& outcome) -> Task<> {
      for (const std::size_t size :
           {0UL, 1UL, 125UL, 126UL, 65535UL, 65536UL, 1000003UL, 16UL << 20U}) {
        const std::string text = pattern(size);
        outcome.error = co_await stream.send(text);
        CHECK_FALSE(outcome.error);
        auto message = co_await stream.next();
        REQUIRE(message);
        CHECK(message->kind == Kind::text);
        CHECK(message->text() == text);
      }
      outcome.error = co_await stream.close();
      outcome.done = true;
    };
    Outcome outcome;
    run(loop, talk(client, outcome));
    CHECK(outcome.done);
    CHECK_FALSE(outcome.error);
    REQUIRE(client.closed() != nullptr);
    CHECK(client.closed()->clean);
    loop.run();
    CHECK(loop.task_count() == 0);
  }
}

TEST_CASE("bytes read beyond the handshake are received first") {
  backend::Loop loop;
  auto [our_engine, their_engine] = joined_engines(loop, Role::server);
  auto [ours, theirs] = connected();
  const std::string early = client_frame(final_text, "one") + client_frame(final_text, "two") +
                            client_frame(final_text, "three").substr(0, 5);
  auto stream = WebSocketStream::from_partially_read(loop, std::move(ours), bytes_of(early),
                                                     Role::server, {}, std::move(our_engine));
  REQUIRE(stream);
  Peer peer(loop, std::move(theirs), std::move(their_engine));
  peer.send(client_frame(final_text, "three").substr(5) + client_frame(final_text, "four"));
  Outcome outcome;
  loop.spawn(read_all(*stream, outcome));
  turn_until(loop, [&] { return outcome.messages.size() == 4; });
  CHECK(outcome.messages == std::vector{"one"s, "two"s, "three"s, "four"s});
}

TEST_CASE("a stream says what it is made of") {
  backend::Loop loop;
  const Config config{.max_message_size = 1234};
  Pair pair = open_pair(loop, Role::client, Transport::tcp, config);
  CHECK(pair.stream.config().max_message_size == 1234);
  CHECK(pair.stream.role() == Role::client);
  CHECK(pair.stream.next_layer().is_open());
  CHECK(pair.stream.next_layer().remote_endpoint()->to_string() ==
        pair.peer.socket().local_endpoint()->to_string());
  CHECK_FALSE(pair.stream.is_terminated());
  CHECK(pair.stream.closed() == nullptr);
  CHECK(&pair.stream.loop() == &loop);
}

TEST_CASE("counters see what goes through a stream, and how long a ping takes") {
  backend::Loop loop;
  Pair pair = open_pair(loop, Role::client);
  Counters counters;
  pair.stream.observe(&counters);
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  settle(loop);
  CHECK_FALSE(pair.stream.ping(bytes_of("now")));
  auto send = [](WebSocketStream& stream) -> Task<> { CHECK_FALSE(co_await stream.send("hello")); };
  run(loop, send(pair.stream));
  CHECK(pair.peer.receive(9 + 11).size() == 9 + 11);
  pair.peer.send(server_frame(pong_frame, "now") + server_frame(final_text, "hi"));
  turn_until(loop, [&] { return outcome.messages.size() == 1; });
  CHECK(counters.sent().messages == 1);
  CHECK(counters.sent().pings == 1);
  CHECK(counters.sent().octets == 20);
  CHECK(counters.received().messages == 1);
  CHECK(counters.received().pongs == 1);
  CHECK(counters.received().octets == 9);
  CHECK(counters.round_trip());
  pair.stream.observe(nullptr);
}

TEST_CASE("an inconsistent Config is an error, and the socket is closed") {
  backend::Loop loop;
  auto [ours, theirs] = connected();
  const auto stream = WebSocketStream::from_raw_socket(loop, std::move(ours), Role::server,
                                                       Config{.write_buffer_size = 0});
  REQUIRE_FALSE(stream);
  CHECK(stream.error() == Error::invalid_config);
  Peer peer(loop, std::move(theirs));
  CHECK(peer.receive_all().empty());
}

TEST_CASE("fragments can be sent, and are put together by the receiver") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  auto talk = [](WebSocketStream& stream) -> Task<> {
    CHECK_FALSE(co_await stream.send(Kind::text, bytes_of("he"), false));
    CHECK_FALSE(co_await stream.send(Kind::text, bytes_of("llo"), true));
    CHECK(co_await stream.send(Kind::text, bytes_of("x"), false) == std::error_code{});
    CHECK(co_await stream.send(Kind::binary, bytes_of("y"), true) == Error::message_kind_changed);
  };
  run(loop, talk(pair.stream));
  CHECK(pair.peer.receive(9).substr(0, 9) ==
        server_frame(begin_text, "he") + server_frame(final_continuation, "llo"));
}

TEST_CASE("fed messages wait for a flush, and go out in one write with what follows") {
  backend::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::local);
  settle(loop);
  CHECK_FALSE(pair.stream.feed(Kind::text, bytes_of("a")));
  CHECK_FALSE(pair.stream.feed(Kind::text, bytes_of("b")));
  settle(loop);
  CHECK(pair.peer.receive_now().empty());
  CHECK(pair.stream.pending_output() == 6);
  auto flush = [](WebSocketStream& stream, Outcome& outcome) -> Task<> {
    outcome.error = co_await stream.flush();
    outcome.done = true;
  };
  Outcome outcome;
  run(loop, flush(pair.stream, outcome));
  CHECK_FALSE(outcome.error);
  CHECK(pair.stream.pending_output() == 0);
  CHECK(pair.peer.receive_now() == server_frame(final_text, "a") + server_frame(final_text, "b"));
}

TEST_CASE("a shared payload goes to many streams") {
  backend::Loop loop;
  const SharedBytes payload(pattern(300'000));
  std::vector<Pair> pairs;
  for (int i = 0; i < 5; ++i) pairs.push_back(open_pair(loop));
  auto send = [](WebSocketStream& stream, SharedBytes bytes) -> Task<> {
    CHECK_FALSE(co_await stream.send(Kind::text, bytes));
    CHECK_FALSE(stream.feed(Kind::text, bytes));
    CHECK_FALSE(co_await stream.flush());
  };
  std::vector<TaskHandle> tasks;
  for (Pair& pair : pairs) tasks.push_back(loop.spawn(send(pair.stream, payload)));
  const std::string frame = server_frame(final_text, text_of(payload.bytes()));
  for (Pair& pair : pairs) CHECK(pair.peer.receive(2 * frame.size()) == frame + frame);
  for (const TaskHandle& task : tasks) turn_until(loop, [&] { return task.done(); });
}

TEST_CASE("pings are answered while somebody reads, and one's own go out") {
  backend::Loop loop;
  Pair pair = open_pair(loop);
  Outcome outcome;
  loop.spawn(read_all(pair.stream, outcome));
  pair.peer.send(client_frame(ping_frame, "hi"));
  CHECK(pair.peer.receive(4) == server_frame(pong_frame, "hi"));
  CHECK_FALSE(pair.stream.ping(bytes_of("yo")));
  CHECK(pair.peer.receive(4) == server_frame(ping_frame, "yo"));
  CHECK_FALSE(pair.stream.pong(bytes_of("uh")));
  CHECK(pair.peer.receive(4) == server_frame(pong_frame, "uh"));
  CHECK(pair.stream.ping(bytes_of(std::string(126, 'x'))) == Error::control_payload_too_long);
}

TEST_CASE("deliver_chunks hands out the pieces of a message as they come") {
  backend::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::tcp, Config{.deliver_chunks = true});
  std::string got;
  bool whole = false;
  auto read = [](WebSocketStream& stream, std::string& into, bool& last) -> Task<> {
    while (auto message = co_await stream.next()) {
      into += message->text();
      last = message->last;
    }
  };
  loop.spawn(read(pair.stream, got, whole));
  const std::string frame = client_frame(final_binary, "0123456789");
  pair.peer.send(frame.substr(0, 10));
  turn_until(loop, [&] { return got.size() == 4; });
  CHECK_FALSE(whole);
  pair.peer.send(frame.substr(10));
  turn_until(loop, [&] { return got.size() == 10; });
  CHECK(got == "0123456789");
  CHECK(whole);
}

}  // namespace
}  // namespace wolframite::test
