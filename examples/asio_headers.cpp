// A server over Asio that looks at the request: it asks for a token, and chooses a subprotocol. By
// callbacks, so that nothing is hidden.
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/signal_set.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <wolframite/asio.hpp>

using asio::ip::tcp;
namespace ws = wolframite::asio;

namespace {

wolframite::Answer admit(const wolframite::Request& request) {
  std::printf("asked for %s\n", request.target.c_str());
  for (const auto& header : request.headers) {
    std::printf("* %s\n", std::string(header.name).c_str());
  }
  std::fflush(stdout);
  if (request.headers.find("X-Token") != "open sesame") {
    return wolframite::Response{.status = 401, .body = "What is the word?\n"};
  }
  wolframite::Accept accept{.headers = {{"X-Welcome", "come in"}}};
  if (request.offers_subprotocol("greeting")) accept.subprotocol = "greeting";
  return accept;
}

/// Greets, and closes once anything is said.
class Greeter : public std::enable_shared_from_this<Greeter> {
 public:
  explicit Greeter(ws::WebSocketStream<tcp::socket> stream) : stream_(std::move(stream)) {}

  void greet() {
    stream_.async_send("hello", [self = shared_from_this()](std::error_code error) {
      if (!error) self->wait();
    });
  }

 private:
  void wait() {
    stream_.async_next([self = shared_from_this()](std::error_code error, wolframite::Message) {
      if (error) return;
      self->stream_.async_close(wolframite::CloseCode::normal, "goodbye",
                                [self](std::error_code) {});
    });
  }

  ws::WebSocketStream<tcp::socket> stream_;
};

// Goes on whatever single connections do, and while descriptors are wanting.
void listen(ws::Acceptor& acceptor) {
  acceptor.async_accept([&](std::error_code error, tcp::socket socket) {
    if (error) throw std::system_error(error, "accept");  // comes out of run: it is over
    listen(acceptor);
    ws::async_accept(std::move(socket), {.on_request = admit},
                     [](std::error_code failed, ws::WebSocketStream<tcp::socket> stream) {
                       if (!failed) std::make_shared<Greeter>(std::move(stream))->greet();
                     });
  });
}

}  // namespace

int main(int argc, char** argv) try {
  const auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 9001);
  asio::io_context context{1};
  ws::Acceptor acceptor(context.get_executor(),
                        tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
  listen(acceptor);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { context.stop(); });
  std::printf("listening on ws://127.0.0.1:%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  context.run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "asio_headers: %s\n", error.what());
  return 1;
}
