// No spelling of a call that compiles is undefined: options in braces inside `co_await` are made
// once and destroyed once, whatever compiler this is, and a second reader is told so.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rig.hpp"

namespace wolframite::test {
namespace {

/// What shares an owner with every object of a test, so that each of those can be counted.
class Counted {
 public:
  /// How many own it, this one included. One too few is a second destruction.
  [[nodiscard]] long owners() const { return owner_.use_count(); }

  /// A function object that owns a share.
  [[nodiscard]] auto on_request() const {
    return [owner = owner_](const Request&) -> Answer { return Accept{}; };
  }
  [[nodiscard]] std::string long_text() const { return std::string(100, 'x'); }

 private:
  std::shared_ptr<int> owner_ = std::make_shared<int>(1);
};

Config limited() {
  Config config;
  config.max_message_size = 1000;
  return config;
}

/// Runs a task that opens a stream over a socket whose other end is closed.
template <class Function>
void open_and_fail(Function function) {
  backend::Loop loop;
  auto [ours, theirs] = connected();
  theirs.close();
  run(loop, function(loop, std::move(ours)));
}

/// An address where nobody listens.
Endpoint unused() {
  backend::Loop loop;
  return listen(loop)->local_endpoint();
}

// Where the options are copied from must still be whole after three calls.
template <class Function>
void three_times(Function function) {
  for (int i = 0; i < 3; ++i) open_and_fail(function);
}

}  // namespace

TEST_CASE("accept takes its options in braces") {
  const SharedConfig config(limited());
  const Counted counted;
  const auto on_request = counted.on_request();
  const long owners = counted.owners();
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    CHECK_FALSE(co_await accept(loop, std::move(socket), {.config = config}));
  });
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    CHECK_FALSE(
        co_await accept(loop, std::move(socket), {.config = limited(), .on_request = on_request}));
  });
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    CHECK_FALSE(co_await accept(loop, std::move(socket),
                                AcceptOptions{.config = config, .on_request = on_request}));
  });
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    CHECK_FALSE(co_await accept(loop, std::move(socket), {}));
  });
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    CHECK_FALSE(co_await accept(loop, std::move(socket)));
  });
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    const auto made = co_await accept(loop, std::move(socket), {.config = config});
    CHECK_FALSE(made);
  });
  CHECK(counted.owners() == owners);
  CHECK(config->max_message_size == 1000);
}

TEST_CASE("accept takes a TLS context, and what that is made of, in braces") {
  const auto context = TlsContext::client();
  REQUIRE(context);
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    CHECK_FALSE(co_await accept(loop, std::move(socket), {.tls = *context}));
  });
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    TlsServerOptions options;
    CHECK_FALSE(co_await accept(loop, std::move(socket),
                                {.tls = TlsContext::server(options).value_or(*context)}));
  });
}

TEST_CASE("client takes its options in braces") {
  const SharedConfig config(limited());
  const auto context = TlsContext::client();
  REQUIRE(context);
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    CHECK_FALSE(co_await test::client(loop, "wss://localhost/", std::move(socket),
                                      {.connector = *context}));
  });
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    CHECK_FALSE(co_await test::client(loop, ClientRequest("ws://localhost/").header("A", "b"),
                                      std::move(socket), {.config = config}));
  });
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    CHECK_FALSE(co_await test::client(
        loop, "wss://localhost/", std::move(socket),
        ClientOptions{.config = limited(), .connector = Connector(*context)}));
  });
  three_times([&](Loop& loop, Socket socket) -> Task<> {
    CHECK_FALSE(co_await test::client(loop, "ws://localhost/", std::move(socket)));
  });
  CHECK(config->max_message_size == 1000);
}

TEST_CASE("connect takes its options in braces") {
  const SharedConfig config(limited());
  const auto context = TlsContext::client();
  REQUIRE(context);
  const Endpoint nowhere = unused();
  const std::string url = "ws://" + nowhere.to_string() + "/";
  three_times([&](Loop& loop, Socket) -> Task<> {
    CHECK_FALSE(co_await connect(loop, url, {.config = config, .connector = *context}));
  });
  three_times([&](Loop& loop, Socket) -> Task<> {
    CHECK_FALSE(co_await connect(loop, url, ConnectOptions{.config = limited()}));
  });
  three_times([&](Loop& loop, Socket) -> Task<> {
    CHECK_FALSE(co_await connect_socket(loop, nowhere, {.config = config, .disable_nagle = false}));
  });
  CHECK(config->max_message_size == 1000);
}

TEST_CASE("other aggregates may stand in braces inside co_await") {
  static_assert(std::is_trivially_destructible_v<Config>);
  static_assert(std::is_trivially_destructible_v<Message>);
  static_assert(std::is_trivially_destructible_v<ListenOptions>);
  const Counted counted;
  backend::Loop loop;
  auto later = [](Answer answer) -> Task<Answer> { co_return std::move(answer); };
  auto made_of = [](const TlsServerOptions& options) -> Task<std::size_t> {
    co_return options.identity.certificate.file.size() + options.identity.key.text.size();
  };
  run(loop, [](auto answers, auto size_of, std::string text) -> Task<> {
    const Answer accepted = co_await answers(Accept{.subprotocol = text, .headers = {}});
    CHECK(std::get<Accept>(accepted).subprotocol == text);
    const Answer refused = co_await answers(Response{.status = 404, .reason = text, .body = text});
    CHECK(std::get<Response>(refused).body == text);
    const Answer short_one = co_await answers(Response{.status = 404, .body = "short"});
    CHECK(std::get<Response>(short_one).body == "short");
    TlsServerOptions options;
    options.identity = {.certificate = {.file = text}, .key = {.text = "key"}};
    CHECK(co_await size_of(options) == text.size() + 3);
  }(later, made_of, counted.long_text()));
  run(loop, [](auto text, auto sized) -> Task<> {
    const std::size_t size =
        co_await sized(TlsIdentity{.certificate = {.file = text}, .key = {.text = "key"}});
    CHECK(size == text.size() + 3);
  }(counted.long_text(), [](TlsIdentity identity) -> Task<std::size_t> {
        co_return identity.certificate.file.size() + identity.key.text.size();
      }));
}

TEST_CASE("a message may stand in braces inside co_await") {
  backend::Loop loop;
  auto [stream, peer] = open_pair(loop);
  run(loop, [](WebSocketStream& to) -> Task<> {
    const std::error_code error = co_await to.send(Message{Kind::text, {}});
    CHECK_FALSE(error);
  }(stream));
  CHECK(peer.receive(2) == "\x81\x00"s);
}

#ifndef WOLFRAMITE_BACKEND_OF_HANDLERS  // which has tests of its own for this

// Text too long for a string to hold within itself, so that a stale view is seen.
TEST_CASE("a payload that is given away is the send's own while it waits") {
  const auto bytes_with = [](char letter) {
    return std::vector<std::byte>(3000, static_cast<std::byte>(letter));
  };
  const auto text_with = [](char letter) { return std::string(3000, letter); };
  const std::string filler(8U << 20U, 'f');
  backend::Loop loop;
  auto [stream, peer] =
      open_pair(loop, Role::server, Transport::tcp, Config{.write_buffer_size = 1000});
  std::string expected;
  {
    auto fills = stream.send(filler);
    expected += server_frame(final_text, filler);
    settle(loop);
    REQUIRE(stream.pending_output() > 1000);
    auto first = stream.send(text_with('a'));
    auto second = stream.send(text_with('b'), Compression::never);
    auto third = stream.send(Kind::text, text_with('c'), false);
    auto fourth = stream.send(Kind::text, text_with('d'), true, Compression::never);
    auto fifth = stream.send(Kind::binary, bytes_with('e'));
    auto sixth = stream.send("short"s);  // the characters move with the string
    const std::string_view view = "view";
    const std::string text = "text";
    auto seventh = stream.send(view);
    auto eighth = stream.send(text);
    auto ninth = stream.send("literal");
    { auto called_off = stream.send(text_with('x')); }
    expected += server_frame(final_text, text_with('a')) + server_frame(final_text, text_with('b'));
    expected += server_frame(0x01, text_with('c')) + server_frame(0x80, text_with('d'));
    expected += server_frame(final_binary, text_with('e')) + server_frame(final_text, "short");
    expected += server_frame(final_text, "view") + server_frame(final_text, "text") +
                server_frame(final_text, "literal");
    CHECK_FALSE(first.await_ready());
    CHECK(peer.receive(expected.size()) == expected);
    turn_until(loop, [&] { return ninth.await_ready(); });
    CHECK(first.await_ready());
    CHECK_FALSE(first.await_resume());
  }
  CHECK_FALSE(stream.send(text_with('g')).waits());  // and if it does not wait, no less
  CHECK(peer.receive(3004) == server_frame(final_text, text_with('g')));
}

#endif

TEST_CASE("what next() gives must have a name before it is asked") {
  static_assert(!std::is_constructible_v<bool, Received>);
  static_assert(!std::is_constructible_v<bool, const Received>);
  static_assert(std::is_constructible_v<bool, Received&>);
  static_assert(std::is_constructible_v<bool, const Received&>);
  backend::Loop loop;
  auto [stream, peer] = open_pair(loop);
  std::string got;
  std::error_code error = std::make_error_code(std::errc::io_error);
  // Neither has a variable but those in conditions.
  auto read = [](WebSocketStream& from, std::string& into) -> Task<> {
    while (auto message = co_await from.next()) into += message->text();
  };
  auto read_one = [](WebSocketStream& from, std::string& into) -> Task<> {
    if (auto message = co_await from.next()) into += (*message).text();
  };
  auto pass_on = [](WebSocketStream& from) -> Task<Received> { co_return co_await from.next(); };
  auto read_in_turn = [&](WebSocketStream& from, std::string& into) -> Task<> {
    co_await read_one(from, into);
    const auto passed_on = co_await pass_on(from);
    REQUIRE(passed_on);
    into += passed_on->text();
    into += (co_await from.next())->text();
    co_await read(from, into);
    auto end = co_await from.next();
    CHECK_FALSE(end.has_value());
    CHECK(end == std::nullopt);
    error = end.error();
  };
  auto task = loop.spawn(read_in_turn(stream, got));
  for (const char each : {'a', 'b', 'c', 'd', 'e'}) {
    peer.send(client_frame(final_text, std::string(1, each)));
  }
  peer.send(client_frame(close_frame, "\x03\xE8"s));
  turn_until(loop, [&] { return task.done(); });
  CHECK(got == "abcde");
  CHECK_FALSE(error);
}

TEST_CASE("a second reader is refused, and the first goes on waiting") {
  backend::Loop loop;
  auto [stream, peer] = open_pair(loop);
  std::string got;
  std::error_code refusal;
  bool refused = false;
  auto first = loop.spawn([](WebSocketStream& from, std::string& into) -> Task<> {
    while (auto message = co_await from.next()) into += message->text();
  }(stream, got));
  settle(loop);
  auto second = loop.spawn([](WebSocketStream& from, std::error_code& error, bool& done) -> Task<> {
    const auto message = co_await from.next();
    CHECK_FALSE(message);
    error = message.error();
    done = true;
  }(stream, refusal, refused));
  turn_until(loop, [&] { return second.done(); });
  CHECK(refused);
  CHECK(refusal == Error::already_reading);
  CHECK_FALSE(first.done());
  peer.send(client_frame(final_text, "still here"));
  turn_until(loop, [&] { return !got.empty(); });
  CHECK(got == "still here");
  peer.close();
  turn_until(loop, [&] { return first.done(); });
}

TEST_CASE("the end of next() says why") {
  backend::Loop loop;
  auto [stream, peer] = open_pair(loop);
  std::error_code error;
  auto task = loop.spawn([](WebSocketStream& from, std::error_code& why) -> Task<> {
    const auto message = co_await from.next();
    why = message.error();
    CHECK(why == from.closed()->why);
  }(stream, error));
  peer.send("\x81\x00"s);  // not masked
  turn_until(loop, [&] { return task.done(); });
  CHECK(error == Error::unmasked_frame_from_client);
}

}  // namespace wolframite::test
