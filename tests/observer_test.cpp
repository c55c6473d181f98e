// Invariant: an observer is told of every frame and event once and in order, and counters add up to
// what went over the wire.
#include "wolframite/observer.hpp"

#include <doctest/doctest.h>

#include "support.hpp"

namespace wolframite::test {
namespace {

/// Writes down what it is told.
class Diary final : public Observer {
 public:
  void frame_received(const FrameHeader& header, Time) override {
    entries.push_back("< " + line(header));
  }
  void frame_sent(const FrameHeader& header, ConstBytes payload, Time) override {
    entries.push_back("> " + line(header) + " \"" + std::string(text_of(payload)) + '"');
  }
  void happened(const Event& event, Time now) override {
    entries.push_back("event " + std::to_string(event.index()));
    last = now;
  }

  std::vector<std::string> entries;
  Time last{};

 private:
  static std::string line(const FrameHeader& header) {
    return std::to_string(static_cast<int>(header.opcode)) + (header.fin ? " fin " : " ") +
           (header.rsv != 0 ? "rsv1 " : "") + (header.masked ? "masked " : "") +
           std::to_string(header.length);
  }
};

TEST_CASE("an observer is told of frames and events in their order, both ways") {
  Connection server = open_server();
  Diary diary;
  server.observe(&diary);
  static_cast<void>(tell(server, at(5ms)));
  feed(server, client_frame(begin_text, "he") + client_frame(ping_frame, "p") +
                   client_frame(final_continuation, "llo"));
  CHECK_FALSE(server.send(Kind::text, bytes_of("hi")));
  CHECK_FALSE(server.send(Kind::binary, SharedBytes(std::string(2000, 'x'))));
  feed(server, client_frame(close_frame, close_body(1000)));
  feed_eof(server);
  CHECK(diary.entries ==
        std::vector{"< 1 masked 2"s, "< 9 fin masked 1"s, "> 10 fin 1 \"p\""s, "event 4"s,
                    "< 0 fin masked 3"s, "event 3"s, "> 1 fin 2 \"hi\""s,
                    "> 2 fin 2000 \""s + std::string(2000, 'x') + '"', "< 8 fin masked 2"s,
                    "> 8 fin 2 \"\x03\xE8\""s, "event 6"s, "event 7"s});
  CHECK(diary.last == at(5ms));
}

TEST_CASE("it is told the same however the input is cut, and nothing of a frame that is refused") {
  const std::string bytes = client_frame(begin_text, "he") + client_frame(ping_frame, "p") +
                            client_frame(final_continuation, std::string(300, 'x')) + "\xF1\x80";
  std::vector<std::string> whole;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    Connection server = open_server();
    Diary diary;
    server.observe(&diary);
    Records events;
    feed(server, bytes, {cut}, events);
    if (cut == 0) whole = diary.entries;
    CHECK(diary.entries == whole);
  }
  // The message, then the Close that the connection is failed with, and Closed.
  REQUIRE(whole.size() == 8);
  CHECK(whole[5] == "event 3");
  CHECK(whole[6].starts_with("> 8 fin "));
  CHECK(whole[7] == "event 7");
}

TEST_CASE("it can be taken off") {
  Connection server = open_server();
  Diary diary;
  server.observe(&diary);
  feed(server, client_frame(ping_frame, "p"));
  const auto count = diary.entries.size();
  server.observe(nullptr);
  feed(server, client_frame(ping_frame, "p"));
  CHECK(diary.entries.size() == count);
}

TEST_CASE("counters of both ends agree with each other and with the wire") {
  TestEntropy entropy(3);
  Connection client = open_client(entropy);
  Connection server = open_server();
  Counters ours, theirs;
  client.observe(&ours);
  server.observe(&theirs);
  std::size_t up = 0, down = 0;
  const auto exchange = [&] {
    const std::string there = take_output(client);
    up += there.size();
    feed(server, there);
    const std::string back = take_output(server);
    down += back.size();
    feed(client, back);
  };
  for (const std::size_t size : {0UL, 125UL, 126UL, 65'536UL}) {
    CHECK_FALSE(client.send(Kind::binary, bytes_of(std::string(size, 'x'))));
    CHECK_FALSE(server.send(Kind::text, bytes_of(std::string(size, 'y'))));
    exchange();
  }
  CHECK_FALSE(client.send(Kind::text, bytes_of("a"), false));
  CHECK_FALSE(client.ping(bytes_of("now")));
  CHECK_FALSE(client.send(Kind::text, bytes_of("b"), true));
  exchange();

  CHECK(ours.sent().octets == up);
  CHECK(ours.received().octets == down);
  CHECK(theirs.received().octets == up);
  CHECK(theirs.sent().octets == down);
  CHECK(ours.sent().frames == 7);
  CHECK(ours.sent().messages == 5);
  CHECK(theirs.received().messages == 5);
  CHECK(theirs.sent().messages == 4);
  CHECK(ours.sent().pings == 1);
  CHECK(theirs.received().pings == 1);
  CHECK(theirs.sent().pongs == 1);
  CHECK(ours.received().pongs == 1);
}

TEST_CASE("the round trip is from the newest ping to the pong with its payload") {
  TestEntropy entropy(3);
  Connection client = open_client(entropy);
  Counters counters;
  client.observe(&counters);
  CHECK_FALSE(counters.round_trip());
  static_cast<void>(tell(client, at(0ms)));
  CHECK_FALSE(client.ping(bytes_of("one")));
  static_cast<void>(tell(client, at(10ms)));
  CHECK_FALSE(client.ping(bytes_of("two")));
  static_cast<void>(tell(client, at(25ms)));
  feed(client, server_frame(pong_frame, "one"));
  CHECK_FALSE(counters.round_trip());
  feed(client, server_frame(pong_frame, "two"));
  CHECK(counters.round_trip() == 15ms);
  static_cast<void>(tell(client, at(40ms)));
  feed(client, server_frame(pong_frame, "two"));
  CHECK(counters.round_trip() == 15ms);
}

TEST_CASE("keepalive measures the round trip by itself") {
  Config config;
  config.ping_interval = 100ms;
  TestEntropy entropy(3);
  Connection client = open_client(entropy, config);
  Counters counters;
  client.observe(&counters);
  static_cast<void>(tell(client, at(0ms)));
  static_cast<void>(tell(client, at(100ms)));
  const std::string ping = take_output(client);
  REQUIRE(ping.size() == 10);
  Connection server = open_server();
  feed(server, ping);
  static_cast<void>(tell(client, at(107ms)));
  feed(client, take_output(server));
  CHECK(counters.round_trip() == 7ms);
}

}  // namespace
}  // namespace wolframite::test
