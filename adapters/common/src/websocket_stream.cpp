#include "wolframite/websocket_stream.hpp"

#include <utility>

namespace wolframite {

Result<WebSocketStream> WebSocketStream::from_raw_socket(Loop& loop, Socket socket, Role role,
                                                         SharedConfig config,
                                                         std::unique_ptr<TlsEngine> tls) {
  return from_partially_read(loop, std::move(socket), {}, role, std::move(config), std::move(tls));
}

Result<WebSocketStream> WebSocketStream::from_partially_read(Loop& loop, Socket socket,
                                                             ConstBytes part, Role role,
                                                             SharedConfig config,
                                                             std::unique_ptr<TlsEngine> tls) {
  if (const Error error = config->check(); error != Error::none)
    return tl::unexpected(make_error_code(error));
  Connection connection = Connection::from_partially_read(part, role, &loop.entropy(),
                                                          std::move(config), &loop.memory());
  const Result<StreamCore*> core = loop.adopt(std::move(socket), std::move(connection));
  if (!core) return tl::unexpected(core.error());
  WebSocketStream stream(**core);
  if (tls) (*core)->use_tls(std::move(tls));
  return stream;
}

}  // namespace wolframite
