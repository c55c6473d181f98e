/// @file
/// Opening streams, from either end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wolframite/client_request.hpp"
#include "wolframite/options.hpp"
#include "wolframite/result.hpp"
#include "wolframite/task.hpp"
#include "wolframite/websocket_stream.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// A stream that a server has agreed to, and its answer.
struct Client {
  WebSocketStream stream;  ///< open
  Response response;       ///< the server's 101, with its headers
};

/// Answers the WebSocket request that comes over `socket` and gives the open stream. Errors:
/// `invalid_config`; of class `tls`, `handshake`, `timeout`, `capacity`, or of the socket;
/// `refused` if the answer was a Response, or `plain_http` where no upgrade was asked for; of class
/// `misuse` if it cannot be sent, and the client gets a 500. RFC 6455 §4.2.
///
/// A response that refuses is sent in full after this has completed. Cancelling closes the socket.
[[nodiscard]] Task<Result<WebSocketStream>> accept(Loop& loop, Socket socket,
                                                   AcceptOptions options = {});

/// Asks for a WebSocket over `socket`, which is connected already, and gives the open stream and
/// the answer. For a `wss://` URL the connector's TLS handshake comes first, and verifies the URL's
/// host. Errors: the request's own, `invalid_config`, those of the connector; of class `tls`,
/// `handshake`, `timeout`, `capacity`, or of the socket; `refused` comes with the response.
/// Cancelling closes the socket. RFC 6455 §4.1.
[[nodiscard]] Task<Result<Client, ClientError>> client(Loop& loop, ClientRequest request,
                                                       Socket socket, ClientOptions options = {});

/// Connects a TCP socket to the request's host: resolves the name and tries its addresses as RFC
/// 8305 says. Errors: the resolver's, those of the last address tried, `errc::timed_out`.
[[nodiscard]] Task<Result<Socket>> connect_socket(Loop& loop, std::string host, std::uint16_t port,
                                                  ConnectOptions options = {});

/// Connects a socket to whichever of `endpoints` answers first, tried as RFC 8305 says. Errors:
/// that of the last one tried, `errc::timed_out`, `errc::address_not_available` if there is none.
[[nodiscard]] Task<Result<Socket>> connect_socket(Loop& loop, std::vector<Endpoint> endpoints,
                                                  ConnectOptions options = {});

/// Connects a socket to one address, or Unix path. Errors: the system's, `errc::timed_out`.
[[nodiscard]] Task<Result<Socket>> connect_socket(Loop& loop, Endpoint endpoint,
                                                  ConnectOptions options = {});

/// Connects to the request's host, and asks for a WebSocket there, over TLS for a `wss://` URL.
/// Errors are those of `connect_socket` and of `client`. Cancelling ends it, wherever it is.
[[nodiscard]] Task<Result<Client, ClientError>> connect(Loop& loop, ClientRequest request,
                                                        ConnectOptions options = {});

}  // namespace wolframite
#pragma GCC visibility pop
