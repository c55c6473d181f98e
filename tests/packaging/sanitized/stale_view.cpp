// Under -fsanitize=address: a message that is read after the next `next()` is reported.
#include <cstdio>
#include <string>
#include <utility>

#include <wolframite/epoll.hpp>

using namespace wolframite;

namespace {

Task<> receive(WebSocketStream stream) {
  const auto message = co_await stream.next();
  if (!message) co_return;
  const ConstBytes data = message->data;
  std::printf("first %zu\n", data.size());
  std::fflush(stdout);
  const auto end = co_await stream.next();
  std::printf("stale %d, %d\n", static_cast<int>(data.back()), static_cast<int>(end.has_value()));
}

}  // namespace

int main() {
  epoll::Loop loop;
  auto [ours, theirs] = Socket::pair().value();
  loop.spawn(
      receive(WebSocketStream::from_raw_socket(loop, std::move(ours), Role::client).value()));
  loop.spawn([](WebSocketStream stream) -> Task<> {
    (void)co_await stream.send(std::string_view("a text that is longer than a pointer"));
    (void)co_await stream.close();
  }(WebSocketStream::from_raw_socket(loop, std::move(theirs), Role::server).value()));
  loop.run();
}
