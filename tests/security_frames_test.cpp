// Invariant: no frame, however hostile, gets past its check, costs more than its octets, or is
// followed by data.
#include <doctest/doctest.h>

#include <limits>

#include "support.hpp"

namespace wolframite::test {
namespace {

/// Feeds what comes after a failure, which must give nothing.
void check_sticky(Connection& connection) {
  CHECK(feed(connection, client_frame(final_text, "x") + client_frame(final_continuation, "y") +
                             client_frame(final_binary, "z") + client_frame(ping_frame) +
                             client_frame(close_frame))
            .empty());
  CHECK(feed_eof(connection).empty());
  CHECK(feed(connection, client_frame(final_text, "x")).empty());
}

Config unlimited() {
  Config config;
  config.max_frame_size = std::numeric_limits<std::size_t>::max();
  config.max_message_size = std::numeric_limits<std::size_t>::max();
  return config;
}

std::string wide_header(unsigned first, std::uint64_t length) {
  return octet(first) + "\xFF" + big_endian(length, 8);
}

}  // namespace

TEST_CASE("SEC-01 64-bit lengths at and above 2^63 fail on the header, without limits too") {
  for (const std::uint64_t length : {std::uint64_t{1} << 63U, (std::uint64_t{1} << 63U) + 1,
                                     std::numeric_limits<std::uint64_t>::max() - 13,
                                     std::numeric_limits<std::uint64_t>::max()}) {
    for (const unsigned first : {final_binary, begin_text}) {
      Connection server = open_server(unlimited());
      CHECK(feed(server, wide_header(first, length)) == Records{failed(Error::length_too_large)});
      check_sticky(server);
    }
  }
}

TEST_CASE("SEC-01 lengths just below 2^63 overflow no sum") {
  const std::uint64_t largest = (std::uint64_t{1} << 63U) - 1;
  CountingResource memory;
  Connection server = open_server(unlimited(), &memory);
  CHECK(feed(server, wide_header(begin_binary, largest) + "\0\0\0\0some"s).empty());
  CHECK(memory.high_water <= 1024);
  // A message whose fragments together pass 2^64.
  Config config = unlimited();
  config.max_message_size = std::numeric_limits<std::size_t>::max() - 1;
  Connection summing = open_server(config);
  CHECK(
      feed(summing, client_frame(begin_binary, "0123456789") + wide_header(more, largest)).empty());
  config.max_message_size = static_cast<std::size_t>(largest);
  Connection limited = open_server(config);
  CHECK(feed(limited, client_frame(begin_binary, "0123456789") + wide_header(more, largest)) ==
        Records{failed(Error::message_too_big)});
  check_sticky(limited);
}

TEST_CASE("SEC-02 lengths in more octets than they need") {
  for (unsigned length = 0; length < 126; ++length) {
    Connection server = open_server();
    CHECK(feed(server, octet(final_text) + "\xFE" + big_endian(length, 2)) ==
          Records{failed(Error::length_not_minimal)});
  }
  for (const std::uint64_t length : {0U, 1U, 125U, 126U, 127U, 65534U, 65535U}) {
    Connection server = open_server();
    CHECK(feed(server, wide_header(final_text, length)) ==
          Records{failed(Error::length_not_minimal)});
    check_sticky(server);
  }
}

TEST_CASE("SEC-04 a huge length without a frame limit fails at the message limit") {
  Config config;
  config.max_frame_size = std::numeric_limits<std::size_t>::max();
  for (const std::uint64_t length : {std::uint64_t{64} * 1024 * 1024 + 1, std::uint64_t{1} << 40U,
                                     (std::uint64_t{1} << 63U) - 1}) {
    CountingResource memory;
    Connection server = open_server(config, &memory);
    CHECK(feed(server, wide_header(final_binary, length)) ==
          Records{failed(Error::message_too_big)});
    CHECK(memory.high_water <= 8 * 1024);
    check_sticky(server);
  }
  Connection server = open_server(config);
  CHECK(feed(server, wide_header(final_binary, 64 * 1024 * 1024)).empty());
}

TEST_CASE("SEC-05 nothing is delivered after a size error") {
  Config config;
  config.max_frame_size = 10;
  config.max_message_size = 15;
  for (const std::string& input :
       {client_frame(final_binary, "01234567890"),
        client_frame(begin_binary, "0123456789") + client_frame(final_continuation, "012345")}) {
    for (const bool chunks : {false, true}) {
      config.deliver_chunks = chunks;
      Connection server = open_server(config);
      const Records events = feed(server, input + client_frame(final_text, "x"));
      CHECK(events.back().type == Record::Type::closed);
      CHECK(merged(events).size() == 1);
      check_sticky(server);
    }
  }
}

TEST_CASE("SEC-06 nothing is delivered after a UTF-8 error inside a fragmented message") {
  for (const bool chunks : {false, true}) {
    Config config;
    config.deliver_chunks = chunks;
    Connection server = open_server(config);
    const Records events =
        feed(server, client_frame(begin_text, "good ") + client_frame(more, "bad \xFF") +
                         client_frame(final_continuation, " rest"));
    CHECK(merged(events) == Records{failed(Error::invalid_utf8)});
    CHECK(events.size() == (chunks ? 2 : 1));
    check_sticky(server);
  }
}

TEST_CASE("SEC-08 the limit holds for the message and not only for each frame") {
  Config config;
  config.max_frame_size = 100;
  config.max_message_size = 1000;
  for (const bool chunks : {false, true}) {
    config.deliver_chunks = chunks;
    Connection server = open_server(config);
    std::string input = client_frame(begin_binary, std::string(100, 'x'));
    for (int i = 0; i < 9; ++i) input += client_frame(more, std::string(100, 'x'));
    CHECK(merged(feed(server, input)).empty());
    CHECK(feed(server, client_frame(more)).empty());
    CHECK(feed(server, client_frame(final_continuation, "x")) ==
          Records{failed(Error::message_too_big)});
    check_sticky(server);
  }
}

TEST_CASE("SEC-08 the count starts again with each message") {
  Config config;
  config.max_message_size = 10;
  Connection server = open_server(config);
  for (int i = 0; i < 3; ++i) {
    CHECK(feed(server, client_frame(begin_text, "01234") +
                           client_frame(ping_frame, std::string(100, 'p')) +
                           client_frame(final_continuation, "56789"))
              .size() == 2);
  }
}

TEST_CASE("SEC-08 a message inside an open one") {
  for (const unsigned first : {final_text, begin_text, final_binary, begin_binary}) {
    Connection server = open_server();
    CHECK(feed(server, client_frame(begin_text, "one ") + client_frame(first, "two")) ==
          Records{failed(Error::expected_continuation)});
    check_sticky(server);
  }
}

TEST_CASE("SEC-09 control frames too long, in fragments or with RSV bits fail on the header") {
  for (const unsigned first : {close_frame, ping_frame, pong_frame}) {
    for (const unsigned code : {126U, 127U}) {
      Connection server = open_server();
      CHECK(feed(server, octet(first) + octet(0x80 | code)) ==
            Records{failed(Error::control_frame_too_big)});
      check_sticky(server);
    }
    Connection fragmented = open_server();
    CHECK(feed(fragmented, octet(first & 0x0FU)) ==
          Records{failed(Error::fragmented_control_frame)});
    check_sticky(fragmented);
    for (const unsigned bit : {0x10U, 0x20U, 0x40U}) {
      Connection server = open_server();
      CHECK(feed(server, octet(first | bit)) == Records{failed(Error::reserved_bits_set)});
      check_sticky(server);
    }
  }
}

TEST_CASE("SEC-11 a frame without the mask its role asks for delivers no payload") {
  for (const bool chunks : {false, true}) {
    Config config;
    config.deliver_chunks = chunks;
    Connection server = open_server(config);
    CHECK(feed(server, server_frame(final_text, "x")) ==
          Records{failed(Error::unmasked_frame_from_client)});
    check_sticky(server);
    TestEntropy entropy;
    Connection client = open_client(entropy, config);
    CHECK(feed(client, client_frame(final_text, "x")) ==
          Records{failed(Error::masked_frame_from_server)});
    CHECK(feed(client, server_frame(final_text, "x")).empty());
  }
  // Every continuation and control frame too, not only the first frame.
  Connection server = open_server();
  CHECK(feed(server, client_frame(begin_text, "a") + server_frame(final_continuation, "b")) ==
        Records{failed(Error::unmasked_frame_from_client)});
}

TEST_CASE("SEC-16 text fails with 1007 at its first offending octet") {
  struct Case {
    std::string valid;
    std::string offending;
  };
  for (const Case& c : std::vector<Case>{{"", "\x80"},
                                         {"", "\xC0"},
                                         {"", "\xC1"},
                                         {"\xE0", "\x9F"},
                                         {"\xED", "\xA0"},
                                         {"\xF0", "\x8F"},
                                         {"\xF4", "\x90"},
                                         {"", "\xF5"},
                                         {"", "\xFF"},
                                         {"\xC3", "\xC3"},
                                         {"\xE2\x82", "A"},
                                         {"\xF0\x9F\x90", "\xC0"},
                                         {"\xF4\x8F\xBF\xBF", "\xF8"}}) {
    for (const std::size_t padding : {0U, 1U, 31U, 64U, 200U}) {
      const std::string before = std::string(padding, 'a') + c.valid;
      Connection server = open_server();
      CHECK(feed(server, header(final_text, 1000, 0x80) + "\0\0\0\0"s + before).empty());
      CHECK(feed(server, c.offending) == Records{failed(Error::invalid_utf8)});
      CHECK(take_output(server).substr(2, 2) == "\x03\xEF");
      check_sticky(server);
    }
  }
}

TEST_CASE("SEC-16 a code point split over frames and octets is one code point") {
  const std::string text_of_many =
      "\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF";
  Connection server = open_server();
  std::string input;
  for (std::size_t i = 0; i < text_of_many.size(); ++i) {
    input += client_frame(i == 0 ? begin_text : more, text_of_many.substr(i, 1));
  }
  CHECK(feed(server, input + client_frame(final_continuation)) == Records{text(text_of_many)});
  // What is no text is not looked at.
  CHECK(feed(server, client_frame(final_binary, "\xFF\xFE")) == Records{binary("\xFF\xFE")});
  CHECK(feed(server, client_frame(ping_frame, "\xFF\xFE")) == Records{pinged("\xFF\xFE")});
  // Nor does a message remember the one before it.
  CHECK(feed(server, client_frame(begin_binary, "\xE2") + client_frame(final_continuation, "\x82") +
                         client_frame(final_text, "\xE2\x82\xAC"))
            .size() == 2);
}

TEST_CASE("SEC-16 close reasons are UTF-8") {
  for (const std::string_view reason : {"\xFF", "a\xC0\xAF", "\xED\xA0\x80", "\xE2\x82"}) {
    Connection server = open_server();
    CHECK(feed(server, client_frame(close_frame, close_body(1000, reason))) ==
          Records{failed(Error::invalid_utf8)});
    CHECK(take_output(server).substr(2, 2) == "\x03\xEF");
    Connection closing_itself = open_server();
    CHECK(closing_itself.close(CloseCode::normal, reason) == Error::close_reason_not_utf8);
    CHECK_FALSE(closing_itself.wants_write());
  }
}

TEST_CASE("SEC-17 close bodies of one octet and forbidden codes are protocol errors") {
  Connection server = open_server();
  CHECK(feed(server, client_frame(close_frame, "x")) == Records{failed(Error::invalid_close_body)});
  CHECK(take_output(server).substr(2, 2) == "\x03\xEA");
  check_sticky(server);
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2999U, 5000U, 65535U}) {
    Connection other = open_server();
    CHECK(feed(other, client_frame(close_frame, close_body(code, "r"))) ==
          Records{failed(Error::invalid_close_code)});
    CHECK(take_output(other).substr(2, 2) == "\x03\xEA");
    check_sticky(other);
  }
}

TEST_CASE("SEC-17 a reason above 123 octets is misuse") {
  Connection server = open_server();
  CHECK(server.close(CloseCode::normal, std::string(124, 'r')) == Error::close_reason_too_long);
  CHECK(server.is_open());
  CHECK_FALSE(server.wants_write());
}

TEST_CASE("SEC-27 the end of the stream in every state gives one Closed and no more work") {
  const std::error_code reset = std::make_error_code(std::errc::connection_reset);
  const std::string conversation = client_frame(begin_text, "a") + client_frame(ping_frame, "p") +
                                   client_frame(final_continuation, "b") +
                                   client_frame(final_binary, "c") +
                                   client_frame(close_frame, close_body(1000));
  for (const std::error_code& why : {std::error_code{}, reset}) {
    for (std::size_t size = 0; size <= conversation.size(); ++size) {
      for (const bool written : {false, true}) {
        Connection server = open_server();
        Records events;
        feed(server, std::string_view(conversation).substr(0, size), events);
        if (written) take_output(server);
        feed_eof(server, events, why);
        REQUIRE(events.count(Record::Type::closed) == 1);
        CHECK(events.back().type == Record::Type::closed);
        CHECK(events.back().clean == (size == conversation.size() && (written || !why)));
        if (size < conversation.size())
          CHECK(events.back().why == (why ? why : make_error_code(Error::connection_reset)));
        take_output(server);
        CHECK(server.is_terminated());
        CHECK(server.wants_shutdown());
        CHECK_FALSE(server.wants_read());
        CHECK_FALSE(server.deadline().has_value());
        CHECK(feed_eof(server, reset).empty());
        CHECK(feed(server, conversation).empty());
        CHECK(tell(server, at(1h)).empty());
      }
    }
  }
}

TEST_CASE("SEC-32 random octets never do more than end the connection") {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    CountingResource memory;
    TestEntropy entropy;
    Config config;
    config.deliver_chunks = random.one_in(2);
    config.accept_unmasked_frames = random.one_in(2);
    const Role role = random.one_in(2) ? Role::server : Role::client;
    Connection connection = Connection::from_raw(role, &entropy, config, &memory);
    Records events;
    std::size_t fed = 0;
    while (fed < 2000) {
      std::string octets = random.octets(1 + random.below(64));
      // Most random headers die at once: help some of them along.
      if (random.one_in(2)) octets[0] = static_cast<char>(octets[0] & static_cast<char>(0x8F));
      feed(connection, octets, events);
      fed += octets.size();
    }
    feed_eof(connection, events);
    INFO("seed ", seed);
    REQUIRE(events.count(Record::Type::closed) == 1);
    REQUIRE(events.back().type == Record::Type::closed);
    REQUIRE(memory.high_water <= 16 * 1024);
  }
}

}  // namespace wolframite::test
