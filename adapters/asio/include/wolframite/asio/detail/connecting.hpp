/// @file
/// The compiled part of connecting.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "wolframite/asio/detail/net.hpp"
#include "wolframite/asio/detail/opening.hpp"
#include "wolframite/client_request.hpp"
#include "wolframite/socket.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio::detail {

/// An attempt to connect to one of the addresses of a host. Keeps itself alive.
class Connecting : public Cancellable {
 public:
  /// Gets the socket, or why there is none. Called once, from the executor, unless that ends first.
  using Done = std::function<void(std::error_code, net::ip::tcp::socket)>;

  /// Begins it, within the limits of `options`.
  static std::shared_ptr<Connecting> to_host(const net::any_io_executor& executor, std::string host,
                                             std::uint16_t port, const ConnectOptions& options,
                                             Done done);
  static std::shared_ptr<Connecting> to_endpoints(const net::any_io_executor& executor,
                                                  std::vector<Endpoint> endpoints,
                                                  const ConnectOptions& options, Done done);

  /// Gives it up.
  virtual void cancel() = 0;
  void cancel(Operation&) final { cancel(); }

 protected:
  Connecting() = default;
  virtual ~Connecting() = default;
};

/// Connects, and then opens the operation's stream.
void begin_connect(const net::any_io_executor& executor,
                   Owned<ClientOperation<net::ip::tcp::socket>> operation, ClientRequest request,
                   ConnectOptions options);

}  // namespace wolframite::asio::detail
#pragma GCC visibility pop
