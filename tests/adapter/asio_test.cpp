// The Asio adapter keeps Asio's promises: any completion token, handlers on their executor and
// never inside of what began them.
#include <string>
#include <vector>

#include "asio_rig.hpp"

namespace wolframite::test {
namespace {

TEST_CASE("callbacks: an echo of messages of all sizes") {
  net::io_context context;
  auto [server, client] = joined(context);
  start_echo(std::move(server));
  for (const std::size_t size : {0UL, 1UL, 125UL, 126UL, 65'535UL, 65'536UL, 1'000'003UL}) {
    CAPTURE(size);
    const std::string text(size, 'x');
    bool sent = false, received = false;
    client.async_send(text, [&](std::error_code error) {
      CHECK_FALSE(error);
      sent = true;
    });
    client.async_next([&](std::error_code error, Message message) {
      CHECK_FALSE(error);
      CHECK(message.text() == text);
      received = true;
    });
    CHECK_FALSE(sent);
    run_until(context, [&] { return sent && received; });
  }
  bool closed = false;
  client.async_close([&](std::error_code error) {
    CHECK_FALSE(error);
    closed = true;
  });
  context.restart();
  context.run();  // nothing is left
  CHECK(closed);
  CHECK(client.closed()->clean);
}

}  // namespace
}  // namespace wolframite::test
