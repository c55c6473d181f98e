// A chat room with a web page: what one says, all read. Every message is put in a frame once and
// shared by all its receivers.
#include <signal.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <wolframite/epoll.hpp>

#include "arguments.hpp"

using namespace wolframite;

namespace {

constexpr std::string_view usage =
    R"(usage: chat_server [--host H] [--port N] [--page FILE] [--cert FILE --key FILE]
Serves a page for browsers, and the room behind it. "/name Ada" says who one is.
  --host H     address to listen on (127.0.0.1)
  --port N     port, 0 for a free one (9001)
  --page FILE  the page (examples/chat.html)
  --cert FILE  speak TLS with this certificate chain, in PEM
  --key FILE   and its key)";

/// Who is there.
class Room {
 public:
  /// Says a text to everybody.
  void say(const std::string& text) { share(Kind::text, SharedBytes(text)); }

  /// Gives a message to everybody. Those who do not keep up miss it: a send that would have to wait
  /// for room is called off as it goes out of scope.
  void share(Kind kind, const SharedBytes& octets) {
    for (auto& [id, guest] : guests_) {
      const Operation sending = guest.stream.send(kind, octets);
      if (!sending.await_ready()) std::printf("%s does not keep up\n", guest.name.c_str());
    }
  }

  /// Takes part in the conversation for as long as the guest stays.
  Task<> host(WebSocketStream stream) {
    const int id = ++last_;
    Guest& guest =
        guests_.emplace(id, Guest{std::move(stream), "guest " + std::to_string(id)}).first->second;
    // Also where the task is destroyed.
    struct Leave {
      Room& room;
      int id;
      ~Leave() { room.guests_.erase(id); }
    } leave{*this, id};

    say(guest.name + " joined, " + std::to_string(guests_.size()) + " here");
    while (const auto message = co_await guest.stream.next()) {
      if (message->kind == Kind::binary) {
        say(guest.name + " sends " + std::to_string(message->data.size()) + " octets");
        share(Kind::binary, SharedBytes::copy_of(message->data));
      } else if (message->text().starts_with("/name ")) {
        const std::string before =
            std::exchange(guest.name, std::string(message->text().substr(6, 40)));
        say(before + " is now " + guest.name);
      } else {
        say(guest.name + ": " + std::string(message->text()));
      }
    }
    const std::string name = guest.name;
    guests_.erase(id);
    say(name + " left");
  }

  /// Closes every connection with 1001.
  void dismiss(Loop& loop) {
    for (auto& [id, guest] : guests_) loop.spawn(close(id));
  }

 private:
  struct Guest {
    WebSocketStream stream;
    std::string name;
  };

  Task<> close(int id) {
    // The guest may have left since.
    const auto found = guests_.find(id);
    if (found == guests_.end()) co_return;
    co_await found->second.stream.close(CloseCode::going_away, "the room closes");
  }

  std::map<int, Guest> guests_;
  int last_ = 0;
};

Task<> welcome(Loop& loop, Room& room, Socket socket, AcceptOptions options) {
  auto stream = co_await accept(loop, std::move(socket), options);
  if (stream) co_await room.host(std::move(*stream));
}

Task<> serve(Loop& loop, Room& room, Listener& listener, AcceptOptions options) {
  for (;;) {
    auto socket = co_await listener.accept();
    if (!socket) co_return;
    loop.spawn(welcome(loop, room, std::move(*socket), options));
  }
}

std::optional<std::string> contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Loop* stopped_by_signal = nullptr;

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, usage, {"host=", "port=", "page=", "cert=", "key="});
  const std::string path = arguments.value("page", EXAMPLES_DIRECTORY "/chat.html");
  const auto page = contents_of(path);
  if (!page) arguments.fail("cannot read " + path);

  Config config;
  config.max_message_size = 1 << 20;
  config.max_frame_size = 1 << 20;
  // Browsers' tabs fall asleep and machines go away without a word.
  config.ping_interval = std::chrono::seconds(30);
  config.deflate.enabled = is_deflate_available();
  AcceptOptions options{.config = config};
  options.on_request = [&page](const Request& request) -> Answer {
    if (request.target != "/") return Response{.status = 404};
    if (request.is_upgrade()) return Accept{};
    return Response{
        .status = 200, .headers = {{"Content-Type", "text/html; charset=utf-8"}}, .body = *page};
  };
  if (arguments.has("cert") != arguments.has("key")) arguments.fail("--cert and --key go together");
  if (arguments.has("cert")) {
    TlsServerOptions tls;
    tls.identity.certificate.file = arguments.value("cert");
    tls.identity.key.file = arguments.value("key");
    const auto context = TlsContext::server(tls);
    if (!context) arguments.fail("cannot use the certificate: " + context.error().message());
    options.tls = *context;
  }

  epoll::Loop loop;
  auto listener = Listener::bind(loop, arguments.value("host", "127.0.0.1"),
                                 arguments.number<std::uint16_t>("port", 9001));
  if (!listener) {
    std::fprintf(stderr, "chat_server: cannot listen: %s\n", listener.error().message().c_str());
    return 1;
  }
  stopped_by_signal = &loop;
  struct sigaction action {};
  action.sa_handler = [](int) { stopped_by_signal->stop(); };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second signal ends the program at once
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  Room room;
  TaskHandle serving = loop.spawn(serve(loop, room, **listener, options));
  std::printf("listening on %s://%s\n", options.tls ? "wss" : "ws",
              (*listener)->local_endpoint().to_string().c_str());
  std::fflush(stdout);
  loop.run();

  serving.cancel();
  listener->reset();
  room.dismiss(loop);
  loop.run();
}
