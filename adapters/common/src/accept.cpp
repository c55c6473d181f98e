#include <memory>
#include <utility>
#include <variant>

#include "wolframite/handshake.hpp"

namespace wolframite {
namespace {

Answer upgrade_required() {
  Response response;
  response.status = 426;
  response.headers.append("Sec-WebSocket-Version", "13");
  response.headers.append("Content-Type", "text/plain");
  response.body = "This is a WebSocket service.\n";
  return response;
}

/// Tells the client that its request could not be answered as the application wanted.
void apologise(StreamCore& core) {
  if (core.closed() == nullptr) static_cast<void>(core.refuse(Response{500, {}, {}, {}}));
}

}  // namespace

Task<Result<WebSocketStream>> accept(Loop& loop, Socket socket, AcceptOptions options) {
  if (const Error error = options.config->check(); error != Error::none) {
    co_return tl::unexpected(make_error_code(error));
  }
  const Result<StreamCore*> made =
      loop.adopt(std::move(socket), Connection::server(options.config, &loop.memory()));
  if (!made) co_return tl::unexpected(made.error());
  StreamCore& core = **made;
  if (options.tls) {
    core.use_tls(std::make_unique<TlsEngine>(*options.tls, Role::server, "", &loop.memory()));
  }
  WebSocketStream stream(core);

  switch (co_await HandshakeAwaiter(core)) {
    case HandshakeStep::requested:
      break;
    case HandshakeStep::closed:
    default:
      co_return tl::unexpected(core.closed()->why);
  }

  Answer answer;
  if (options.on_request_async) {
    answer = co_await options.on_request_async(core.request());
  } else if (options.on_request) {
    answer = options.on_request(core.request());
  }
  if (!core.request().is_upgrade() && std::holds_alternative<Accept>(answer))
    answer = upgrade_required();

  if (const auto* const response = std::get_if<Response>(&answer)) {
    const std::error_code error = core.refuse(*response);
    if (error) apologise(core);
    co_return tl::unexpected(error ? error : make_error_code(Error::refused));
  }
  if (const std::error_code error = core.accept(std::get<Accept>(answer))) {
    apologise(core);
    co_return tl::unexpected(error);
  }
  if (co_await HandshakeAwaiter(core) != HandshakeStep::opened) {
    co_return tl::unexpected(core.closed()->why);
  }
  core.drop_view();
  co_return std::move(stream);
}

}  // namespace wolframite
