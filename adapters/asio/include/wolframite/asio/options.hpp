/// @file
/// How to open a stream.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

#include "wolframite/accept.hpp"
#include "wolframite/config.hpp"
#include "wolframite/http_message.hpp"
#include "wolframite/member.hpp"
#include "wolframite/options.hpp"
#include "wolframite/tls_context.hpp"

#pragma GCC visibility push(default)
namespace wolframite::asio {

using wolframite::Answer;
using wolframite::Connector;

/// Looks at a request and answers it.
using OnRequest = std::function<Answer(const Request&)>;
/// Looks at a request and calls `respond` with the answer, now or later.
using OnRequestAsync = std::function<void(const Request&, std::function<void(Answer)> respond)>;

/// How to accept.
struct AcceptOptions {
  Member<SharedConfig> config{};  ///< limits, times and choices

  /// Looks at the request and answers. Without it every upgrade is accepted, and plain HTTP gets
  /// 426. Answering a plain request with Accept refuses it as well. Runs on the stream's executor.
  Member<OnRequest> on_request{};

  /// The same for an answer that takes time: call `respond`, once, on the stream's executor; now or
  /// later, and not at all to let `Config::handshake_timeout` decide. The request lives until then.
  /// Goes before `on_request`.
  Member<OnRequestAsync> on_request_async{};

  /// Accepts over TLS of this library, with this certificate: for a next layer that is none. The
  /// handshake is part of what `Config::handshake_timeout` limits.
  Member<std::optional<TlsContext>> tls{};
};

/// How to open a stream over a connected layer.
struct ClientOptions {
  Member<SharedConfig> config{};  ///< limits, times and choices
  /// async_client_tls: what `wss://` is encrypted with.
  Member<Connector> connector{};
};

/// How to connect, and open a stream: `config`, `disable_nagle`, `connector`, `connect_timeout`,
/// `attempt_delay`.
using wolframite::ConnectOptions;

}  // namespace wolframite::asio
#pragma GCC visibility pop
