// A project of somebody else's that uses an adapter: a server and a client in one loop.
#include <cstdio>
#include <string>

#include BACKEND_HEADER

using namespace wolframite;

namespace {

Task<> serve(Loop& loop, Listener& listener) {
  auto socket = co_await listener.accept();
  if (!socket) co_return;
  auto stream = co_await accept(loop, std::move(*socket));
  if (!stream) co_return;
  while (const auto message = co_await stream->next()) {
    if (co_await stream->send(message->kind, message->data)) break;
  }
}

Task<> talk(Loop& loop, std::string url, std::string& answer) {
  auto client = co_await connect(loop, std::move(url));
  if (!client) co_return;
  if (co_await client->stream.send("hello from outside")) co_return;
  if (const auto message = co_await client->stream.next()) answer = message->text();
  (void)co_await client->stream.close();
}

}  // namespace

int main() {
  BACKEND::Loop loop;
  auto listener = Listener::bind(loop, "127.0.0.1", 0);
  if (!listener) return 1;
  std::string answer;
  loop.spawn(serve(loop, **listener));
  loop.spawn(talk(loop, "ws://127.0.0.1:" + std::to_string((*listener)->port()) + "/", answer));
  loop.run();
  std::printf("%s: %s\n", BACKEND_NAME, answer.c_str());
  return answer == "hello from outside" ? 0 : 1;
}
