// Invariant: what fuzzing once found wrong in the core stays right; one test for each finding.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "wolframite/connection.hpp"
#include "wolframite/utf8.hpp"

using namespace wolframite;
using std::chrono::milliseconds;
using namespace std::string_literals;

TEST_CASE(
    "SEC-16 a lead octet inside the sequence of another is not UTF-8, wherever the text is cut") {
  for (const std::string& broken :
       {"\xCB\xD2\x80"s, "\xE2\x82\xE2\x82\xAC"s, "\xF0\xF0\x9F\x90\xBA"s}) {
    for (const std::size_t ascii_before : {0U, 3U, 31U, 104U}) {
      const std::string text = std::string(ascii_before, 'a') + broken;
      CHECK_FALSE(is_valid_utf8(bytes_of(text)));
      for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        CAPTURE(cut);
        Utf8Validator validator;
        const std::string_view whole = text;
        const bool first = validator.feed(bytes_of(whole.substr(0, cut)));
        CHECK_FALSE((validator.feed(bytes_of(whole.substr(cut))) && first));
      }
    }
  }
}

TEST_CASE("a timeout as long as milliseconds can say is never due") {
  constexpr milliseconds longest = milliseconds::max();
  Connection server = Connection::from_raw(
      Role::server, nullptr, Config{.idle_timeout = longest, .ping_interval = longest});
  for (const Time now :
       {Time(milliseconds(-1)), Time(milliseconds(0)), Time(std::chrono::hours(24))}) {
    CHECK_FALSE(server.advance(now));
    CHECK_FALSE(server.deadline());
  }
}

TEST_CASE("SEC-10 keepalive pings to a peer that talks but does not read are bounded") {
  const Config config{
      .write_buffer_size = 500, .max_write_buffer_size = 1000, .ping_interval = milliseconds(1)};
  Connection server = Connection::from_raw(Role::server, nullptr, config);
  Time now{};
  for (int i = 0; i < 1000; ++i) {
    std::array<std::byte, 6> pong{std::byte{0x8A}, std::byte{0x80}};
    Bytes in(pong);
    CHECK(server.receive(in));
    now += milliseconds(10);
    CHECK_FALSE(server.advance(now));
    REQUIRE(server.deadline());
    CHECK(*server.deadline() > now);
  }
  CHECK(server.pending_output() == 6);
  // It reads nothing: for that it is given up, whatever it says.
  const auto event = server.advance(Time{} + milliseconds(20) + config.write_timeout);
  REQUIRE(event);
  REQUIRE(std::holds_alternative<Closed>(*event));
  CHECK(std::get<Closed>(*event).why == Error::write_timeout);
}
