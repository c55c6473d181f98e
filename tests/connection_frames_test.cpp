// Invariant: frames become messages by the rules of RFC 6455 §5, and the first that breaks one ends
// the connection.
#include <doctest/doctest.h>

#include <algorithm>

#include "input_cases.hpp"

namespace wolframite::test {
namespace {

const std::byte* data_of(const std::string& text) {
  return reinterpret_cast<const std::byte*>(text.data());
}

}  // namespace

TEST_CASE("a frame that lies whole in the input is delivered where it lies, unmasked") {
  for (const unsigned first : {final_text, final_binary}) {
    Connection server = open_server();
    std::string input = client_frame(first, "Hello");
    Bytes in = writable(input);
    const auto event = server.receive(in);
    REQUIRE(event);
    const auto& message = std::get<Message>(*event);
    CHECK(message.text() == "Hello");
    CHECK(message.data.data() == data_of(input) + 6);
    CHECK(message.kind == (first == final_text ? Kind::text : Kind::binary));
    CHECK(message.first);
    CHECK(message.last);
    CHECK(in.empty());
    message.data[0] = std::byte{'J'};
    CHECK(message.text() == "Jello");
    CHECK(message.to_owned().text() == "Jello");
  }
}

TEST_CASE("receive gives one event a call and leaves the rest of the input alone") {
  Connection server = open_server();
  const std::string second = client_frame(final_text, "two");
  std::string input = client_frame(final_text, "one") + second;
  Bytes in = writable(input);
  CHECK(to_record(server.receive(in).value()) == text("one"));
  CHECK(in.size() == second.size());
  CHECK(text_of(in) == second);
  CHECK(to_record(server.receive(in).value()) == text("two"));
  CHECK(in.empty());
  CHECK_FALSE(server.receive(in).has_value());
}

TEST_CASE("a violation is answered with the Close of its code, whatever the role") {
  for (const Role role : {Role::server, Role::client}) {
    for (const InputCase& input : invalid_frame_cases(role)) {
      INFO(input.name);
      ZeroEntropy entropy;
      Connection connection = Connection::from_raw(role, &entropy, input.config);
      const Records events = feed(connection, input.input);
      REQUIRE_FALSE(events.empty());
      const auto why = static_cast<Error>(events.back().why.value());
      const std::string body = close_body(close_code_for(why), describe(why));
      const std::string close = role == Role::server ? server_frame(close_frame, body)
                                                     : client_frame(close_frame, body, "\0\0\0\0"s);
      CHECK(take_output(connection) == close);
      CHECK(connection.wants_shutdown());
      CHECK(connection.wants_read());
      CHECK(feed(connection, input.input).empty());
      CHECK(feed_eof(connection).empty());
      CHECK(connection.is_terminated());
    }
  }
}

TEST_CASE("a violation is seen at the octet that shows it") {
  struct Case {
    std::string input;  // of which the last octet is the first that shows it
    Error why;
  };
  const std::vector<Case> server_cases{
      {"\xC1", Error::reserved_bits_set},
      {"\x83", Error::unknown_data_opcode},
      {"\x8B", Error::unknown_control_opcode},
      {"\x09", Error::fragmented_control_frame},
      {"\x89\xFE", Error::control_frame_too_big},
      {"\x80", Error::unexpected_continuation},
      {"\x81\x05", Error::unmasked_frame_from_client},
      {client_frame(begin_text, "x") + "\x81", Error::expected_continuation},
      {"\x82\xFE" + big_endian(125, 2), Error::length_not_minimal},
      {"\x82\xFF" + big_endian(65535, 8), Error::length_not_minimal},
      {"\x82\xFF" + big_endian(std::uint64_t{1} << 63U, 8), Error::length_too_large},
      {"\x82\xFF" + big_endian(16 * 1024 * 1024 + 1, 8), Error::frame_too_big},
      {header(final_text, 100, 0x80) + "\0\0\0\0ab\xC0"s, Error::invalid_utf8},
      {header(final_text, 100, 0x80) + "\0\0\0\0ab\xED\xA0"s, Error::invalid_utf8},
  };
  for (const Case& c : server_cases) {
    INFO(to_hex(c.input));
    Connection server = open_server();
    Records events;
    feed_by_octets(server, std::string_view(c.input).substr(0, c.input.size() - 1), events);
    CHECK(events.empty());
    feed(server, std::string_view(c.input).substr(c.input.size() - 1), events);
    CHECK(events == Records{failed(c.why)});
  }
}

TEST_CASE("the largest frame and message allowed pass, one octet more does not") {
  Config config;
  config.max_frame_size = 1000;
  config.max_message_size = 1500;
  const std::string frame(1000, 'a');
  const std::string rest(500, 'b');
  {
    Connection server = open_server(config);
    CHECK(feed(server, client_frame(final_binary, frame)) == Records{binary(frame)});
    CHECK(
        feed(server, client_frame(begin_binary, frame) + client_frame(final_continuation, rest)) ==
        Records{binary(frame + rest)});
    CHECK(feed(server, header(final_binary, 1001, 0x80)) == Records{failed(Error::frame_too_big)});
  }
  Connection server = open_server(config);
  CHECK(feed(server, client_frame(begin_binary, frame) + header(final_continuation, 501, 0x80)) ==
        Records{failed(Error::message_too_big)});
  config.max_message_size = 999;
  Connection stricter = open_server(config);
  CHECK(feed(stricter, client_frame(final_binary, std::string(999, 'a'))).size() == 1);
  CHECK(feed(stricter, header(final_binary, 1000, 0x80)) ==
        Records{failed(Error::message_too_big)});
}

TEST_CASE("the default limits are met exactly and passed by one") {
  const std::size_t frame_size = Config{}.max_frame_size;
  Connection server = open_server();
  std::string input =
      header(final_binary, frame_size, 0x80) + "\0\0\0\0"s + std::string(frame_size, 'x');
  Bytes in = writable(input);
  const auto event = server.receive(in);
  REQUIRE(event);
  CHECK(std::get<Message>(*event).data.size() == frame_size);
  CHECK(feed(server, header(final_binary, frame_size + 1, 0x80)) ==
        Records{failed(Error::frame_too_big)});
  // Messages: the frames before are pieces, so that no test needs the memory of a whole one.
  Config config;
  config.deliver_chunks = true;
  for (const std::uint64_t beyond : {0U, 1U}) {
    Connection streaming = open_server(config);
    for (unsigned i = 0; i < 3; ++i) {
      const std::string_view piece = std::string_view(input).substr(0, frame_size + 14);
      std::string frame(piece);
      frame[0] = static_cast<char>(i == 0 ? begin_binary : more);
      Bytes rest = writable(frame);
      CHECK(streaming.receive(rest).has_value());
      CHECK(rest.empty());
    }
    CHECK(feed(streaming, header(more, frame_size - 1, 0x80) + "\0\0\0\0"s).empty());
    std::string body(frame_size - 1, 'x');
    Bytes rest = writable(body);
    CHECK(streaming.receive(rest).has_value());
    const Records events =
        feed(streaming, header(final_continuation, 1 + beyond, 0x80) + "\0\0\0\0y"s);
    CHECK(events == (beyond == 0 ? Records{piece(Kind::binary, "y", false, true)}
                                 : Records{failed(Error::message_too_big)}));
  }
}

TEST_CASE("every length encoding is read at its bounds") {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65535U, 65536U, 65537U}) {
    const std::string payload = Random(size + 1).octets(size);
    Connection server = open_server();
    CHECK(feed(server, client_frame(final_binary, payload)) == Records{binary(payload)});
    TestEntropy entropy;
    Connection client = open_client(entropy);
    CHECK(feed(client, server_frame(final_binary, payload)) == Records{binary(payload)});
    // In pieces of 1000, so that the key's phase is carried on.
    Records events;
    std::vector<std::size_t> cuts;
    const std::string frame = client_frame(final_binary, payload);
    for (std::size_t cut = 1001; cut < frame.size(); cut += 1001) cuts.push_back(cut);
    feed(server, frame, cuts, events);
    CHECK(events == Records{binary(payload)});
  }
}

TEST_CASE("pieces are delivered as they come") {
  Config config;
  config.deliver_chunks = true;
  Connection server = open_server(config);
  const std::string frame = client_frame(begin_text, "Hello");
  CHECK(feed(server, frame.substr(0, 6)).empty());
  CHECK(feed(server, frame.substr(6, 2)) == Records{piece(Kind::text, "He", true, false)});
  CHECK(feed(server, frame.substr(8)) == Records{piece(Kind::text, "llo", false, false)});
  CHECK(feed(server, client_frame(ping_frame)) == Records{pinged()});
  CHECK(feed(server, client_frame(more)).empty());
  CHECK(feed(server, client_frame(final_continuation)) ==
        Records{piece(Kind::text, "", false, true)});
  CHECK(feed(server, client_frame(final_text, "whole")) == Records{text("whole")});
  CHECK(feed(server, client_frame(final_text)) == Records{text("")});
}

TEST_CASE("a message of pieces stays one kind and one UTF-8 text") {
  Config config;
  config.deliver_chunks = true;
  Connection server = open_server(config);
  Records events;
  feed_by_octets(server, client_frame(begin_text, "\xE2\x82"), events);
  CHECK(events ==
        Records{piece(Kind::text, "\xE2", true, false), piece(Kind::text, "\x82", false, false)});
  CHECK(feed(server, client_frame(final_continuation, "x")) ==
        Records{failed(Error::invalid_utf8)});
}

TEST_CASE("unmasked frames pass where they are allowed, beside masked ones") {
  Config config;
  config.accept_unmasked_frames = true;
  Connection server = open_server(config);
  CHECK(feed(server, server_frame(final_text, "bare") + client_frame(final_text, "masked") +
                         server_frame(ping_frame)) ==
        Records{text("bare"), text("masked"), pinged()});
  CHECK(feed(server, server_frame(begin_text, "ba") + client_frame(final_continuation, "re")) ==
        Records{text("bare")});
  // The option is a server's: a client takes none of a server's masked frames.
  TestEntropy entropy;
  Connection client = open_client(entropy, config);
  CHECK(feed(client, client_frame(final_text, "x")) ==
        Records{failed(Error::masked_frame_from_server)});
}

TEST_CASE("commands between events leave the view of the last one alone") {
  Connection server = open_server();
  std::string input =
      client_frame(begin_text, std::string(5000, 'a')) + client_frame(final_continuation, "b");
  Bytes in = writable(input);
  const auto event = server.receive(in);
  REQUIRE(event);
  const std::string expected = std::string(5000, 'a') + "b";
  CHECK_FALSE(server.send(Kind::text, std::get<Message>(*event).data));
  CHECK_FALSE(server.ping());
  CHECK_FALSE(server.close());
  CHECK(take_output(server).starts_with(server_frame(final_text, expected)));
  CHECK(std::get<Message>(*event).text() == expected);
}

TEST_CASE("a buffer handed back is not touched again, though the next one begins where it ended") {
  const std::string frame = client_frame(final_text, "Hello");
  std::string pool = frame + frame;
  const Bytes first = writable(pool).first(frame.size());
  const Bytes second = writable(pool).subspan(frame.size());
  Connection server = open_server();
  Bytes in = first;
  CHECK(server.receive(in).has_value());
  CHECK(in.empty());
  std::ranges::fill(first, std::byte{'n'});
  in = second;
  CHECK(to_record(server.receive(in).value()) == text("Hello"));
  CHECK(text_of(first) == std::string(frame.size(), 'n'));
}

TEST_CASE("an owner without input is told whether receiving would bring anything") {
  CountingResource memory;
  Connection server = open_server({}, &memory);
  CHECK_FALSE(server.has_events());
  std::string whole = client_frame(final_text, "whole");
  Bytes in = writable(whole);
  REQUIRE(server.receive(in));
  CHECK_FALSE(server.has_events());

  // A message that was put together, whose memory the next call gives back.
  std::string begun = client_frame(begin_text, "in ") + client_frame(final_continuation, "two");
  in = writable(begun);
  REQUIRE(server.receive(in));
  CHECK(in.empty());
  CHECK(server.has_events());
  CHECK(memory.in_use > 0);
  CHECK_FALSE(server.receive(in));
  CHECK_FALSE(server.has_events());
  CHECK(memory.in_use == 0);

  std::string half = client_frame(begin_text, "half").substr(0, 8);
  in = writable(half);
  CHECK_FALSE(server.receive(in));
  CHECK_FALSE(server.has_events());

  Connection early = Connection::from_partially_read(bytes_of(std::string_view(whole)).first(2),
                                                     Role::server, nullptr);
  CHECK(early.has_events());
  CHECK(Connection::server().has_events());
}

TEST_CASE("a connection moved in the midst of anything goes on") {
  const std::string input = client_frame(begin_text, "Hello ") + client_frame(ping_frame, "p") +
                            client_frame(final_continuation, "world");
  Connection server = open_server();
  Records events;
  for (const char octet : input) {
    Connection moved(std::move(server));
    feed(moved, {&octet, 1}, events);
    server = std::move(moved);
  }
  CHECK(events == Records{pinged("p"), text("Hello world")});
  CHECK(take_output(server) == server_frame(pong_frame, "p"));
}

}  // namespace wolframite::test
