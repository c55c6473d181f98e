// A reader and a writer on one stream at once, over Asio: sends numbers to an echo server as fast
// as they are taken, and adds up what comes back.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <wolframite/asio.hpp>

namespace {

using Stream = wolframite::asio::WebSocketStream<asio::ip::tcp::socket>;

// Both own the stream, so that it lives as long as either needs it.
asio::awaitable<void> write(std::shared_ptr<Stream> stream, int count) {
  for (int number = 1; number <= count; ++number) {
    co_await stream->async_send(std::to_string(number), asio::use_awaitable);
  }
}

asio::awaitable<long> read(std::shared_ptr<Stream> stream, int count) {
  long sum = 0;
  for (int i = 0; i < count; ++i) {
    const auto message = co_await stream->async_next(asio::use_awaitable);
    sum += std::atol(std::string(message.text()).c_str());
  }
  co_return sum;
}

asio::awaitable<long> run(asio::io_context& context, std::string url, int count) {
  auto client =
      co_await wolframite::asio::async_connect(context.get_executor(), url, asio::use_awaitable);
  auto stream = std::make_shared<Stream>(std::move(client.stream));
  asio::co_spawn(context, write(stream, count), asio::detached);
  const long sum = co_await read(stream, count);
  co_await stream->async_close(asio::use_awaitable);
  co_return sum;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: asio_split URL [COUNT]\n");
    return 2;
  }
  asio::io_context context{1};
  const int count = argc > 2 ? std::atoi(argv[2]) : 1000;
  auto sum = asio::co_spawn(context, run(context, argv[1], count), asio::use_future);
  context.run();
  std::printf("%d numbers, sum %ld\n", count, sum.get());
} catch (const std::exception& error) {
  std::fprintf(stderr, "asio_split: %s\n", error.what());
  return 1;
}
