/// @file
/// Streams over Asio's own TLS. Opt-in, for it brings OpenSSL's headers: where only `wss://` is
/// wanted, `AcceptOptions::tls`, `async_client_tls` and `async_connect` do without.
#pragma once

#include <utility>
#include <variant>

#include "wolframite/asio.hpp"
#include "wolframite/asio/detail/net_ssl.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio {

/// `Socket`, or `ssl::stream<Socket>`, whichever it was made of: an AsyncReadStream and
/// AsyncWriteStream for what is decided at run time.
template <class Socket>
class MaybeTlsStream {
 public:
  /// What it is where it is encrypted.
  using TlsStream = net::ssl::stream<Socket>;
  using executor_type = typename Socket::executor_type;          ///< the socket's
  using lowest_layer_type = typename Socket::lowest_layer_type;  ///< the socket, as a rule

  /// Takes over a plain socket.
  MaybeTlsStream(Socket socket) : stream_(std::in_place_type<Socket>, std::move(socket)) {}
  /// Takes over a TLS stream, whose handshake is the caller's to do.
  MaybeTlsStream(TlsStream stream) : stream_(std::in_place_type<TlsStream>, std::move(stream)) {}

  /// Whether it was made of a TLS stream.
  [[nodiscard]] bool is_tls() const { return tls() != nullptr; }
  /// The TLS stream, or null.
  [[nodiscard]] TlsStream* tls() { return std::get_if<TlsStream>(&stream_); }
  /// The TLS stream, or null.
  [[nodiscard]] const TlsStream* tls() const { return std::get_if<TlsStream>(&stream_); }

  /// The socket's executor.
  [[nodiscard]] executor_type get_executor() { return lowest_layer().get_executor(); }
  /// The socket below.
  [[nodiscard]] lowest_layer_type& lowest_layer() {
    if (TlsStream* const encrypted = tls()) return encrypted->lowest_layer();
    return std::get<Socket>(stream_).lowest_layer();
  }
  /// The socket below.
  [[nodiscard]] const lowest_layer_type& lowest_layer() const {
    if (const TlsStream* const encrypted = tls()) return encrypted->lowest_layer();
    return std::get<Socket>(stream_).lowest_layer();
  }

  /// Reads some octets, as an AsyncReadStream does: `void(error_code, std::size_t)`.
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return net::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& into) {
          std::visit([&](auto& stream) { stream.async_read_some(into, std::move(handler)); },
                     stream_);
        },
        token, buffers);
  }
  /// Writes some octets, as an AsyncWriteStream does: `void(error_code, std::size_t)`.
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return net::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          std::visit([&](auto& stream) { stream.async_write_some(from, std::move(handler)); },
                     stream_);
        },
        token, buffers);
  }
  /// Ends the sending side: of the socket, or with close_notify and then waiting for the peer's.
  template <class Token>
  auto async_shutdown(Token&& token) {
    return net::async_initiate<Token, void(error_code)>(
        [this](auto handler) {
          if (TlsStream* const encrypted = tls()) {
            encrypted->async_shutdown(std::move(handler));
          } else {
            // The socket's end is the peer's to tell, so this waits for something to read.
            error_code ignored;
            auto& socket = std::get<Socket>(stream_);
            static_cast<void>(socket.shutdown(Socket::shutdown_send, ignored));
            socket.async_wait(Socket::wait_read, std::move(handler));
          }
        },
        token);
  }

 private:
  std::variant<Socket, TlsStream> stream_;
};

extern template class detail::AsyncStream<net::ssl::stream<net::ip::tcp::socket>>;
extern template class WebSocketStream<net::ssl::stream<net::ip::tcp::socket>>;

}  // namespace wolframite::asio
#pragma GCC visibility pop
