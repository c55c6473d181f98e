// A payload that is given away is the send's own: nobody has to keep it while the send waits.
#include <array>
#include <asio/detached.hpp>
#include <asio/use_future.hpp>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "asio_rig.hpp"
#include "wire.hpp"

namespace wolframite::test {
namespace {

namespace ws = wolframite::asio;

std::vector<std::byte> bytes_with(std::string_view text) {
  const ConstBytes bytes = bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

/// Text too long for a string to hold within itself, so that a stale view is seen.
std::string long_text(char letter) { return std::string(2000, letter); }

/// A client whose sends wait for room, and the server that gives it.
struct Full {
  Full() : ends(joined(context, Config{.write_buffer_size = 1000})) {
    ends.client.async_send(filler, net::detached);
    settle(context);
    REQUIRE(ends.client.pending_output() > 1000);
  }
  /// What the server gets after the filler.
  std::vector<std::string> rest(std::size_t count) {
    std::vector<std::string> got;
    std::function<void()> read = [&] {
      ends.server.async_next([&](error_code error, Message message) {
        REQUIRE_FALSE(error);
        got.emplace_back(message.text());
        if (got.size() <= count) read();
      });
    };
    read();
    run_until(context, [&] { return got.size() > count; });
    got.erase(got.begin());
    return got;
  }
  const std::string filler = std::string(8U << 20U, 'f');
  net::io_context context;
  Joined<tcp::socket> ends;
};

TEST_CASE("rvalues of strings and of what owns bytes may go at once") {
  Full full;
  TcpStream& client = full.ends.client;
  const std::string constant = long_text('c');
  client.async_send(long_text('a'), net::detached);
  client.async_send(long_text('b'), Compression::never, net::detached);
  client.async_send(std::move(constant), net::detached);  // NOLINT: as a careless caller does
  client.async_send(std::pmr::string(long_text('d')), net::detached);
  client.async_send(Kind::text, long_text('e'), net::detached);
  client.async_send(Kind::text, long_text('f'), Compression::never, net::detached);
  client.async_send(Kind::binary, bytes_with(long_text('g')), net::detached);
  client.async_send(Kind::binary, bytes_with(long_text('h')), Compression::never, net::detached);
  client.async_send(Kind::text, long_text('i'), false, net::detached);
  client.async_send(Kind::text, bytes_with(long_text('j')), true, Compression::never,
                    net::detached);
  client.async_send(Kind::binary, std::array<std::byte, 3>{}, net::detached);
  settle(full.context);
  const std::vector<std::string> expected{
      long_text('a'),      long_text('b'), long_text('c'),
      long_text('d'),      long_text('e'), long_text('f'),
      long_text('g'),      long_text('h'), long_text('i') + long_text('j'),
      std::string(3, '\0')};
  CHECK(full.rest(expected.size()) == expected);
}

TEST_CASE("a deferred send owns what it was given") {
  Full full;
  auto text = full.ends.client.async_send(long_text('a'), deferred);
  auto bytes = full.ends.client.async_send(Kind::binary, bytes_with(long_text('b')), deferred);
  auto closing =
      full.ends.client.async_close(CloseCode::normal, long_text('r').substr(0, 100), deferred);
  std::move(text)(net::detached);
  std::move(bytes)(net::detached);
  CHECK(full.rest(2) == std::vector<std::string>{long_text('a'), long_text('b')});
  std::move(closing)(net::detached);
  full.ends.server.async_next(net::detached);
  run_until(full.context, [&] { return full.ends.server.is_terminated(); });
  CHECK(full.ends.server.closed()->reason == std::string(100, 'r'));
}

TEST_CASE("what is not given away stays a view") {
  // A send of a view copies once, as it is queued; one of a string that was given away never does.
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  std::vector<std::string> got;
  std::function<void()> read = [&] {
    ends.server.async_next([&](error_code error, Message message) {
      if (error) return;
      got.emplace_back(message.text());
      read();
    });
  };
  read();
  const std::string text = "string";
  const std::vector<std::byte> bytes = bytes_with("vector");
  std::string changing = "changing";
  ends.client.async_send("literal", net::detached);
  ends.client.async_send(std::string_view("view"), net::detached);
  ends.client.async_send(text, net::detached);
  ends.client.async_send(changing, Compression::never, net::detached);
  ends.client.async_send(Kind::text, bytes, net::detached);
  ends.client.async_send(Kind::text, ConstBytes(bytes), false, net::detached);
  ends.client.async_send(Kind::text, bytes_of("span"), true, net::detached);
  changing[0] = 'C';  // seen, for it was not begun
  settle(context);
  CHECK(got ==
        std::vector<std::string>{"literal", "view", "string", "Changing", "vector", "vectorspan"});
}

}  // namespace
}  // namespace wolframite::test
