#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "asking.hpp"
#include "wolframite/handshake.hpp"

namespace wolframite {

Task<Result<WebSocketStream>> accept(Loop& loop, Socket socket, AcceptOptions options) {
  if (const Error error = options.config->check(); error != Error::none) {
    co_return tl::unexpected(make_error_code(error));
  }
  // Before the stream, which nobody would own if this threw.
  std::unique_ptr<TlsEngine> tls;
  if (options.tls) {
    tls = std::make_unique<TlsEngine>(*options.tls, Role::server, "", &loop.memory());
  }
  const Result<StreamCore*> made =
      loop.adopt(std::move(socket), Connection::server(options.config, &loop.memory()));
  if (!made) co_return tl::unexpected(made.error());
  StreamCore& core = **made;
  WebSocketStream stream(core);
  if (tls) core.use_tls(std::move(tls));

  switch (co_await HandshakeAwaiter(core)) {
    case HandshakeStep::requested:
      break;
    case HandshakeStep::closed:
    default:
      co_return tl::unexpected(core.closed()->why);
  }

  Answer answer;
  if (options.on_request_async) {
    std::optional<Answer> given = co_await Asking(core, options.on_request_async(core.request()));
    if (!given) co_return tl::unexpected(core.closed()->why);
    answer = std::move(*given);
  } else if (options.on_request) {
    answer = options.on_request(core.request());
  }
  if (const std::error_code error = core.answer(answer)) co_return tl::unexpected(error);
  if (co_await HandshakeAwaiter(core) != HandshakeStep::opened) {
    co_return tl::unexpected(core.closed()->why);
  }
  core.drop_view();
  co_return std::move(stream);
}

}  // namespace wolframite
