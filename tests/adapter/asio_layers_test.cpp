// A stream works the same over whatever layer it is given: Unix sockets, Asio's TLS, a layer that
// is either, and one of the user's own.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/ssl/context.hpp>
#include <asio/use_awaitable.hpp>
#include <deque>
#include <memory>
#include <string>

#include "asio_rig.hpp"
#include "tls_pair.hpp"
#include "wolframite/asio/ssl.hpp"

namespace wolframite::test {
namespace {

namespace ws = wolframite::asio;

/// Exchanges messages over joined streams, one of which echoes, and closes.
template <class NextLayer>
void exchange(net::io_context& context, ws::WebSocketStream<NextLayer> server,
              ws::WebSocketStream<NextLayer> client) {
  start_echo(std::move(server));
  bool done = false;
  auto talk = [&]() -> net::awaitable<void> {
    for (const std::size_t size : {0UL, 5UL, 70'000UL, 1'000'000UL}) {
      const std::string text(size, 'x');
      co_await client.async_send(text, net::use_awaitable);
      const Message message = co_await client.async_next(net::use_awaitable);
      CHECK(message.text() == text);
    }
    for (int i = 0; i < 20; ++i) client.async_send("many", net::detached);
    for (int i = 0; i < 20; ++i) {
      const Message message = co_await client.async_next(net::use_awaitable);
      CHECK(message.text() == "many");
    }
    co_await client.async_close(net::use_awaitable);
    done = true;
  };
  net::co_spawn(context, talk(), net::detached);
  context.restart();
  context.run();
  CHECK(done);
  CHECK(client.closed()->clean);
}

/// Two ends of a pipe in memory. Whatever is written can be read 1021 octets at a time.
class Pipe {
 public:
  using executor_type = net::any_io_executor;

  static std::pair<Pipe, Pipe> pair(const executor_type& executor) {
    auto there = std::make_shared<Way>(), back = std::make_shared<Way>();
    return {Pipe(executor, there, back), Pipe(executor, back, there)};
  }
  Pipe(Pipe&&) = default;
  ~Pipe() { close(); }

  [[nodiscard]] executor_type get_executor() const { return executor_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return net::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, net::mutable_buffer into) {
          auto kept = std::make_shared<decltype(handler)>(std::move(handler));
          in_->reader = [in = in_, into, kept, executor = executor_] {
            const std::size_t size =
                net::buffer_copy(into, net::buffer(in->octets) + in->taken, 1021);
            in->taken += size;
            if (in->taken == in->octets.size()) {
              in->octets.clear();
              in->taken = 0;
            }
            const error_code error = size == 0 ? make_error_code(net::error::eof) : error_code();
            net::post(executor, [kept, error, size] { (*kept)(error, size); });
          };
          in_->serve();
        },
        token, net::mutable_buffer(*net::buffer_sequence_begin(buffers)));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return net::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          const std::size_t before = out_->octets.size();
          for (auto each = net::buffer_sequence_begin(from); each != net::buffer_sequence_end(from);
               ++each) {
            out_->octets.append(static_cast<const char*>(each->data()), each->size());
          }
          const std::size_t size = out_->octets.size() - before;
          net::post(executor_, [handler = std::move(handler), size]() mutable {
            handler(error_code(), size);
          });
          out_->serve();
        },
        token, buffers);
  }
  void close() {
    for (const auto& way : {in_, out_}) {
      if (!way) continue;
      way->ended = true;
      way->serve();
    }
  }

 private:
  struct Way {
    std::string octets;
    std::size_t taken = 0;
    bool ended = false;
    std::function<void()> reader;
    void serve() {
      if (reader && (ended || !octets.empty())) std::exchange(reader, nullptr)();
    }
  };
  Pipe(executor_type executor, std::shared_ptr<Way> in, std::shared_ptr<Way> out)
      : executor_(std::move(executor)), in_(std::move(in)), out_(std::move(out)) {}

  executor_type executor_;
  std::shared_ptr<Way> in_, out_;
};

TEST_CASE("Unix sockets") {
  net::io_context context;
  net::local::stream_protocol::socket left(context), right(context);
  net::local::connect_pair(left, right);
  exchange(context, opened(std::move(left), Role::server), opened(std::move(right), Role::client));
}

TEST_CASE("a layer of one's own") {
  net::io_context context;
  auto [left, right] = Pipe::pair(context.get_executor());
  exchange(context, opened(std::move(left), Role::server), opened(std::move(right), Role::client));
}

TEST_CASE("a layer of one's own: a cancelled async_next loses nothing of what is being read") {
  net::io_context context;
  auto [left, right] = Pipe::pair(context.get_executor());
  auto server = opened(std::move(left), Role::server);
  auto client = opened(std::move(right), Role::client);
  error_code error;
  server.async_next([&](error_code why, Message) { error = why; });
  settle(context);
  server.cancel();
  settle(context);
  CHECK(error == net::error::operation_aborted);
  client.async_send("kept", net::detached);
  settle(context);
  std::string got;
  server.async_next([&](error_code, Message message) { got = message.text(); });
  run_until(context, [&] { return !got.empty(); });
  CHECK(got == "kept");
}

TEST_CASE("a socket whose executor has a type of its own") {
  using Socket = net::basic_stream_socket<tcp, net::io_context::executor_type>;
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  Socket a(context), b(context);
  a.assign(tcp::v4(), left.release());
  b.assign(tcp::v4(), right.release());
  exchange(context, opened(std::move(a), Role::server), opened(std::move(b), Role::client));
}

TEST_CASE("tokens may be a socket's default") {
  using Socket = net::use_awaitable_t<>::as_default_on_t<tcp::socket>;
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  start_echo(opened(std::move(left), Role::server));
  auto client = opened(Socket(std::move(right)), Role::client);
  bool done = false;
  auto talk = [&]() -> net::awaitable<void> {
    co_await client.async_send("default");
    CHECK((co_await client.async_next()).text() == "default");
    co_await client.async_close();
    done = true;
  };
  net::co_spawn(context, talk(), net::detached);
  context.run();
  CHECK(done);
}

/// Asio's TLS contexts for a server and a client that trusts it.
struct TlsContexts {
  TlsContexts() {
    const TlsIdentity identity = Authority::trusted().issue({.names = "DNS:server.test"});
    server.use_certificate_chain(net::buffer(identity.certificate.text));
    server.use_private_key(net::buffer(identity.key.text), net::ssl::context::pem);
    client.add_certificate_authority(net::buffer(Authority::trusted().certificate().text));
    client.set_verify_mode(net::ssl::verify_peer);
  }
  net::ssl::context server{net::ssl::context::tls_server};
  net::ssl::context client{net::ssl::context::tls_client};
};
using TlsSocket = net::ssl::stream<tcp::socket>;

std::pair<TlsSocket, TlsSocket> shake_hands(net::io_context& context, TlsContexts& tls) {
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  std::pair<TlsSocket, TlsSocket> ends{TlsSocket(std::move(left), tls.server),
                                       TlsSocket(std::move(right), tls.client)};
  int done = 0;
  const auto count = [&](error_code error) {
    CHECK_FALSE(error);
    ++done;
  };
  ends.first.async_handshake(TlsSocket::server, count);
  ends.second.async_handshake(TlsSocket::client, count);
  run_until(context, [&] { return done == 2; });
  return ends;
}

TEST_CASE("ssl::stream: messages, and a close with close_notify both ways") {
  net::io_context context;
  TlsContexts tls;
  auto [left, right] = shake_hands(context, tls);
  exchange(context, opened(std::move(left), Role::server), opened(std::move(right), Role::client));
}

TEST_CASE("ssl::stream: accept and client, over TLS that is there already") {
  net::io_context context;
  TlsContexts tls;
  auto [left, right] = shake_hands(context, tls);
  ws::WebSocketStream<TlsSocket> server, client;
  ws::async_accept(std::move(left), [&](error_code error, ws::WebSocketStream<TlsSocket> s) {
    CHECK_FALSE(error);
    server = std::move(s);
  });
  ws::async_client(std::move(right), "wss://server.test/",
                   [&](error_code error, ws::Client<TlsSocket> made) {
                     CHECK_FALSE(error);
                     client = std::move(made.stream);
                   });
  run_until(context, [&] { return server && client; });
  CHECK_FALSE(client.is_tls());  // not by this library
  exchange(context, std::move(server), std::move(client));
}

TEST_CASE("ssl::stream: an end without close_notify is no clean one") {
  net::io_context context;
  TlsContexts tls;
  auto [left, right] = shake_hands(context, tls);
  auto server = opened(std::move(left), Role::server);
  error_code error;
  server.async_next([&](error_code why, Message) { error = why; });
  settle(context);
  right.lowest_layer().shutdown(tcp::socket::shutdown_send);
  run_until(context, [&] { return !!error; });
  CHECK(error == net::ssl::error::stream_truncated);
  CHECK_FALSE(server.closed()->clean);
}

TEST_CASE("ssl::stream: closing is given up where the peer never answers") {
  net::io_context context;
  TlsContexts tls;
  auto [left, right] = shake_hands(context, tls);
  auto server = opened(std::move(left), Role::server, Config{.close_timeout = 10ms});
  error_code error;
  server.async_close([&](error_code why) { error = why; });
  run_until(context, [&] { return !!error; });
  CHECK(error == Error::close_timeout);
  settle(context);
  CHECK_FALSE(server.next_layer().lowest_layer().is_open());
}

TEST_CASE("MaybeTlsStream is one or the other") {
  using Maybe = ws::MaybeTlsStream<tcp::socket>;
  net::io_context context;
  TlsContexts tls;
  auto [a, b] = shake_hands(context, tls);
  CHECK(Maybe(std::move(a)).is_tls());
  auto [left, right] = shake_hands(context, tls);
  exchange(context, opened(Maybe(std::move(left)), Role::server),
           opened(Maybe(std::move(right)), Role::client));
  auto [plain, other] = connected(context.get_executor(), context.get_executor());
  exchange(context, opened(Maybe(std::move(plain)), Role::server),
           opened(Maybe(std::move(other)), Role::client));
}

TEST_CASE("TLS of this library: wss over a plain socket") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  ws::AcceptOptions options;
  options.tls = server_context();
  TcpStream server, client;
  ws::async_accept(std::move(left), options, [&](error_code error, TcpStream stream) {
    CHECK_FALSE(error);
    server = std::move(stream);
  });
  ws::async_client_tls(std::move(right), "wss://server.test/",
                       ws::ClientOptions{.connector = client_context()},
                       [&](error_code error, ws::Client<tcp::socket> made) {
                         CHECK_FALSE(error);
                         client = std::move(made.stream);
                       });
  run_until(context, [&] { return server && client; });
  CHECK(client.is_tls());
  CHECK(client.tls_version() == "TLSv1.3");
  CHECK(server.alpn() == "http/1.1");
  exchange(context, std::move(server), std::move(client));
}

}  // namespace
}  // namespace wolframite::test
