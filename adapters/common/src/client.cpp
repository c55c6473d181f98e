#include <memory>
#include <utility>

#include "wolframite/handshake.hpp"

namespace wolframite {

Task<Result<Client, ClientError>> client(Loop& loop, ClientRequest request, Socket socket,
                                         ClientOptions options) {
  std::error_code error = make_error_code(request.error());
  if (!error) error = make_error_code(options.config->check());
  if (error) co_return tl::unexpected(ClientError{error, {}});
  const auto context = options.connector.context(request.url().secure);
  if (!context) co_return tl::unexpected(ClientError{context.error(), {}});
  // Before the stream, which nobody would own if this threw.
  std::unique_ptr<TlsEngine> tls;
  if (*context) {
    tls = std::make_unique<TlsEngine>(**context, Role::client, request.url().host, &loop.memory());
  }
  const Result<StreamCore*> made =
      loop.adopt(std::move(socket),
                 Connection::client(request, loop.entropy(), options.config, &loop.memory()));
  if (!made) co_return tl::unexpected(ClientError{made.error(), {}});
  StreamCore& core = **made;
  WebSocketStream stream(core);
  if (tls) core.use_tls(std::move(tls));

  std::optional<Response> response;
  for (;;) {
    switch (co_await HandshakeAwaiter(core)) {
      case HandshakeStep::opened: {
        Client opened{std::move(stream), core.response()};
        core.drop_view();
        co_return std::move(opened);
      }
      case HandshakeStep::refused:
        response = core.response();
        break;
      case HandshakeStep::requested:
      case HandshakeStep::closed:
        co_return tl::unexpected(ClientError{core.closed()->why, std::move(response)});
    }
  }
}

}  // namespace wolframite
