// Invariant: a Config that contradicts itself is told, at the bound of each of its rules; the
// defaults do not.
#include <doctest/doctest.h>

#include "support.hpp"

namespace wolframite::test {

TEST_CASE("the defaults are those of tungstenite where it has them, and consistent") {
  const Config config;
  CHECK(config.check() == Error::none);
  CHECK(config.write_buffer_size == 128 * 1024);
  CHECK(config.max_write_buffer_size == 16 * 1024 * 1024);
  CHECK(config.max_message_size == 64 * 1024 * 1024);
  CHECK(config.max_frame_size == 16 * 1024 * 1024);
  CHECK_FALSE(config.accept_unmasked_frames);
  CHECK(config.max_head_size == 64 * 1024);
  CHECK(config.max_headers == 124);
}

TEST_CASE("sizes of zero and a write limit not above the buffer are invalid") {
  for (std::size_t Config::*size :
       {&Config::write_buffer_size, &Config::max_message_size, &Config::max_frame_size,
        &Config::max_head_size, &Config::max_headers}) {
    Config config;
    config.*size = 0;
    CHECK(config.check() == Error::invalid_config);
    config.*size = 1;
    CHECK(config.check() == Error::none);
  }
  Config config;
  config.max_write_buffer_size = config.write_buffer_size;
  CHECK(config.check() == Error::invalid_config);
  ++config.max_write_buffer_size;
  CHECK(config.check() == Error::none);
  config.max_refusal_body_size = 0;
  CHECK(config.check() == Error::none);
}

TEST_CASE("a time below zero is invalid, zero switches a timer off") {
  for (std::chrono::milliseconds Config::*time :
       {&Config::handshake_timeout, &Config::idle_timeout, &Config::ping_interval,
        &Config::pong_timeout, &Config::close_timeout}) {
    Config config;
    config.*time = -1ms;
    CHECK(config.check() == Error::invalid_config);
    config.*time = 0ms;
    CHECK(config.check() == Error::none);
  }
}

TEST_CASE("one Config is shared by the connections that use it") {
  Config config;
  config.max_frame_size = 7;
  const SharedConfig shared(config);
  const Connection one = Connection::server(shared);
  const Connection two = Connection::from_raw(Role::server, nullptr, shared);
  CHECK(&one.config() == &*shared);
  CHECK(shared->max_frame_size == 7);
  CHECK(&two.config() == &*shared);
  CHECK(one.config().max_frame_size == 7);
  CHECK(&Connection::server().config() == &Connection::from_raw(Role::server, nullptr).config());
}

}  // namespace wolframite::test
