// An echo server made with Boost.Beast, after its documentation's asynchronous servers: one thread,
// so no strand and no locks; sockets of the io_context's own executor, so no type-erased ones; no
// timeouts; a write buffer that takes what it may have to hold.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/version.hpp>

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "options.hpp"

namespace {

namespace beast = boost::beast;
namespace net = boost::asio;
using net::ip::tcp;
using Executor = net::io_context::executor_type;
using Socket = net::basic_stream_socket<tcp, Executor>;
using TlsSocket = net::ssl::stream<Socket>;

template <class NextLayer>
class Session : public std::enable_shared_from_this<Session<NextLayer>> {
 public:
  using Sessions = std::set<std::shared_ptr<Session>>;

  template <class... Arguments>
  Session(const peer::Options& options, Sessions& all, Arguments&&... next_layer)
      : options_(options), all_(all), stream_(std::forward<Arguments>(next_layer)...) {
    if (options.deflate) {
      beast::websocket::permessage_deflate deflate;
      deflate.server_enable = true;
      stream_.set_option(deflate);
    }
    stream_.auto_fragment(false);
    stream_.write_buffer_bytes(64 * 1024);
    stream_.read_message_max(64 * 1024 * 1024);
  }

  void run() {
    if constexpr (std::is_same_v<NextLayer, TlsSocket>) {
      stream_.next_layer().async_handshake(
          net::ssl::stream_base::server,
          [self = this->shared_from_this()](beast::error_code error) {
            if (!error) self->accept();
          });
    } else {
      accept();
    }
  }

 private:
  using Payload = std::shared_ptr<const beast::flat_buffer>;

  void accept() {
    stream_.async_accept([self = this->shared_from_this()](beast::error_code error) {
      if (error) return;
      if (self->options_.broadcasts) self->all_.insert(self);
      self->read();
    });
  }

  void read() {
    stream_.async_read(buffer_, [self = this->shared_from_this()](beast::error_code error,
                                                                  std::size_t) {
      if (error) {
        self->all_.erase(self);
      } else if (self->options_.broadcasts) {
        const auto payload = std::make_shared<const beast::flat_buffer>(std::move(self->buffer_));
        self->buffer_.clear();
        for (const auto& session : self->all_) session->queue(payload);
        self->read();
      } else {
        self->echo();
      }
    });
  }

  void echo() {
    stream_.binary(stream_.got_binary());
    stream_.async_write(buffer_.data(),
                        [self = this->shared_from_this()](beast::error_code error, std::size_t) {
                          if (error) return;
                          self->buffer_.consume(self->buffer_.size());
                          self->read();
                        });
  }

  void queue(const Payload& payload) {
    queue_.push_back(payload);
    if (queue_.size() == 1) write();
  }

  void write() {
    stream_.binary(true);
    stream_.async_write(queue_.front()->data(),
                        [self = this->shared_from_this()](beast::error_code error, std::size_t) {
                          if (error) return;
                          self->queue_.pop_front();
                          if (!self->queue_.empty()) self->write();
                        });
  }

  const peer::Options& options_;
  Sessions& all_;
  beast::websocket::stream<NextLayer> stream_;
  beast::flat_buffer buffer_;
  std::deque<Payload> queue_;
};

class Server {
 public:
  Server(net::io_context& context, const peer::Options& options)
      : options_(options),
        acceptor_(context, tcp::endpoint(net::ip::address_v4::loopback(), options.port)) {
    acceptor_.listen(4096);
    if (!options.certificate.empty()) {
      tls_.use_certificate_chain_file(options.certificate);
      tls_.use_private_key_file(options.key, net::ssl::context::pem);
    }
    peer::tell_port(acceptor_.local_endpoint().port());
    accept();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](beast::error_code error, Socket socket) {
      if (!error) {
        socket.set_option(tcp::no_delay(true));
        if (options_.certificate.empty()) {
          std::make_shared<Session<Socket>>(options_, plain_, std::move(socket))->run();
        } else {
          std::make_shared<Session<TlsSocket>>(options_, encrypted_, std::move(socket), tls_)
              ->run();
        }
      }
      accept();
    });
  }

  const peer::Options& options_;
  net::basic_socket_acceptor<tcp, Executor> acceptor_;
  net::ssl::context tls_{net::ssl::context::tls_server};
  Session<Socket>::Sessions plain_;
  Session<TlsSocket>::Sessions encrypted_;
};

}  // namespace

int main(int argc, char** argv) {
  const peer::Options options =
      peer::parse_options(argc, argv, std::string("Boost.Beast of Boost ") + BOOST_LIB_VERSION);
  net::io_context context(1);
  Server server(context, options);
  context.run();
}
