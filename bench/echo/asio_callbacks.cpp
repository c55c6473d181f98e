// The smallest echo server over Asio that is made of callbacks.
#include <memory>

#include "asio_server.hpp"

namespace {

using namespace bench;

class Echo : public std::enable_shared_from_this<Echo> {
 public:
  explicit Echo(Stream stream) : stream_(std::move(stream)) {}

  void next() {
    stream_.async_next(
        [self = shared_from_this()](std::error_code error, wolframite::Message message) {
          if (!error) self->send(message);
        });
  }

 private:
  void send(wolframite::Message& message) {
    stream_.async_send(std::move(message), [self = shared_from_this()](std::error_code error) {
      if (!error) self->next();
    });
  }

  Stream stream_;
};

void accept_all(Server& server) {
  server.acceptor.async_accept([&server](std::error_code error, tcp::socket socket) {
    if (error) return;
    wolframite::asio::async_accept(std::move(socket), server.options,
                                   [](std::error_code failed, Stream stream) {
                                     if (!failed) std::make_shared<Echo>(std::move(stream))->next();
                                   });
    accept_all(server);
  });
}

}  // namespace

int main(int argc, char** argv) { return run(argc, argv, accept_all); }
