// A terminal for WebSockets: lines from the standard input go out as messages, messages that come
// are printed.
#include <unistd.h>
#include <csignal>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <wolframite/epoll.hpp>

#include "shown_url.hpp"
#include "trace.hpp"

using namespace wolframite;

namespace {

enum Status { ok = 0, misused = 2, no_connection = 3, refused = 4, broken = 5 };

constexpr const char* footer = R"(Exit status:
  0  the connection was closed in order
  2  the arguments are wrong
  3  no connection could be made
  4  the server refused; its answer is on the standard error
  5  the connection was lost, or failed for an error)";

struct Settings {
  std::string url;
  std::vector<std::string> headers, subprotocols;
  std::string ca;
  std::string certificate, key;
  std::uint16_t port = 0;
  int ping = 0;
  bool insecure = false, binary = false, trace = false, deflate = false, quiet = false;
  bool listen = false, one = false;
};

/// Says something about the connection, and not of it.
void note(const Settings& settings, const std::string& text) {
  if (!settings.quiet) std::fprintf(stderr, "%s\n", text.c_str());
}

void print(const Message& message) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  if (message.kind == Kind::binary && terminal) {
    std::printf("%s\n", preview(message.data).c_str());
  } else {
    std::fwrite(message.data.data(), 1, message.data.size(), stdout);
    if (message.kind == Kind::text) std::putchar('\n');
  }
  std::fflush(stdout);
}

/// Reads what is one binary message: a line with its newline, or a part of a long one. All that is
/// read goes out as it was, in pieces of some size.
bool read_piece(std::string& piece) {
  constexpr std::size_t enough = 64 * 1024;
  piece.clear();
  for (char each = 0; piece.size() < enough && each != '\n' && std::cin.get(each);) piece += each;
  return !piece.empty();
}

/// Everything that is connected, and the lines to be sent to it.
class Terminal {
 public:
  Terminal(epoll::Loop& loop, Settings settings) : loop_(loop), settings_(std::move(settings)) {}

  [[nodiscard]] int status() const { return status_; }

  /// Reads lines on a thread of its own, for a terminal cannot be read without waiting. It must be
  /// let go of when the program ends.
  void read_lines() {
    std::thread([this] {
      for (std::string line;
           settings_.binary ? read_piece(line) : !!std::getline(std::cin, line);) {
        loop_.post([this, line] { loop_.spawn(say(line)); });
      }
      loop_.post([this] { hang_up(); });
    }).detach();
  }

  Task<> talk(ConnectOptions options) {
    ClientRequest request(settings_.url);
    for (const std::string& each : settings_.subprotocols) request.subprotocol(each);
    for (const std::string& each : settings_.headers) {
      const std::size_t colon = each.find(':');
      const std::size_t value = each.find_first_not_of(' ', colon + 1);
      request.header(each.substr(0, colon), value == std::string::npos ? "" : each.substr(value));
    }
    auto client = co_await connect(loop_, request, options);
    if (!client) {
      status_ = fail(client.error());
      co_return;
    }
    note(settings_, "connected" + (client->stream.is_tls()
                                       ? " over " + std::string(client->stream.tls_version())
                                       : std::string()));
    if (settings_.trace) {
      for (const auto& [name, value] : client->response.headers) {
        std::fprintf(stderr, "  %.*s: %.*s\n", static_cast<int>(name.size()), name.data(),
                     static_cast<int>(value.size()), value.data());
      }
    }
    read_lines();
    status_ = co_await converse(std::move(client->stream));
  }

  Task<> serve(Listener& listener, AcceptOptions options) {
    read_lines();
    do {
      auto socket = co_await listener.accept();
      if (!socket) co_return;
      if (settings_.one) {
        status_ = co_await receive_one(std::move(*socket), options);
      } else {
        loop_.spawn(receive(std::move(*socket), options));
      }
    } while (!settings_.one);
  }

  /// Closes every connection.
  void hang_up() {
    hung_up_ = true;
    for (WebSocketStream& stream : streams_) loop_.spawn(close(&stream));
    if (streams_.empty() && settings_.listen) loop_.stop();
  }

 private:
  Task<int> receive_one(Socket socket, AcceptOptions options) {
    auto stream = co_await accept(loop_, std::move(socket), options);
    if (!stream) {
      note(settings_, "not a WebSocket: " + stream.error().message());
      co_return broken;
    }
    note(settings_, "somebody connected");
    co_return co_await converse(std::move(*stream));
  }

  Task<> receive(Socket socket, AcceptOptions options) {
    (void)co_await receive_one(std::move(socket), std::move(options));
  }

  /// Prints what comes until the end. Returns how that was.
  Task<int> converse(WebSocketStream opened) {
    Trace trace;
    const auto place = streams_.insert(streams_.end(), std::move(opened));
    struct Leave {
      std::list<WebSocketStream>& streams;
      std::list<WebSocketStream>::iterator place;
      ~Leave() { streams.erase(place); }
    } leave{streams_, place};
    WebSocketStream& stream = *place;
    if (settings_.trace) stream.observe(&trace);
    if (hung_up_) loop_.spawn(close(&stream));
    while (const auto message = co_await stream.next()) print(*message);
    const Closed& closed = *stream.closed();
    std::string text = closed.clean ? "closed" : "lost";
    if (closed.code != CloseCode::abnormal) {
      text += " with " + std::to_string(static_cast<int>(closed.code));
    }
    if (!closed.reason.empty()) text += ", " + std::string(closed.reason);
    if (closed.why) text += ": " + closed.why.message();
    note(settings_, text);
    stream.observe(nullptr);
    co_return closed.clean && !closed.why ? ok : broken;
  }

  Task<> say(std::string line) {
    for (WebSocketStream& stream : streams_) {
      const auto kind = settings_.binary ? Kind::binary : Kind::text;
      if (const auto error = stream.feed(kind, bytes_of(line))) {
        note(settings_, "not sent: " + error.message());
      }
    }
    for (WebSocketStream& stream : streams_) loop_.spawn(flush(&stream));
    co_return;
  }

  // Tasks begin later, and the stream may have gone by then.
  [[nodiscard]] bool is_there(const WebSocketStream* stream) const {
    return std::any_of(streams_.begin(), streams_.end(),
                       [=](const WebSocketStream& each) { return &each == stream; });
  }
  Task<> flush(WebSocketStream* stream) {
    if (is_there(stream)) (void)co_await stream->flush();
  }
  Task<> close(WebSocketStream* stream) {
    if (is_there(stream)) (void)co_await stream->close();
  }

  int fail(const ClientError& error) {
    std::fprintf(stderr, "%s: %s\n", shown_url(settings_.url).c_str(), error.why.message().c_str());
    if (!error.response) return no_connection;
    const Response& response = *error.response;
    std::fprintf(stderr, "HTTP %d %s\n", response.status, response.reason.c_str());
    for (const auto& [name, value] : response.headers) {
      std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(name.size()), name.data(),
                   static_cast<int>(value.size()), value.data());
    }
    if (!response.body.empty()) std::fprintf(stderr, "\n%s\n", response.body.c_str());
    return refused;
  }

  epoll::Loop& loop_;
  Settings settings_;
  std::list<WebSocketStream> streams_;
  int status_ = ok;
  bool hung_up_ = false;
};

Loop* stopped_by_signal = nullptr;

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Talks WebSocket: sends the lines of the standard input, prints what comes.");
  app.footer(footer);
  auto* const url = app.add_option("url", settings.url, "where to connect to, ws:// or wss://");
  app.add_option("-H,--header", settings.headers, "a header to ask with, as Name: value")
      ->check([](const std::string& text) {
        return text.find(':') == std::string::npos ? "a header has a colon" : "";
      });
  app.add_option("-s,--subprotocol", settings.subprotocols, "a subprotocol to ask for");
  app.add_option("--ca", settings.ca, "trust the authorities in this PEM file as well")
      ->check(CLI::ExistingFile);
  app.add_flag("-k,--insecure", settings.insecure, "do not verify the server's certificate");
  app.add_flag("-b,--binary", settings.binary,
               "send binary messages: each line with its newline, or 64 KiB of a longer one");
  app.add_flag("-z,--deflate", settings.deflate, "offer or accept compression");
  app.add_option("-p,--ping", settings.ping, "ping after so many seconds of silence")
      ->check(CLI::PositiveNumber);
  app.add_flag("--trace", settings.trace, "print frames and headers, on the standard error");
  app.add_flag("-q,--quiet", settings.quiet, "print nothing but messages and errors");
  auto* const listen =
      app.add_option("-l,--listen", settings.port, "listen on this port instead, 0 for a free one");
  app.add_flag("-1,--one", settings.one, "with --listen: serve one connection and end")
      ->needs(listen);
  app.add_option("--cert", settings.certificate, "with --listen: a certificate chain, in PEM")
      ->needs(listen)
      ->check(CLI::ExistingFile);
  app.add_option("--key", settings.key, "with --listen: its key")
      ->needs("--cert")
      ->check(CLI::ExistingFile);
  listen->excludes(url);
  try {
    app.parse(argc, argv);
    settings.listen = listen->count() > 0;
    if (!settings.listen && settings.url.empty()) throw CLI::RequiredError("a url, or --listen,");
    if (const auto error = make_error_code(ClientRequest(settings.url).error());
        !settings.listen && error) {
      throw CLI::ValidationError(shown_url(settings.url), error.message());
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ok : misused;
  }

  Config config;
  config.ping_interval = std::chrono::seconds(settings.ping);
  config.deflate.enabled = settings.deflate;

  epoll::Loop loop;
  Terminal terminal(loop, settings);
  stopped_by_signal = &loop;
  std::signal(SIGTERM, [](int) { stopped_by_signal->stop(); });
  std::signal(SIGINT, [](int) { stopped_by_signal->stop(); });

  std::unique_ptr<Listener> listener;
  if (settings.listen) {
    AcceptOptions options{.config = config};
    if (!settings.certificate.empty()) {
      TlsServerOptions tls;
      tls.identity.certificate.file = settings.certificate;
      tls.identity.key.file = settings.key;
      const auto context = TlsContext::server(tls);
      if (!context) {
        std::fprintf(stderr, "cannot use the certificate: %s\n", context.error().message().c_str());
        return misused;
      }
      options.tls = *context;
    }
    auto bound = Listener::bind(loop, "127.0.0.1", settings.port);
    if (!bound) {
      std::fprintf(stderr, "cannot listen: %s\n", bound.error().message().c_str());
      return no_connection;
    }
    listener = std::move(*bound);
    std::fprintf(stderr, "listening on %s://%s\n", options.tls ? "wss" : "ws",
                 listener->local_endpoint().to_string().c_str());
    loop.spawn(terminal.serve(*listener, options));
  } else {
    ConnectOptions options{.config = config};
    TlsClientOptions tls;
    if (!settings.ca.empty()) tls.authorities = {Pem{.file = settings.ca}};
    if (settings.insecure) tls.verify = Verify::none_insecure;
    const auto context = TlsContext::client(tls);
    if (!context) {
      std::fprintf(stderr, "%s: %s\n", settings.ca.c_str(), context.error().message().c_str());
      return misused;
    }
    options.connector = *context;
    loop.spawn(terminal.talk(options));
  }
  loop.run();
  std::fflush(stdout);
  // The thread that reads lines may still wait for one, and knows the terminal.
  std::_Exit(terminal.status());
}
