/// @file
/// The calls on what is below a stream.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "wolframite/asio/detail/engine.hpp"
#include "wolframite/asio/detail/handler.hpp"
#include "wolframite/asio/detail/net.hpp"
#include "wolframite/asio/layer.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio::detail {

/// A stream over a socket: waits for it, and reads and writes without blocking. So an idle stream
/// needs no buffer, and what can be written is written at once.
template <class Socket>
class SocketStream final : public Engine {
 public:
  SocketStream(Socket socket, Connection connection)
      : Engine(socket.get_executor(), std::move(connection)), socket_(std::move(socket)) {
    error_code ignored;
    static_cast<void>(socket_.non_blocking(true, ignored));
  }

  [[nodiscard]] static std::shared_ptr<SocketStream> make(Socket socket, Connection connection);

  [[nodiscard]] Socket& layer() { return socket_; }

 private:
  [[nodiscard]] std::shared_ptr<SocketStream> self() {
    return std::static_pointer_cast<SocketStream>(shared_from_this());
  }
  [[nodiscard]] static bool is_temporary(error_code error) {
    return error == net::error::would_block || error == net::error::try_again ||
           error == net::error::interrupted;
  }

  void read() override {
    const bool guess = std::exchange(guessing_, false);
    if (!readable_ && !guess) {
      if (waits_left_ > 0) return wait_for_input();
      guessing_ = later_ = true;
      return;
    }
    const Bytes into = room();
    error_code error;
    const std::size_t size = socket_.read_some(net::buffer(into.data(), into.size()), error);
    readable_ = !error && size == into.size();
    if (guess) learn(!error);
    if (!error) return received(size);
    if (!is_temporary(error)) return read_failed(error);
    give_room_back();
    wait_for_input();
  }

  // With many streams there often is more input once the others had their turn: then a read costs
  // less than a wait and what wakes it. Where there was none, that is tried again later and later.
  void learn(bool right) {
    waits_between_ = right ? 1 : std::min(2 * waits_between_, 64);
    waits_left_ = right ? 0 : waits_between_;
  }

  void wait_for_input() {
    reading_ = true;
    if (waits_left_ > 0) --waits_left_;
    socket_.async_wait(Socket::wait_read,
                       Handler(self(), [](SocketStream& stream, error_code error) {
                         Turn turn(stream);
                         stream.reading_ = false;
                         if (!error) {
                           stream.readable_ = true;
                           if (stream.wants_input()) stream.read();
                         } else if (error != net::error::operation_aborted) {
                           // Not called off, by us or by the user, who has `cancel` for that.
                           stream.read_failed(error);
                         }
                         turn.finish();
                       }));
  }

  void write() override {
    // One buffer is the rule, and has a system call that costs less.
    std::array<net::const_buffer, 2> buffers;
    if (gather(buffers) > 1) return write_many();
    error_code error;
    const std::size_t size = socket_.write_some(buffers[0], error);
    written(size, buffers[0].size(), error);
  }

  void write_many() {
    std::array<net::const_buffer, 64> buffers;
    const std::span<const net::const_buffer> shown(buffers.data(), gather(buffers));
    error_code error;
    const std::size_t size = socket_.write_some(shown, error);
    written(size, net::buffer_size(shown), error);
  }

  void written(std::size_t size, std::size_t offered, error_code error) {
    if (error && !is_temporary(error)) return write_failed(error);
    if (!error) wrote(size);
    if (error || size < offered) wait_for_room();
  }

  void wait_for_room() {
    writing_ = true;
    socket_.async_wait(Socket::wait_write,
                       Handler(self(), [](SocketStream& stream, error_code error) {
                         Turn turn(stream);
                         stream.writing_ = false;
                         if (error && error != net::error::operation_aborted) {
                           stream.write_failed(error);
                         }
                         turn.finish();
                       }));
  }

  void shut_down() override {
    error_code ignored;
    static_cast<void>(socket_.shutdown(Socket::shutdown_send, ignored));
  }
  [[nodiscard]] bool layer_closes_at_once() override {
    error_code error;
    return socket_.available(error) == 0 && !error;
  }
  void close_layer() noexcept override {
    error_code ignored;
    static_cast<void>(socket_.close(ignored));
    readable_ = false;
  }
  [[nodiscard]] bool is_layer_open() const override { return socket_.is_open(); }
  [[nodiscard]] bool layer_has_unread() override {
    if (readable_ || reading_) return readable_;
    error_code ignored;
    return socket_.available(ignored) > 0;
  }
  void stop_waiting() override {
    error_code ignored;
    static_cast<void>(socket_.cancel(ignored));  // a wait for room is begun again
  }

  Socket socket_;
  bool readable_ = false;   // there is input, unless the last read had it all by chance
  bool guessing_ = false;   // there may be input when the others had their turn
  int waits_between_ = 16;  // from a wrong guess to the next one
  int waits_left_ = 16;
};

template <class Socket>
std::shared_ptr<SocketStream<Socket>> SocketStream<Socket>::make(Socket socket,
                                                                 Connection connection) {
  return std::make_shared<SocketStream>(std::move(socket), std::move(connection));
}

/// A buffer sequence of its own, since Asio copies those.
class Gather {
 public:
  using value_type = net::const_buffer;
  using const_iterator = const net::const_buffer*;

  [[nodiscard]] const_iterator begin() const { return buffers_.data(); }
  [[nodiscard]] const_iterator end() const { return buffers_.data() + count_; }

 private:
  template <class>
  friend class AsyncStream;
  std::array<net::const_buffer, 8> buffers_;
  std::size_t count_ = 0;
};

/// A stream over any AsyncReadStream and AsyncWriteStream, with one read and one write in flight.
template <class Layer>
class AsyncStream final : public Engine {
 public:
  AsyncStream(Layer layer, Connection connection)
      : Engine(layer.get_executor(), std::move(connection)), layer_(std::move(layer)) {}

  [[nodiscard]] static std::shared_ptr<AsyncStream> make(Layer layer, Connection connection);

  [[nodiscard]] Layer& layer() { return layer_; }

 private:
  [[nodiscard]] std::shared_ptr<AsyncStream> self() {
    return std::static_pointer_cast<AsyncStream>(shared_from_this());
  }

  void read() override {
    reading_ = true;
    const Bytes into = room();
    layer_.async_read_some(
        net::buffer(into.data(), into.size()),
        Handler(self(), [](AsyncStream& stream, error_code error, std::size_t size) {
          Turn turn(stream);
          stream.reading_ = false;
          if (!stream.open_) error = net::error::eof;
          if (error) {
            stream.read_failed(error);
          } else if (size > 0) {
            stream.received(size);
          } else {
            stream.give_room_back();
          }
          turn.finish();
        }));
  }

  void write() override {
    Gather shown;
    shown.count_ = gather(shown.buffers_);
    writing_ = true;
    layer_.async_write_some(
        shown, Handler(self(), [](AsyncStream& stream, error_code error, std::size_t size) {
          Turn turn(stream);
          stream.writing_ = false;
          if (error) {
            stream.write_failed(error);
          } else {
            stream.wrote(size);
          }
          turn.finish();
        }));
  }

  void shut_down() override {
    if constexpr (ShutsDownItself<Layer>) {
      // Its end is that of the stream. Until then `Config::close_timeout` runs.
      layer_.async_shutdown(Handler(self(), [](AsyncStream& stream, error_code) {
        Turn turn(stream);
        if (stream.open_ && !stream.reading_) stream.read_failed(make_error_code(net::error::eof));
        turn.finish();
      }));
    } else if constexpr (ShutsDownBelow<Layer>) {
      error_code ignored;
      static_cast<void>(layer_.lowest_layer().shutdown(net::socket_base::shutdown_send, ignored));
    } else {
      // No way to end one side only.
      close_layer();
      if (!reading_) read_failed(make_error_code(net::error::eof));
    }
  }

  void close_layer() noexcept override {
    open_ = false;
    asio::close_layer(layer_);
  }
  [[nodiscard]] bool is_layer_open() const override { return open_; }
  // It may have an end of its own.
  [[nodiscard]] bool layer_closes_at_once() override { return false; }
  // Who knows? The time stands still while nobody asks for input.
  [[nodiscard]] bool layer_has_unread() override { return !reading_; }
  void stop_waiting() override {}  // what it reads is kept for the next who asks

  Layer layer_;
  bool open_ = true;
};

template <class Layer>
std::shared_ptr<AsyncStream<Layer>> AsyncStream<Layer>::make(Layer layer, Connection connection) {
  return std::make_shared<AsyncStream>(std::move(layer), std::move(connection));
}

template <class Layer>
struct StreamOver {
  using type = AsyncStream<Layer>;
};
template <class Protocol, class Executor>
struct StreamOver<net::basic_stream_socket<Protocol, Executor>> {
  using type = SocketStream<net::basic_stream_socket<Protocol, Executor>>;
};

/// The engine of a stream over `Layer`.
template <class Layer>
using EngineOver = typename StreamOver<Layer>::type;

}  // namespace wolframite::asio::detail
#pragma GCC visibility pop
