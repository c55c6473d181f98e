// A client for echo servers, over epoll or io_uring: checks that everything comes back, or measures
// how fast. Over Asio it is in echo_client_asio.cpp.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapter.hpp"
#include "arguments.hpp"
#include "shown_url.hpp"
#ifdef EXAMPLES_WITH_ASIO
#include "asio_adapter.hpp"
#endif

using namespace wolframite;

namespace {

constexpr std::string_view usage =
    R"(usage: echo_client --url U [--bench [N | Ns]] [--ca F] [--deflate ...] [--adapter A]
       echo_client --autobahn U [--ca F] [--deflate ...]
Sends each line of the standard input, or without any a set of messages, and checks that it comes back.
  --url U                the echo server, such as ws://127.0.0.1:9001, or over TLS wss://localhost:9001
  --bench N              measure with N messages instead; with Ns, for N seconds (2s)
  --autobahn U           be tested by the Autobahn fuzzing server at U
  --ca F                 trust the certificate authorities in this PEM file as well as the system's
  --deflate              offer to compress messages (RFC 7692)
  --window-bits N        with windows of at most so many bits, 8 to 15 (15)
  --no-context-takeover  forget them after each message
  --adapter A            epoll, uring or asio (epoll))";

struct Sample {
  Kind kind;
  std::string data;
};

std::string quoted(const Sample& sample) {
  if (sample.kind == Kind::text && sample.data.size() <= 60) return '"' + sample.data + '"';
  return (sample.kind == Kind::text ? "text of " : "binary of ") +
         std::to_string(sample.data.size()) + " octets";
}

std::vector<Sample> default_samples() {
  std::vector<Sample> samples{
      {Kind::text, ""}, {Kind::text, "hello"}, {Kind::text, "Größe ≥ 10 €, 𝄞"}};
  for (const std::size_t size : {0u, 1u, 125u, 126u, 65'535u, 65'536u, 1'048'576u}) {
    std::string data(size, '\0');
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i * 7 + i / 256);
    samples.push_back({Kind::binary, std::move(data)});
  }
  return samples;
}

std::vector<Sample> lines_or_default() {
  std::vector<Sample> samples;
  if (isatty(STDIN_FILENO) == 0) {
    for (std::string line; std::getline(std::cin, line);) samples.push_back({Kind::text, line});
  }
  return samples.empty() ? default_samples() : samples;
}

int failed(const std::string& why) {
  std::fflush(stdout);
  std::fprintf(stderr, "echo_client: %s\n", why.c_str());
  return 1;
}

/// Tells why there is no connection, with what the server had to say about it.
int failed(const std::string& url, const ClientError& error) {
  if (!error.response)
    return failed("cannot connect to " + shown_url(url) + ": " + error.why.message());
  const Response& response = *error.response;
  return failed(shown_url(url) + " refused with " + std::to_string(response.status) + ' ' +
                response.reason + (response.body.empty() ? "" : ":\n" + response.body));
}

/// Tells why the connection ended too early.
int failed(const WebSocketStream& stream) {
  const Closed* closed = stream.closed();
  if (closed == nullptr) return failed("the connection failed");
  std::string why = "the connection ended";
  if (closed->why) why += ": " + closed->why.message();
  why += " (code " + std::to_string(static_cast<int>(closed->code));
  if (!closed->reason.empty()) why += ", \"" + std::string(closed->reason) + '"';
  return failed(why + ')');
}

Task<int> check_echo(Loop& loop, std::string url, ConnectOptions options) {
  auto client = co_await connect(loop, url, options);
  if (!client) co_return failed(url, client.error());
  WebSocketStream& stream = client->stream;
  for (const Sample& sample : lines_or_default()) {
    if (const auto why = co_await stream.send(sample.kind, bytes_of(sample.data))) {
      co_return stream.closed() != nullptr
          ? failed(stream)
          : failed("cannot send " + quoted(sample) + ": " + why.message());
    }
    const auto message = co_await stream.next();
    if (!message) co_return failed(stream);
    if (message->kind != sample.kind || message->text() != sample.data) {
      co_return failed("sent " + quoted(sample) + ", got back " +
                       quoted({message->kind, std::string(message->text())}));
    }
    std::printf("echoed %s\n", quoted(sample).c_str());
  }
  if (const auto why = co_await stream.close()) co_return failed("cannot close: " + why.message());
  std::printf("closed\n");
  co_return 0;
}

/// How long to measure: a number of messages, or a time.
struct Length {
  std::size_t messages = 0;
  std::chrono::milliseconds time{};
};

std::optional<Length> parse_length(std::string text) {
  const bool seconds = text.ends_with('s');
  if (seconds) text.pop_back();
  const auto number = Arguments::to_number<unsigned>(text);
  if (!number || *number == 0) return std::nullopt;
  return seconds ? Length{.time = std::chrono::seconds(*number)} : Length{.messages = *number};
}

/// Keeps `window` messages of `size` octets on their way and prints how many come back a second.
Task<int> measure(WebSocketStream& stream, Length length, std::size_t size, std::size_t window) {
  const std::vector<std::byte> payload(size);
  const auto started = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::steady_clock::now() - started; };
  std::size_t sent = 0;
  std::size_t received = 0;
  while (true) {
    const bool more = length.messages > 0 ? sent < length.messages : elapsed() < length.time;
    if (more && sent - received < window) {
      if (co_await stream.send(Kind::binary, payload)) co_return failed(stream);
      ++sent;
      continue;
    }
    if (sent == received) break;
    const auto message = co_await stream.next();
    if (!message) co_return failed(stream);
    if (message->data.size() != size) co_return failed("a message came back changed");
    ++received;
  }
  const double seconds = std::chrono::duration<double>(elapsed()).count();
  std::printf("%8.0f messages/s of %zu octets, %zu on their way at a time\n",
              static_cast<double>(received) / seconds, size, window);
  co_return 0;
}

Task<int> bench(Loop& loop, std::string url, ConnectOptions options, Length length) {
  auto client = co_await connect(loop, url, options);
  if (!client) co_return failed(url, client.error());
  for (const std::size_t window : {1u, 64u}) {
    if (const int status = co_await measure(client->stream, length, 128, window)) co_return status;
  }
  const auto why = co_await client->stream.close();
  co_return why ? failed("cannot close: " + why.message()) : 0;
}

/// Asks an Autobahn fuzzing server for its cases and echoes in each. Its report, not this program,
/// tells the outcome.
Task<int> autobahn(Loop& loop, std::string url, ConnectOptions options) {
  while (url.ends_with('/')) url.pop_back();
  std::size_t count = 0;
  {
    auto client = co_await connect(loop, url + "/getCaseCount", options);
    if (!client) co_return failed(url, client.error());
    while (const auto message = co_await client->stream.next()) {
      count = Arguments::to_number<std::size_t>(message->text()).value_or(0);
    }
    if (count == 0) co_return failed(shown_url(url) + " does not say how many cases there are");
  }
  for (std::size_t number = 1; number <= count; ++number) {
    auto client = co_await connect(
        loop, url + "/runCase?case=" + std::to_string(number) + "&agent=wolframite", options);
    if (!client) co_return failed(url, client.error());
    while (const auto message = co_await client->stream.next()) {
      if (co_await client->stream.send(message->kind, message->data)) break;
    }
    (void)co_await client->stream.close();
  }
  auto client = co_await connect(loop, url + "/updateReports?agent=wolframite", options);
  if (!client) co_return failed(url, client.error());
  while (const auto message = co_await client->stream.next()) {
  }
  std::printf("ran %zu cases\n", count);
  co_return 0;
}

Task<> run(Task<int> task, int& status) { status = co_await std::move(task); }

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, usage,
                            {"url=", "bench?", "autobahn=", "adapter=", "deflate",
                             "window-bits=", "no-context-takeover", "ca="});
  const bool tested = arguments.has("autobahn");
  const std::string url = arguments.value(tested ? "autobahn" : "url");
  if (url.empty()) arguments.fail("--url is missing");
  const ClientRequest request(url);
  if (const std::error_code fault = request.error())
    arguments.fail(shown_url(url) + ": " + fault.message());

  Config config;
  config.deflate = deflate_config(arguments);
  ConnectOptions options{.config = config};
  if (arguments.has("ca")) {
    TlsClientOptions tls;
    tls.authorities = {Pem{.file = arguments.value("ca")}};
    const auto context = TlsContext::client(tls);
    if (!context) arguments.fail(arguments.value("ca") + ": " + context.error().message());
    options.connector = *context;
  }

  std::optional<Length> length;
  if (arguments.has("bench")) {
    const std::string text = arguments.value("bench");
    length = parse_length(text.empty() ? "2s" : text);
    if (!length) arguments.fail("--bench takes a number of messages, or of seconds as in 2s");
  }

#ifdef EXAMPLES_WITH_ASIO
  if (arguments.value("adapter") == "asio") {
    if (tested) return autobahn_over_asio(url, options);
    if (length) return bench_over_asio(url, options, length->messages, length->time);
    std::vector<AsioSample> samples;
    for (Sample& each : lines_or_default()) samples.push_back({each.kind, std::move(each.data)});
    return check_over_asio(url, options, samples);
  }
#endif
  const std::unique_ptr<Loop> adapter = make_loop(arguments);
  Loop& loop = *adapter;
  int status = 1;
  loop.spawn(run(tested   ? autobahn(loop, url, options)
                 : length ? bench(loop, url, options, *length)
                          : check_echo(loop, url, options),
                 status));
  loop.run();
  return status;
}
