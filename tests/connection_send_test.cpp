// Invariant: a command queues exactly its frame, or returns an error and changes nothing.
#include <doctest/doctest.h>

#include "support.hpp"

namespace wolframite::test {

TEST_CASE("messages of every length encoding are framed, a server's bare and a client's masked") {
  for (const std::size_t size : {0U, 1U, 3U, 125U, 126U, 1023U, 1024U, 65535U, 65536U, 70001U}) {
    for (const Kind kind : {Kind::text, Kind::binary}) {
      const std::string payload = Random(size).letters(size);
      const unsigned first = kind == Kind::text ? final_text : final_binary;
      Connection server = open_server();
      CHECK_FALSE(server.send(kind, bytes_of(payload)));
      CHECK_FALSE(server.send(kind, SharedBytes(payload)));
      CHECK(take_output(server) == server_frame(first, payload) + server_frame(first, payload));

      TestEntropy entropy(size);
      Connection client = open_client(entropy);
      CHECK_FALSE(client.send(kind, bytes_of(payload)));
      CHECK_FALSE(client.send(kind, SharedBytes(payload)));
      TestEntropy same(size);
      std::string first_key(4, '\0');
      std::string second_key(4, '\0');
      same.fill(writable(first_key));
      same.fill(writable(second_key));
      CHECK(take_output(client) ==
            client_frame(first, payload, first_key) + client_frame(first, payload, second_key));
    }
  }
}

TEST_CASE("a message sent in fragments, with control frames between them") {
  Connection server = open_server();
  CHECK_FALSE(server.send(Kind::text, bytes_of("one "), false));
  CHECK_FALSE(server.ping(bytes_of("p")));
  CHECK_FALSE(server.send(Kind::text, bytes_of("two "), false));
  CHECK_FALSE(server.pong());
  CHECK_FALSE(server.send(Kind::text, bytes_of("three")));
  CHECK_FALSE(server.send(Kind::binary, bytes_of("next")));
  CHECK(take_output(server) == server_frame(begin_text, "one ") + server_frame(ping_frame, "p") +
                                   server_frame(more, "two ") + server_frame(pong_frame) +
                                   server_frame(final_continuation, "three") +
                                   server_frame(final_binary, "next"));
}

TEST_CASE("a fragment of another kind, and a whole message between fragments, are misuse") {
  for (const std::size_t size : {10U, 5000U}) {
    Connection server = open_server();
    CHECK_FALSE(server.send(Kind::text, bytes_of("one"), false));
    const std::size_t before = server.pending_output();
    CHECK(server.send(Kind::binary, bytes_of("x"), false) == Error::message_kind_changed);
    CHECK(server.send(Kind::binary, bytes_of("x")) == Error::message_kind_changed);
    CHECK(server.send(Kind::text, SharedBytes(std::string(size, 'x'))) ==
          Error::message_unfinished);
    CHECK(server.pending_output() == before);
    CHECK_FALSE(server.send(Kind::text, ConstBytes{}));
    CHECK(take_output(server) ==
          server_frame(begin_text, "one") + server_frame(final_continuation));
  }
  TestEntropy entropy;
  Connection client = open_client(entropy);
  CHECK_FALSE(client.send(Kind::text, bytes_of("one"), false));
  CHECK(client.send(Kind::text, SharedBytes("x"s)) == Error::message_unfinished);
}

TEST_CASE("control payloads are limited to 125 octets") {
  Connection server = open_server();
  const std::string longest(125, 'x');
  CHECK(server.ping(bytes_of(longest + "x")) == Error::control_payload_too_long);
  CHECK(server.pong(bytes_of(longest + "x")) == Error::control_payload_too_long);
  CHECK_FALSE(server.wants_write());
  CHECK_FALSE(server.ping(bytes_of(longest)));
  CHECK_FALSE(server.pong(bytes_of(longest)));
  CHECK(take_output(server) ==
        server_frame(ping_frame, longest) + server_frame(pong_frame, longest));
}

TEST_CASE("nothing is queued above max_write_buffer_size, exactly") {
  Config config;
  config.write_buffer_size = 10;
  config.max_write_buffer_size = 100;
  Connection server = open_server(config);
  CHECK_FALSE(server.send(Kind::binary, bytes_of(std::string(97, 'x'))));
  CHECK(server.pending_output() == 99);
  CHECK_FALSE(
      server.send(Kind::binary, bytes_of("y")));  // one octet short of the limit, anything goes
  const std::size_t full = server.pending_output();
  CHECK(full == 102);
  CHECK(server.send(Kind::binary, bytes_of("z")) == Error::write_buffer_full);
  CHECK(server.send(Kind::binary, SharedBytes(std::string(4000, 'z'))) == Error::write_buffer_full);
  CHECK(server.ping() == Error::write_buffer_full);
  CHECK(server.pong() == Error::write_buffer_full);
  CHECK(server.send(Kind::text, bytes_of("z"), false) == Error::write_buffer_full);
  CHECK(server.pending_output() == full);
  server.consume(2);
  CHECK(server.send(Kind::binary, ConstBytes{}) == Error::write_buffer_full);  // exactly the limit
  server.consume(1);
  CHECK_FALSE(server.send(Kind::binary, ConstBytes{}));
}

TEST_CASE("room for the answer to a ping and for a Close is always there") {
  Config config;
  config.write_buffer_size = 10;
  config.max_write_buffer_size = 100;
  Connection server = open_server(config);
  CHECK_FALSE(server.send(Kind::binary, bytes_of(std::string(200, 'x'))));
  CHECK(server.send(Kind::binary, ConstBytes{}) == Error::write_buffer_full);
  feed(server, client_frame(ping_frame, "p"));
  CHECK_FALSE(server.close(CloseCode::normal, "full"));
  CHECK(take_output(server) == server_frame(final_binary, std::string(200, 'x')) +
                                   server_frame(pong_frame, "p") +
                                   server_frame(close_frame, close_body(1000, "full")));
}

TEST_CASE("commands before the handshake are misuse") {
  TestEntropy entropy;
  Connection client = Connection::client("ws://example.org/", entropy);
  Connection server = Connection::server();
  take_output(client);
  for (Connection* connection : {&client, &server}) {
    CHECK(connection->send(Kind::text, bytes_of("x")) == Error::not_open);
    CHECK(connection->send(Kind::text, SharedBytes(std::string(4000, 'x'))) == Error::not_open);
    CHECK(connection->send(Kind::text, SharedBytes("x"s)) == Error::not_open);
    CHECK(connection->ping() == Error::not_open);
    CHECK(connection->pong() == Error::not_open);
    CHECK(connection->close() == Error::not_open);
    CHECK(connection->accept() == Error::no_request);
    CHECK(connection->refuse({}) == Error::no_request);
    CHECK_FALSE(connection->is_open());
    CHECK_FALSE(connection->wants_write());
  }
}

TEST_CASE("commands after a Close are misuse, whoever sent it") {
  for (const bool ours : {false, true}) {
    Connection server = open_server();
    if (ours) {
      CHECK_FALSE(server.close());
    } else {
      feed(server, client_frame(close_frame));
    }
    take_output(server);
    CHECK(server.send(Kind::text, bytes_of("x")) == Error::send_after_close);
    CHECK(server.send(Kind::text, SharedBytes(std::string(4000, 'x'))) == Error::send_after_close);
    CHECK(server.ping() == Error::send_after_close);
    CHECK(server.pong() == Error::send_after_close);
    CHECK(server.close() == Error::send_after_close);
    CHECK(server.accept() == Error::no_request);
    CHECK_FALSE(server.wants_write());
  }
}

TEST_CASE("a client without entropy receives, and can send nothing") {
  Connection client = Connection::from_raw(Role::client, nullptr);
  CHECK(client.send(Kind::text, bytes_of("x")) == Error::no_entropy);
  CHECK(client.ping() == Error::no_entropy);
  CHECK(client.close() == Error::no_entropy);
  CHECK(feed(client, server_frame(ping_frame, "p") + server_frame(final_text, "x") +
                         server_frame(close_frame)) ==
        Records{pinged("p"), text("x"), closing(1005)});
  CHECK_FALSE(client.wants_write());
}

TEST_CASE("every frame of a client has a key of its own") {
  TestEntropy entropy;
  Connection client = open_client(entropy);
  CHECK_FALSE(client.send(Kind::text, bytes_of("same")));
  const std::string first = take_output(client);
  CHECK_FALSE(client.send(Kind::text, bytes_of("same")));
  const std::string second = take_output(client);
  CHECK(first.substr(0, 2) == second.substr(0, 2));
  CHECK(first.substr(2, 4) != second.substr(2, 4));
  CHECK_FALSE(client.close());
  CHECK(entropy.fills == 3);
}

TEST_CASE("what a server and a client say to each other is understood") {
  TestEntropy entropy;
  Connection client = open_client(entropy);
  Connection server = open_server();
  Random random(99);
  for (int i = 0; i < 50; ++i) {
    const std::string payload = random.octets(random.below(3000));
    CHECK_FALSE(client.send(Kind::binary, bytes_of(payload)));
    CHECK(feed(server, take_output(client)) == Records{binary(payload)});
    CHECK_FALSE(server.send(Kind::binary, bytes_of(payload)));
    CHECK(feed(client, take_output(server)) == Records{binary(payload)});
  }
}

/// Receives a message in two pieces, so that it has to be assembled, and gives its view.
static Message receive_assembled(Connection& server, std::string& frame) {
  Bytes first = writable(frame).first(frame.size() / 2);
  REQUIRE_FALSE(server.receive(first));
  Bytes second = writable(frame).subspan(frame.size() / 2);
  const auto event = server.receive(second);
  REQUIRE(event);
  return std::get<Message>(*event);
}

TEST_CASE("a message that was assembled is sent on without a copy") {
  const std::string payload = Random(1).letters(5000);
  CountingResource memory;
  Connection server = open_server({}, &memory);
  std::string frame = client_frame(final_text, payload, "abcd");
  Message message = receive_assembled(server, frame);
  const std::byte* const data = message.data.data();
  const std::size_t before = server.memory_in_use();
  CHECK_FALSE(server.send(std::move(message)));
  CHECK(server.memory_in_use() < before + 4200);  // a block with the header

  std::array<ConstBytes, 8> segments;
  REQUIRE(server.output(segments) == 2);
  CHECK(segments[1].data() == data);
  // The view has ended, and the octets are the queue's: the next message does not touch them.
  CHECK(feed(server, client_frame(final_binary, "next", "wxyz")) == Records{binary("next")});
  CHECK(take_output(server) == server_frame(final_text, payload));
  CHECK(memory.in_use == 0);
}

TEST_CASE("a message that lies in the owner's buffer, or somewhere else, is sent on as a copy") {
  Connection server = open_server();
  std::string frame = client_frame(final_binary, "whole", "abcd");
  Bytes in = writable(frame);
  auto event = server.receive(in);
  REQUIRE(event);
  CHECK_FALSE(server.send(std::move(std::get<Message>(*event))));
  frame.assign(frame.size(), '!');
  CHECK(take_output(server) == server_frame(final_binary, "whole"));

  // Of another connection, and in the way of an assembled one of this.
  const std::string payload = Random(2).letters(3000);
  Connection other = open_server();
  std::string of_other = client_frame(final_text, payload);
  Message foreign = receive_assembled(other, of_other);
  std::string of_ours = client_frame(final_binary, payload);
  const Message ours = receive_assembled(server, of_ours);
  CHECK_FALSE(server.send(std::move(foreign)));
  CHECK(text_of(ours.data) == payload);  // still alive
  CHECK(take_output(server) == server_frame(final_text, payload));

  // A part of one.
  Message part = ours;
  part.data = part.data.first(10);
  CHECK_FALSE(server.send(std::move(part)));
  CHECK(take_output(server) == server_frame(final_binary, payload.substr(0, 10)));
}

/// Octets in a buffer that several may own, and what is left of them to receive.
struct SharedBuffer {
  explicit SharedBuffer(std::string octets)
      : owner(std::make_shared<std::string>(std::move(octets))), in(writable(*owner)) {}

  Message receive(Connection& server) {
    const auto event = server.receive(in);
    REQUIRE(event);
    return std::get<Message>(*event);
  }
  [[nodiscard]] SharedBytes share() const { return {owner, bytes_of(*owner)}; }

  std::shared_ptr<std::string> owner;
  Bytes in;
};

TEST_CASE("a message that lies in a shared buffer is sent on from there") {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65535U, 65536U}) {
    const std::string payload = Random(size).letters(size);
    const std::string next = Random(size + 1).letters(300);
    CountingResource memory;
    Connection server = open_server({}, &memory);
    SharedBuffer buffer(client_frame(final_text, payload, "abcd") +
                        client_frame(final_binary, next, "wxyz") +
                        client_frame(final_text, "last", "hijk"));
    const std::byte* const begin = bytes_of(*buffer.owner).data();
    const std::byte* const end = begin + buffer.owner->size();

    CHECK_FALSE(server.send(buffer.receive(server), buffer.share()));
    // What lies behind is received while it waits, and another one is sent on from there too.
    CHECK_FALSE(server.send(buffer.receive(server), buffer.share()));
    CHECK(buffer.receive(server).text() == "last");
    CHECK(buffer.in.empty());
    std::array<ConstBytes, 8> segments;
    const std::size_t count = server.output(segments);
    REQUIRE(count == 2);
    for (const ConstBytes& segment : std::span(segments).first(count)) {
      CHECK(segment.data() >= begin);
      CHECK(segment.data() + segment.size() <= end);
    }
    const std::weak_ptr<std::string> kept = buffer.owner;
    buffer.owner.reset();
    CHECK_FALSE(kept.expired());
    CHECK(take_output(server) ==
          server_frame(final_text, payload) + server_frame(final_binary, next));
    CHECK(kept.expired());
    CHECK(memory.in_use == 0);
  }
}

TEST_CASE("what cannot be sent from a shared buffer is copied, and lets it go") {
  const std::string payload = Random(5).letters(3000);
  Connection server = open_server();
  auto sends_a_copy = [&](Message message, const SharedBuffer& buffer, unsigned first) {
    const std::string expected = server_frame(first, std::string(message.text()));
    CHECK_FALSE(server.send(std::move(message), buffer.share()));
    CHECK(buffer.owner.use_count() == 1);
    buffer.owner->assign(buffer.owner->size(), '!');
    CHECK(take_output(server) == expected);
  };

  // Its header came before, so that there is no room for another one.
  const std::string frame = client_frame(final_text, payload);
  const std::size_t front = frame.size() - payload.size();
  std::string header = frame.substr(0, front);
  Bytes in = writable(header);
  REQUIRE_FALSE(server.receive(in));
  SharedBuffer rest(frame.substr(front));
  sends_a_copy(rest.receive(server), rest, final_text);

  // It lies somewhere else, or there is no buffer.
  SharedBuffer first(frame), other(std::string(5000, 'o'));
  const Message message = first.receive(server);
  CHECK_FALSE(server.send(Message(message), SharedBytes()));
  CHECK(take_output(server) == server_frame(final_text, payload));
  sends_a_copy(message, other, final_text);
  other = SharedBuffer(frame.substr(0, 100));
  sends_a_copy(message, other, final_text);

  // A piece of one, between others.
  Connection chunks = open_server({.deliver_chunks = true});
  SharedBuffer piece(client_frame(begin_text, payload));
  CHECK_FALSE(chunks.send(piece.receive(chunks), piece.share()));
  CHECK(piece.owner.use_count() == 1);
  CHECK(take_output(chunks) == server_frame(begin_text, payload));

  // A client masks it.
  TestEntropy entropy(3), same(3);
  Connection client = open_client(entropy);
  SharedBuffer unmasked(server_frame(final_text, payload));
  CHECK_FALSE(client.send(unmasked.receive(client), unmasked.share()));
  CHECK(unmasked.owner.use_count() == 1);
  std::string key(4, '\0');
  same.fill(writable(key));
  CHECK(take_output(client) == client_frame(final_text, payload, key));
}

TEST_CASE("a message that an error leaves unsent lies in its shared buffer as before") {
  Connection server = open_server({.write_buffer_size = 10, .max_write_buffer_size = 100});
  const std::string payload = Random(6).letters(3000);
  SharedBuffer buffer(client_frame(final_text, payload));
  const Message message = buffer.receive(server);
  const std::string before = *buffer.owner;
  CHECK_FALSE(server.send(Kind::binary, bytes_of(std::string(200, 'x'))));
  CHECK(server.send(Message(message), buffer.share()) == Error::write_buffer_full);
  CHECK_FALSE(server.close());
  CHECK(server.send(Message(message), buffer.share()) == Error::send_after_close);
  CHECK(*buffer.owner == before);
  CHECK(buffer.owner.use_count() == 1);
}

TEST_CASE("a client masks what it sends on, and pieces stay pieces") {
  const std::string payload = Random(3).letters(3000);
  TestEntropy entropy(3);
  Connection client = open_client(entropy);
  std::string frame = server_frame(final_text, payload);
  CHECK_FALSE(client.send(receive_assembled(client, frame)));
  TestEntropy same(3);
  std::string key(4, '\0');
  same.fill(writable(key));
  CHECK(take_output(client) == client_frame(final_text, payload, key));

  Connection server = open_server({.deliver_chunks = true});
  std::string sent;
  for (const std::string& piece : {client_frame(begin_text, "one"), client_frame(more, "two"),
                                   client_frame(final_continuation, "three")}) {
    std::string bytes = piece;
    Bytes in = writable(bytes);
    auto event = server.receive(in);
    REQUIRE(event);
    CHECK_FALSE(server.send(std::move(std::get<Message>(*event))));
  }
  CHECK(take_output(server) == server_frame(begin_text, "one") + server_frame(more, "two") +
                                   server_frame(final_continuation, "three"));
}

TEST_CASE("what cannot be sent on stays as it was") {
  const std::string payload = Random(4).letters(3000);
  Connection server = open_server({.write_buffer_size = 10, .max_write_buffer_size = 100});
  std::string frame = client_frame(final_text, payload);
  Message message = receive_assembled(server, frame);
  CHECK_FALSE(server.send(Kind::binary, bytes_of(std::string(200, 'x'))));
  CHECK(server.send(Message(message)) == Error::write_buffer_full);
  CHECK(text_of(message.data) == payload);
  take_output(server);
  CHECK_FALSE(server.send(Kind::text, bytes_of("begun"), false));
  CHECK(server.send(Message{Kind::binary, message.data}) == Error::message_kind_changed);
  CHECK(text_of(message.data) == payload);
  // Between the fragments of a message of its kind it is one of them, as in any send.
  CHECK_FALSE(server.send(std::move(message)));
  CHECK(take_output(server) ==
        server_frame(begin_text, "begun") + server_frame(final_continuation, payload));
  CHECK_FALSE(server.close());
  CHECK(server.send(Message{Kind::text, {}}) == Error::send_after_close);
}

}  // namespace wolframite::test
