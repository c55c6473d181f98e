#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <wolframite/asio.hpp>

#include "asio_adapter.hpp"
#include "shown_url.hpp"

namespace ws = wolframite::asio;
using Client = ws::Client<asio::ip::tcp::socket>;
using Stream = ws::WebSocketStream<asio::ip::tcp::socket>;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using wolframite::Kind;

namespace {

int failed(const std::string& why) {
  std::fflush(stdout);
  std::fprintf(stderr, "echo_client: %s\n", why.c_str());
  return 1;
}

/// Tells why there is no connection, with what the server had to say about it.
int failed(const std::string& url, std::error_code why, const Client& client) {
  if (!client.response) return failed("cannot connect to " + shown_url(url) + ": " + why.message());
  const wolframite::Response& response = *client.response;
  return failed(shown_url(url) + " refused with " + std::to_string(response.status) + ' ' +
                response.reason + (response.body.empty() ? "" : ":\n" + response.body));
}

int failed(const Stream& stream, std::error_code why) {
  const wolframite::Closed* const closed = stream.closed();
  if (closed == nullptr) return failed("the connection failed: " + why.message());
  std::string text = "the connection ended";
  if (closed->why) text += ": " + closed->why.message();
  text += " (code " + std::to_string(static_cast<int>(closed->code));
  if (!closed->reason.empty()) text += ", \"" + std::string(closed->reason) + '"';
  return failed(text + ')');
}

std::string quoted(Kind kind, std::string_view data) {
  if (kind == Kind::text && data.size() <= 60) return '"' + std::string(data) + '"';
  return (kind == Kind::text ? "text of " : "binary of ") + std::to_string(data.size()) + " octets";
}

template <class Work>
int run(Work work) {
  asio::io_context context{1};
  auto status = asio::co_spawn(context, work(context), asio::use_future);
  context.run();
  return status.get();
}

awaitable<int> measure(Stream& stream, std::size_t messages, std::chrono::milliseconds time,
                       std::size_t window) {
  const std::vector<std::byte> payload(128);
  const auto started = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::steady_clock::now() - started; };
  std::error_code error;
  std::size_t sent = 0, received = 0;
  for (;;) {
    const bool more = messages > 0 ? sent < messages : elapsed() < time;
    if (more && sent - received < window) {
      co_await stream.async_send(Kind::binary, payload, redirect_error(use_awaitable, error));
      if (error) co_return failed(stream, error);
      ++sent;
      continue;
    }
    if (sent == received) break;
    const auto message = co_await stream.async_next(redirect_error(use_awaitable, error));
    if (error) co_return failed(stream, error);
    if (message.data.size() != payload.size()) co_return failed("a message came back changed");
    ++received;
  }
  std::printf("%8.0f messages/s of %zu octets, %zu on their way at a time\n",
              static_cast<double>(received) / std::chrono::duration<double>(elapsed()).count(),
              payload.size(), window);
  co_return 0;
}

}  // namespace

int check_over_asio(const std::string& url, const wolframite::ConnectOptions& options,
                    const std::vector<AsioSample>& samples) {
  return run([&](asio::io_context& context) -> awaitable<int> {
    std::error_code error;
    auto token = redirect_error(use_awaitable, error);
    Client client = co_await ws::async_connect(context.get_executor(), url, options, token);
    if (error) co_return failed(url, error, client);
    Stream& stream = client.stream;
    for (const AsioSample& sample : samples) {
      co_await stream.async_send(sample.kind, wolframite::bytes_of(sample.data), token);
      if (error) {
        co_return stream.closed() != nullptr
            ? failed(stream, error)
            : failed("cannot send " + quoted(sample.kind, sample.data) + ": " + error.message());
      }
      const auto message = co_await stream.async_next(token);
      if (error) co_return failed(stream, error);
      if (message.kind != sample.kind || message.text() != sample.data) {
        co_return failed("sent " + quoted(sample.kind, sample.data) + ", got back " +
                         quoted(message.kind, message.text()));
      }
      std::printf("echoed %s\n", quoted(sample.kind, sample.data).c_str());
    }
    co_await stream.async_close(token);
    if (error) co_return failed("cannot close: " + error.message());
    std::printf("closed\n");
    co_return 0;
  });
}

int bench_over_asio(const std::string& url, const wolframite::ConnectOptions& options,
                    std::size_t messages, std::chrono::milliseconds time) {
  return run([&](asio::io_context& context) -> awaitable<int> {
    std::error_code error;
    auto token = redirect_error(use_awaitable, error);
    Client client = co_await ws::async_connect(context.get_executor(), url, options, token);
    if (error) co_return failed(url, error, client);
    for (const std::size_t window : {1U, 64U}) {
      const int status = co_await measure(client.stream, messages, time, window);
      if (status != 0) co_return status;
    }
    co_await client.stream.async_close(token);
    co_return error ? failed("cannot close: " + error.message()) : 0;
  });
}

int autobahn_over_asio(const std::string& url, const wolframite::ConnectOptions& options) {
  return run([&](asio::io_context& context) -> awaitable<int> {
    std::string base = url;
    while (base.ends_with('/')) base.pop_back();
    std::error_code error;
    auto token = redirect_error(use_awaitable, error);
    const auto executor = context.get_executor();
    Client asked = co_await ws::async_connect(executor, base + "/getCaseCount", options, token);
    if (error) co_return failed(base, error, asked);
    const auto answer = co_await asked.stream.async_next(token);
    const int count = error ? 0 : std::atoi(std::string(answer.text()).c_str());
    if (count == 0) co_return failed(base + " does not say how many cases there are");
    co_await asked.stream.async_close(token);
    for (int number = 1; number <= count; ++number) {
      const std::string url_of_case =
          base + "/runCase?case=" + std::to_string(number) + "&agent=wolframite";
      Client client = co_await ws::async_connect(executor, url_of_case, options, token);
      if (error) co_return failed(base, error, client);
      while (!error) {
        const auto message = co_await client.stream.async_next(token);
        if (!error) co_await client.stream.async_send(message.kind, message.data, token);
      }
      co_await client.stream.async_close(token);
    }
    Client last = co_await ws::async_connect(executor, base + "/updateReports?agent=wolframite",
                                             options, token);
    if (error) co_return failed(base, error, last);
    while (!error) co_await last.stream.async_next(token);
    std::printf("ran %d cases\n", count);
    co_return 0;
  });
}
