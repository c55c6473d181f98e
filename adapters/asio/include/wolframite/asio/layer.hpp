/// @file
/// What a stream needs of the layer below it.
#pragma once

#include <concepts>
#include <cstddef>

#include "wolframite/asio/detail/net.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio {
namespace detail {

struct TransferHandler {
  void operator()(error_code, std::size_t) const {}
};

template <class T>
concept ClosesByFunction = requires(T& layer) {
  wolframite_close(layer);
};
template <class T>
concept ClosesBelow = requires(T& layer, error_code& error) {
  layer.lowest_layer().close(error);
};
template <class T>
concept ClosesItself = requires(T& layer) {
  layer.close();
};
template <class T>
concept ShutsDownBelow = requires(T& layer, error_code& error) {
  layer.lowest_layer().shutdown(net::socket_base::shutdown_send, error);
};
template <class T>
concept ShutsDownItself = requires(T& layer, void (*handler)(error_code)) {
  layer.async_shutdown(handler);
};

}  // namespace detail

/// Has an executor: `executor_type` and `get_executor()`.
template <class T>
concept HasExecutor = requires(T& layer) {
  typename T::executor_type;
  { layer.get_executor() } -> std::convertible_to<net::any_io_executor>;
};

/// Has `async_read_some(buffers, token)`, as Asio's AsyncReadStream.
template <class T>
concept ReadStream = requires(T& layer, net::mutable_buffer buffer) {
  layer.async_read_some(buffer, detail::TransferHandler());
};

/// Has `async_write_some(buffers, token)`, as Asio's AsyncWriteStream.
template <class T>
concept WriteStream = requires(T& layer, net::const_buffer buffer) {
  layer.async_write_some(buffer, detail::TransferHandler());
};

/// Can be closed, by the first of these that it has: a function `wolframite_close(layer)` in its
/// namespace, `layer.lowest_layer().close(error)`, `layer.close()`. Closing ends what is in flight:
/// the handlers of reads and writes are called before long. It may be called more than once.
template <class T>
concept Closable = detail::ClosesByFunction<T> || detail::ClosesBelow<T> || detail::ClosesItself<T>;

/// What a stream can be over. It is closed when the connection is over and when the handle of the
/// stream is destroyed, and lives until the handlers of what is in flight were called.
///
/// `async_shutdown(token)`, or `lowest_layer().shutdown(what, error)`, is used to end the sending
/// side alone where there is one.
template <class T>
concept Layer = HasExecutor<T> && ReadStream<T> && WriteStream<T> && Closable<T>;

/// Closes a layer; see Closable.
template <Closable T>
void close_layer(T& layer) {
  if constexpr (detail::ClosesByFunction<T>) {
    static_cast<void>(wolframite_close(layer));
  } else if constexpr (detail::ClosesBelow<T>) {
    error_code ignored;
    static_cast<void>(layer.lowest_layer().close(ignored));
  } else {
    static_cast<void>(layer.close());
  }
}

namespace detail {

/// Says what a layer lacks.
template <class T>
struct RequireLayer {
  static_assert(HasExecutor<T>, "the layer needs executor_type and get_executor()");
  static_assert(ReadStream<T>, "the layer needs async_read_some(buffers, token)");
  static_assert(WriteStream<T>, "the layer needs async_write_some(buffers, token)");
  static_assert(Closable<T>,
                "the layer cannot be closed: it needs lowest_layer().close(error), or close(), or "
                "a function wolframite_close(layer) in its namespace");
  static constexpr bool is_met = true;
};
/// Asio's sockets have all of it.
template <class Protocol, class Executor>
struct RequireLayer<net::basic_stream_socket<Protocol, Executor>> {
  static constexpr bool is_met = true;
};

}  // namespace detail
}  // namespace wolframite::asio
#pragma GCC visibility pop
