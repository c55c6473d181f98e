// Invariant: want of memory ends one connection, in order: whichever allocation is refused, the
// peer is sent whole frames of what was meant for it, and a Close with 1011 as the last of them; a
// command that was refused has changed nothing.
#include <doctest/doctest.h>

#include <functional>
#include <new>

#include "support.hpp"

namespace wolframite::test {
namespace {

/// Refuses the allocation of a number, or all from that on.
class ShortResource final : public std::pmr::memory_resource {
 public:
  ShortResource(std::size_t number, bool lasting) : number_(number), lasting_(lasting) {}

  [[nodiscard]] bool has_refused() const { return asked_ >= number_; }
  [[nodiscard]] bool is_lasting() const { return lasting_; }
  [[nodiscard]] std::size_t in_use() const { return memory_.in_use; }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    ++asked_;
    if (asked_ == number_ || (lasting_ && asked_ > number_)) throw std::bad_alloc();
    return memory_.allocate(size, alignment);
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override {
    memory_.deallocate(memory, size, alignment);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }

  CountingResource memory_;
  std::size_t number_;
  std::size_t asked_ = 0;
  bool lasting_;
};

/// Text of `size` bytes that no other message has.
std::string marked(char mark, std::size_t size) {
  std::string text = std::string(1, mark) + std::to_string(size) + ":";
  while (text.size() < size)
    text.push_back(static_cast<char>(mark + static_cast<int>(text.size() % 7)));
  return text;
}

/// Two ends; the memory of one of them, `tested`, is short.
class Conversation {
 public:
  using Echo = std::function<std::error_code(Conversation&, Message&)>;

  Conversation(Role role, Config config, const Negotiated& agreed, ShortResource& memory)
      : tested(Connection::from_raw(role, &entropy_, config, &memory, agreed)),
        peer(Connection::from_raw(role == Role::server ? Role::client : Role::server, &entropy_,
                                  std::move(config), nullptr, agreed)),
        memory_(memory) {}

  /// Has `tested` carry out a command, again where it was refused memory the first time. Returns
  /// whether it was carried out.
  bool command(const std::function<std::error_code()>& give) {
    std::error_code error = give();
    if (error == Error::out_of_memory && !memory_.is_lasting()) error = give();
    if (error) {
      const bool is_known = error == Error::out_of_memory || error == Error::send_after_close;
      CHECK_MESSAGE(is_known, error.message());
      if (error == Error::out_of_memory) CHECK(memory_.is_lasting());
    }
    return !error;
  }

  /// The same for a message, which the peer is to have then.
  void say(std::string text, const std::function<std::error_code()>& give) {
    if (command(give)) said.push_back(std::move(text));
  }

  /// Sends what `peer` has queued to `tested`, so many bytes at a time; each message is answered.
  void hear(const Echo& echo, std::size_t step) {
    const std::string bytes = take_output(peer);
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      // Shared, for an echo that goes out from the buffer itself.
      const std::string_view part = std::string_view(bytes).substr(at, step);
      const auto owner =
          std::make_shared<std::vector<std::byte>>(bytes_of(part).begin(), bytes_of(part).end());
      buffer = SharedBytes(owner, *owner);
      Bytes in(*owner);
      while (const auto event = tested.receive(in)) {
        events.push_back(to_record(*event));
        auto message = std::get_if<Message>(&*event) == nullptr ? std::optional<Message>()
                                                                : std::get<Message>(*event);
        if (message) say(events.back().data, [&] { return echo(*this, *message); });
      }
    }
  }

  /// Sends what `tested` has queued to `peer`.
  void answer() {
    const std::string bytes = take_output(tested);
    sent += bytes;
    feed(peer, bytes, peer_events);
  }

  /// The end of the streams, and what has to be true then.
  void finish() {
    answer();
    if (!peer.is_closing() && !tested.is_closing()) {
      command([&] { return tested.close(CloseCode::normal, "that was all"); });
      answer();
    }
    hear([](Conversation&, Message&) { return make_error_code(Error::send_after_close); },
         1U << 20U);
    answer();
    feed_eof(tested, events);
    answer();
    feed_eof(peer, peer_events);
    check_wire();
    check_messages();
    REQUIRE(events.count(Record::Type::closed) == 1);
    const Record end = events.back();
    CAPTURE(end);
    REQUIRE(end.type == Record::Type::closed);
    if (!memory_.has_refused()) CHECK(end.clean);
    if (end.why == Error::out_of_memory) {
      CHECK(end.code == 1011);
      CHECK(peer_events.back().code == (closed_before ? peer_events.back().code : 1011U));
    }
    CHECK_FALSE(peer_events.back().why == Error::invalid_deflate);
  }

  Connection tested, peer;
  SharedBytes buffer;             ///< what `tested` receives from
  std::vector<std::string> said;  ///< to the peer
  Records events, peer_events;
  std::string sent;            ///< by `tested`
  bool closed_before = false;  ///< there was a Close before there was a failure

 private:
  /// Whole frames, and nothing behind a Close.
  void check_wire() const {
    bool closed = false;
    std::size_t at = 0;
    while (at < sent.size()) {
      REQUIRE_FALSE(closed);
      const auto parsed = FrameHeader::parse(bytes_of(std::string_view(sent).substr(at)));
      REQUIRE(parsed.error == Error::none);
      REQUIRE(parsed.size > 0);
      at += parsed.size + static_cast<std::size_t>(parsed.header.length);
      closed = parsed.header.opcode == OpCode::close;
    }
    REQUIRE(at == sent.size());
    const bool failed = events.back().why == Error::out_of_memory;
    if (failed) CHECK(closed);
  }

  /// What the peer was given is what was said to it, all of it and in order.
  void check_messages() const {
    std::vector<std::string> heard;
    for (const Record& record : peer_events) {
      if (record.type == Record::Type::text || record.type == Record::Type::binary) {
        heard.push_back(record.data);
      }
      if (record.type == Record::Type::closed) {
        const bool is_end = !record.why || record.why == Error::closed_with_error ||
                            record.why == Error::connection_reset;
        CHECK_MESSAGE(is_end, record);
      }
    }
    CHECK(heard == said);
  }

  TestEntropy entropy_;
  ShortResource& memory_;
};

/// Holds `talk` as often as it takes for none of its allocations to be refused, with each in turn,
/// alone or with all that follow.
void hold(Role role, const std::function<void(Conversation&)>& talk, const Config& config = {},
          const Negotiated& agreed = {}) {
  for (const bool lasting : {false, true}) {
    CAPTURE(lasting);
    std::size_t number = 1;
    for (bool refused = true; refused; ++number) {
      CAPTURE(number);
      ShortResource memory(number, lasting);
      {
        Conversation conversation(role, config, agreed, memory);
        talk(conversation);
        conversation.finish();
      }
      CHECK(memory.in_use() == 0);
      refused = memory.has_refused();
      REQUIRE(number < 1000);
    }
    CHECK(number > 2);  // something was refused
  }
}

std::error_code by_copy(Conversation& talk, Message& message) {
  return talk.tested.send(message.kind, message.data, message.last);
}

std::error_code handed_over(Conversation& talk, Message& message) {
  return talk.tested.send(std::move(message));
}

std::error_code shared(Conversation& talk, Message& message) {
  return talk.tested.send(message.kind, SharedBytes(std::string(message.text())));
}

std::error_code shared_copy(Conversation& talk, Message& message) {
  return talk.tested.send(message.kind, SharedBytes::copy_of(message.data));
}

std::error_code from_buffer(Conversation& talk, Message& message) {
  return talk.tested.send(std::move(message), talk.buffer);
}

/// Messages of many sizes from the peer, some of them in fragments.
void ask(Conversation& talk, char first) {
  if (talk.peer.is_closing()) return;
  for (const std::size_t size : {10UL, 200UL, 3000UL, 70000UL}) {
    CHECK_FALSE(talk.peer.send(Kind::text, bytes_of(marked(first++, size))));
    const std::string text = marked(first++, size);
    const std::size_t half = size / 2;
    CHECK_FALSE(talk.peer.send(Kind::binary, bytes_of(text.substr(0, half)), false));
    CHECK_FALSE(talk.peer.send(Kind::binary, bytes_of(text.substr(half))));
  }
}

const Conversation::Echo echoes[] = {by_copy, handed_over, shared, shared_copy, from_buffer};

Negotiated compressed(bool takeover) {
  return {.deflate = {.enabled = true,
                      .server_no_context_takeover = !takeover,
                      .client_no_context_takeover = !takeover}};
}

}  // namespace

TEST_CASE("SEC-37 echoes of every kind without memory") {
  for (const Role role : {Role::server, Role::client}) {
    for (const auto& echo : echoes) {
      for (const std::size_t step : {100'000UL, 1500UL}) {
        CAPTURE(step);
        hold(role, [&](Conversation& talk) {
          ask(talk, 'A');
          talk.hear(echo, step);
          talk.answer();
          ask(talk, 'a');
          talk.hear(echo, step);
        });
      }
    }
  }
}

TEST_CASE("SEC-37 compressed echoes without memory" * doctest::skip(!is_deflate_available())) {
  for (const Role role : {Role::server, Role::client}) {
    for (const bool takeover : {true, false}) {
      for (const auto& echo : {echoes[0], echoes[1], echoes[2]}) {
        hold(
            role,
            [&](Conversation& talk) {
              ask(talk, 'A');
              talk.hear(echo, 1500);
              talk.answer();
            },
            {}, compressed(takeover));
      }
    }
  }
}

TEST_CASE("SEC-37 fragments sent without memory") {
  for (const bool compresses : {false, true}) {
    if (compresses && !is_deflate_available()) continue;
    for (const Role role : {Role::server, Role::client}) {
      hold(
          role,
          [&](Conversation& talk) {
            const std::string text = marked('A', 9000);
            std::size_t at = 0;
            for (; at < text.size(); at += 3000) {
              const bool last = at + 3000 == text.size();
              const auto part = std::string_view(text).substr(at, 3000);
              if (!talk.command([&] { return talk.tested.send(Kind::text, bytes_of(part), last); }))
                break;
            }
            if (at == text.size()) talk.said.push_back(text);
          },
          {}, compresses ? compressed(true) : Negotiated{});
    }
  }
}

TEST_CASE("SEC-37 pings without memory") {
  for (const Role role : {Role::server, Role::client}) {
    hold(role, [&](Conversation& talk) {
      for (int i = 0; i < 40; ++i) CHECK_FALSE(talk.peer.ping(bytes_of(marked('p', 100))));
      talk.hear(by_copy, 7);  // more pongs than are queued: the last is held
      talk.answer();
      talk.command([&] { return talk.tested.ping(bytes_of("ping")); });
      talk.command([&] { return talk.tested.pong(bytes_of("pong")); });
    });
  }
}

TEST_CASE("SEC-37 keepalive pings without memory") {
  Config config;
  config.ping_interval = 1s;
  hold(
      Role::server,
      [&](Conversation& talk) {
        for (int i = 0; i < 10; ++i) {
          CHECK(tell(talk.tested, at(i * 1s)).empty());
          talk.answer();
          talk.hear(by_copy, 100);
        }
      },
      config);
}

TEST_CASE("SEC-37 a close by either side without memory") {
  for (const Role role : {Role::server, Role::client}) {
    hold(role, [&](Conversation& talk) {
      CHECK_FALSE(talk.peer.close(CloseCode::normal, "that was all"));
      talk.hear(by_copy, 5);
      talk.answer();
      talk.closed_before = true;
    });
    hold(role, [&](Conversation& talk) {
      talk.closed_before =
          talk.command([&] { return talk.tested.close(CloseCode::normal, "enough"); });
      CHECK_FALSE(talk.peer.send(Kind::text, bytes_of(marked('A', 2000)), false));
      CHECK_FALSE(talk.peer.send(Kind::text, bytes_of(marked('B', 2000))));
      talk.hear([](Conversation&, Message&) { return make_error_code(Error::send_after_close); },
                500);
      talk.answer();
    });
  }
}

TEST_CASE("SEC-37 a refused command draws no mask, and tells no observer") {
  class Count final : public Observer {
   public:
    void frame_sent(const FrameHeader&, ConstBytes, Time) override { ++sent; }
    int sent = 0;
  };
  TestEntropy entropy, same;
  ShortResource memory(1, false);
  Connection client = open_client(entropy, {}, &memory);
  Connection other = open_client(same);
  Count count;
  client.observe(&count);
  CHECK(client.send(Kind::text, bytes_of("abc"), false) == Error::out_of_memory);
  CHECK(count.sent == 0);
  CHECK_FALSE(client.send(Kind::binary, bytes_of("def")));  // no text is begun
  CHECK_FALSE(other.send(Kind::binary, bytes_of("def")));
  CHECK(count.sent == 1);
  CHECK(take_output(client) == take_output(other));
}

TEST_CASE("SEC-37 the Close that there was room for is written bit by bit") {
  for (const Role role : {Role::server, Role::client}) {
    TestEntropy entropy;
    Connection tested = Connection::from_raw(role, &entropy, {}, std::pmr::null_memory_resource());
    const std::string ping =
        role == Role::server ? client_frame(ping_frame, "x") : server_frame(ping_frame, "x");
    CHECK(feed(tested, ping) == Records{failed(Error::out_of_memory)});
    std::string close;
    while (tested.wants_write()) {
      ConstBytes part;
      REQUIRE(tested.output({&part, 1}) == 1);
      CHECK(part.size() == tested.pending_output());
      close.append(text_of(part.first(1)));
      CHECK_FALSE(tested.wants_shutdown());
      tested.consume(1);
    }
    CHECK(tested.wants_shutdown());
    Connection peer =
        Connection::from_raw(role == Role::server ? Role::client : Role::server, &entropy);
    CHECK(feed(peer, close) == Records{closing(1011)});
  }
}

}  // namespace wolframite::test
