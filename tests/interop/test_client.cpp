// A client that does what its arguments say and prints what it sees, for tests against servers of
// others.
//
//   test_client URL [STEP...]
//     protocol:NAME    header:NAME:VALUE               before anything else
//     text:TEXT        binary:SIZE        text-of:SIZE send a message
//     parts:SIZE:PART                                  send a binary message in fragments of PART
//     octets ping:TEXT        pong:TEXT                       send a control frame recv print the
//     next message drain                                            print messages until the end
//     close[:CODE[:REASON]]                            close the connection
//
// Made-up payloads follow a pattern, so that both ends can tell a right one from a wrong one.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <wolframite/epoll.hpp>

using namespace wolframite;

namespace {

/// The first `size` octets of the pattern: printable ASCII of a prime period.
std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('!' + i % 89);
  return text;
}

/// Splits off what stands before the next colon.
std::string_view word(std::string_view& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view first = text.substr(0, colon);
  text.remove_prefix(std::min(colon + 1, text.size()));
  return first;
}

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && !text.empty()) return value;
  std::fprintf(stderr, "not a number: %.*s\n", static_cast<int>(text.size()), text.data());
  std::exit(2);
}

void print(const char* what, std::string_view text) {
  std::printf("%s %.*s\n", what, static_cast<int>(text.size()), text.data());
}

void print(const Message& message) {
  const std::string_view text = message.text();
  const char* kind = message.kind == Kind::text ? "text" : "binary";
  if (text.size() <= 80 && message.kind == Kind::text) return print(kind, text);
  std::printf("%s %zu %s\n", kind, text.size(), text == pattern(text.size()) ? "right" : "wrong");
}

void print_end(const WebSocketStream& stream) {
  const Closed* closed = stream.closed();
  if (closed == nullptr) return print("end", "unknown");
  std::printf("end %d %s %.*s\n", static_cast<int>(closed->code),
              closed->clean ? "clean" : "unclean", static_cast<int>(closed->reason.size()),
              closed->reason.data());
  // The code says that the peer closed for an error.
  if (closed->why && closed->why != Error::closed_with_error) print("why", closed->why.message());
}

/// Sends one message. Returns false with a complaint if that fails.
Task<bool> send(WebSocketStream& stream, Kind kind, std::string payload, std::size_t part) {
  std::string_view rest = payload;
  bool last = false;
  while (!last) {
    const std::string_view piece = rest.substr(0, part);
    rest.remove_prefix(piece.size());
    last = rest.empty();
    if (const auto why = co_await stream.send(kind, bytes_of(piece), last)) {
      print("send-error", why.message());
      co_return false;
    }
  }
  co_return true;
}

Task<bool> step(WebSocketStream& stream, std::string_view rest) {
  const std::string_view what = word(rest);
  if (what == "text")
    co_return co_await send(stream, Kind::text, std::string(rest), rest.size() + 1);
  if (what == "text-of" || what == "binary" || what == "parts") {
    const std::size_t size = number(word(rest));
    const std::size_t part = what == "parts" ? number(rest) : size + 1;
    co_return co_await send(stream, what == "text-of" ? Kind::text : Kind::binary, pattern(size),
                            part);
  }
  if (what == "ping" || what == "pong") {
    const auto why = what == "ping" ? stream.ping(bytes_of(rest)) : stream.pong(bytes_of(rest));
    if (why) print("send-error", why.message());
    co_return !why;
  }
  if (what == "recv" || what == "drain") {
    do {
      const auto message = co_await stream.next();
      if (!message) {
        print_end(stream);
        co_return what == "drain";
      }
      print(*message);
    } while (what == "drain");
    co_return true;
  }
  if (what == "close") {
    const auto code = rest.empty() ? CloseCode::normal : static_cast<CloseCode>(number(word(rest)));
    if (const auto why = co_await stream.close(code, rest)) print("close-error", why.message());
    print_end(stream);
    co_return true;
  }
  print("unknown step", what);
  co_return false;
}

Task<> run(Loop& loop, ClientRequest request, std::vector<std::string_view> steps, int& status) {
  auto client = co_await connect(loop, std::move(request));
  if (!client) {
    const auto& response = client.error().response;
    if (response) {
      std::printf("refused %d %s\n", response->status, response->body.c_str());
    } else {
      print("connect-error", client.error().why.message());
    }
    co_return;
  }
  print("protocol", client->response.headers.find("Sec-WebSocket-Protocol").value_or("none"));
  print("header", client->response.headers.find("X-Test").value_or("none"));
  for (const std::string_view each : steps) {
    if (!co_await step(client->stream, each)) co_return;
  }
  status = 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    std::fprintf(stderr, "usage: test_client URL [STEP...]\n");
    return 2;
  }
  ClientRequest request(arguments[0]);
  std::vector<std::string_view> steps;
  for (std::string_view each : std::vector(arguments.begin() + 1, arguments.end())) {
    std::string_view rest = each;
    const std::string_view what = word(rest);
    if (what == "protocol") {
      request.subprotocol(rest);
    } else if (what == "header") {
      const std::string_view name = word(rest);
      request.header(name, rest);
    } else {
      steps.push_back(each);
    }
  }
  epoll::Loop loop;
  int status = 1;
  loop.spawn(run(loop, std::move(request), std::move(steps), status));
  loop.run();
  return status;
}
