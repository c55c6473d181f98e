/// @file
/// The compiled part of opening a stream.
#pragma once

#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "wolframite/asio/detail/engine.hpp"
#include "wolframite/asio/detail/initiate.hpp"
#include "wolframite/asio/detail/net.hpp"
#include "wolframite/asio/options.hpp"
#include "wolframite/asio/stream.hpp"
#include "wolframite/client_request.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio {

/// A stream that a server has agreed to, and its answer. Without an agreement there is no stream,
/// and only a server that refused (`Error::refused`) has answered.
template <class NextLayer>
struct Client {
  WebSocketStream<NextLayer> stream;
  std::optional<Response> response;
};

namespace detail {

/// What can be done about a handshake before there is a layer to do it on.
struct Beginning {
  Connection connection;
  std::unique_ptr<TlsEngine> tls;
  std::error_code fault;  ///< why it cannot be begun at all
};
[[nodiscard]] Beginning begin_server(const net::any_io_executor& executor,
                                     const AcceptOptions& options);
[[nodiscard]] Beginning begin_client(const net::any_io_executor& executor,
                                     const ClientRequest& request, const SharedConfig& config,
                                     const Connector* connector);

/// Has the engine carry it out, which then owns the operation. Throws before that only.
void open_server(Engine& engine, OpenOperation& operation, AcceptOptions options,
                 std::error_code fault);
void open_client(Engine& engine, OpenOperation& operation, std::error_code fault);

/// Gives the stream of a server, or none.
template <class NextLayer>
class AcceptOperation : public OpenOperation {
 public:
  struct Outcome {
    error_code error;
    WebSocketStream<NextLayer> stream;
    template <class Handler>
    void give(Handler&& handler) {
      std::forward<Handler>(handler)(error, std::move(stream));
    }
  };
  [[nodiscard]] Outcome outcome() {
    return {as_given(result), result ? WebSocketStream<NextLayer>() : std::move(stream)};
  }

  WebSocketStream<NextLayer> stream;

 protected:
  using OpenOperation::OpenOperation;
};

/// Gives the stream of a client, or none, and the server's answer if there was one.
template <class NextLayer>
class ClientOperation : public OpenOperation {
 public:
  struct Outcome {
    error_code error;
    Client<NextLayer> client;
    template <class Handler>
    void give(Handler&& handler) {
      std::forward<Handler>(handler)(error, std::move(client));
    }
  };
  [[nodiscard]] Outcome outcome() {
    return {as_given(result),
            {result ? WebSocketStream<NextLayer>() : std::move(stream), std::move(response)}};
  }

  WebSocketStream<NextLayer> stream;

 protected:
  using OpenOperation::OpenOperation;
};

/// Makes the engine, which owns the operation, which owns the stream until it is open.
template <class NextLayer>
Engine& attach(WebSocketStream<NextLayer>& stream, NextLayer layer, Beginning& beginning) {
  auto engine = EngineOver<NextLayer>::make(std::move(layer), std::move(beginning.connection));
  if (beginning.tls) engine->use_tls(std::move(beginning.tls));
  stream = WebSocketStream<NextLayer>(std::move(engine));
  return stream.engine();
}

/// What `function` throws for want of memory, or as Asio's `system_error`; other exceptions go on.
template <class Function>
[[nodiscard]] std::error_code error_of(Function function) {
  try {
    function();
  } catch (const std::bad_alloc&) {
    return std::make_error_code(std::errc::not_enough_memory);
  } catch (const system_error& error) {
    return error.code();
  }
  return {};
}

/// Opens the operation's stream over `layer`, as `begin` says; without one, the handler gets why.
template <class Base, class NextLayer, class Begin, class Open>
void open_over(const net::any_io_executor& executor, Owned<Base> operation, NextLayer layer,
               Begin begin, Open open) {
  operation->owner = nullptr;
  const std::error_code failed = error_of([&] {
    Beginning beginning = begin();
    Engine& engine = attach(operation->stream, std::move(layer), beginning);
    open(engine, *operation, beginning.fault);
  });
  if (!failed) return static_cast<void>(operation.release());
  operation->result = failed;
  net::post(executor, [owned = std::move(operation)]() mutable { owned.release()->complete(); });
}

}  // namespace detail
}  // namespace wolframite::asio
#pragma GCC visibility pop
