// A client over Asio: connects to a URL, sends its other arguments, and prints what comes back.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <wolframite/asio.hpp>

namespace {

asio::awaitable<void> talk(asio::io_context& context, std::string url,
                           std::vector<std::string> texts) {
  auto [stream, response] =
      co_await wolframite::asio::async_connect(context.get_executor(), url, asio::use_awaitable);
  std::printf("connected, %d %s\n", response->status, response->reason.c_str());
  for (const std::string& text : texts) {
    co_await stream.async_send(text, asio::use_awaitable);
    const auto message = co_await stream.async_next(asio::use_awaitable);
    std::printf("%.*s\n", static_cast<int>(message.data.size()), message.text().data());
  }
  co_await stream.async_close(asio::use_awaitable);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: asio_client URL [TEXT...]\n");
    return 2;
  }
  asio::io_context context{1};
  auto done =
      asio::co_spawn(context, talk(context, argv[1], {argv + 2, argv + argc}), asio::use_future);
  context.run();
  done.get();
} catch (const std::exception& error) {
  std::fprintf(stderr, "asio_client: %s\n", error.what());
  return 1;
}
