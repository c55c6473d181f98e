// Driving one Connection by hand: bytes in, events and bytes out.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory.hpp"
#include "random.hpp"
#include "record.hpp"
#include "wire.hpp"
#include "wolframite/accept_key.hpp"
#include "wolframite/connection.hpp"

namespace wolframite::test {

using namespace std::chrono_literals;
using namespace std::string_literals;

/// An instant, so long after an epoch that is none of the clock's special values.
inline Time at(std::chrono::milliseconds since) { return Time(1000h) + since; }

/// Receives `bytes` until nothing is left of them. They lie in a buffer of their exact size, so
/// that a sanitizer sees a read beyond it, and are copied out of it before the next call.
inline void feed(Connection& connection, std::string_view bytes, Records& events) {
  std::vector<std::byte> buffer(bytes_of(bytes).begin(), bytes_of(bytes).end());
  Bytes in(buffer);
  std::size_t calls = 0;
  while (const auto event = connection.receive(in)) {
    events.push_back(to_record(*event));
    REQUIRE(++calls < 100 + bytes.size());
  }
  CHECK(in.empty());
}

inline Records feed(Connection& connection, std::string_view bytes) {
  Records events;
  feed(connection, bytes, events);
  return events;
}

/// The same, cut before each index in `cuts`, which ascend.
inline void feed(Connection& connection, std::string_view bytes,
                 const std::vector<std::size_t>& cuts, Records& events) {
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    feed(connection, bytes.substr(from, cut - from), events);
    from = cut;
  }
  feed(connection, bytes.substr(from), events);
}

inline void feed_by_octets(Connection& connection, std::string_view bytes, Records& events) {
  for (std::size_t i = 0; i < bytes.size(); ++i) feed(connection, bytes.substr(i, 1), events);
  if (bytes.empty()) feed(connection, bytes, events);
}

/// Ends the stream.
inline void feed_eof(Connection& connection, Records& events, std::error_code why = {}) {
  while (const auto event = connection.receive_eof(why)) events.push_back(to_record(*event));
}

inline Records feed_eof(Connection& connection, std::error_code why = {}) {
  Records events;
  feed_eof(connection, events, why);
  return events;
}

inline Records tell(Connection& connection, Time now) {
  Records events;
  while (const auto event = connection.advance(now)) events.push_back(to_record(*event));
  return events;
}

/// Shows all pending bytes, and leaves them pending.
inline std::string peek_output(const Connection& connection) {
  std::vector<ConstBytes> gather(connection.pending_output() + 1);
  std::string bytes;
  for (const ConstBytes segment : std::span(gather).first(connection.output(gather))) {
    bytes.append(text_of(segment));
  }
  return bytes;
}

/// Takes all pending bytes.
inline std::string take_output(Connection& connection) {
  std::string bytes;
  std::array<ConstBytes, 4> gather;
  while (const std::size_t used = connection.output(gather)) {
    std::size_t size = 0;
    for (const ConstBytes segment : std::span(gather).first(used)) {
      CHECK_FALSE(segment.empty());
      bytes.append(text_of(segment));
      size += segment.size();
    }
    connection.consume(size);
  }
  CHECK(connection.pending_output() == 0);
  return bytes;
}

inline Connection open_server(Config config = {}, std::pmr::memory_resource* memory = nullptr) {
  return Connection::from_raw(Role::server, nullptr, std::move(config), memory);
}

inline Connection open_client(Entropy& entropy, Config config = {},
                              std::pmr::memory_resource* memory = nullptr) {
  return Connection::from_raw(Role::client, &entropy, std::move(config), memory);
}

// Handshakes.

inline constexpr std::string_view sample_key = "d29sZnJhbWl0ZSB0ZXN0cw==";

inline std::string upgrade_request(std::string_view more_headers = {},
                                   std::string_view target = "/chat") {
  return std::string("GET ")
      .append(target)
      .append(
          " HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ")
      .append(sample_key)
      .append("\r\n")
      .append(more_headers)
      .append("\r\n");
}

/// The key in a client's request.
inline std::string key_in(std::string_view request) {
  constexpr std::string_view name = "Sec-WebSocket-Key: ";
  const std::size_t begin = request.find(name);
  REQUIRE(begin != std::string_view::npos);
  return std::string(request.substr(begin + name.size(), 24));
}

/// A server's answer to `request`.
inline std::string upgrade_response(std::string_view request, std::string_view more_headers = {}) {
  return std::string(
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: ")
      .append(derive_accept_key(key_in(request)))
      .append("\r\n")
      .append(more_headers)
      .append("\r\n");
}

}  // namespace wolframite::test
