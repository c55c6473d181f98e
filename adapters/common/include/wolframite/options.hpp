/// @file
/// How to open a stream.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "wolframite/accept.hpp"
#include "wolframite/config.hpp"
#include "wolframite/connect_plan.hpp"
#include "wolframite/http_message.hpp"
#include "wolframite/member.hpp"
#include "wolframite/result.hpp"
#include "wolframite/task.hpp"
#include "wolframite/tls_context.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// What a server makes of a request: Accept opens the stream, a Response refuses it (or answers
/// plain HTTP, such as a health check).
using Answer = std::variant<Accept, Response>;

/// How to accept. May be written in braces inside `co_await`, as all options here.
struct AcceptOptions {
  Member<SharedConfig> config{};  ///< limits, timers and choices

  /// Looks at the request and answers. Without it every upgrade is accepted, and plain HTTP gets
  /// 426. Answering a plain request with Accept refuses it as well.
  Member<std::function<Answer(const Request&)>> on_request{};

  /// The same for an answer that takes time; goes before `on_request`. The request lives until it
  /// is done.
  Member<std::function<Task<Answer>(const Request&)>> on_request_async{};

  /// Accepts over TLS, with this certificate. The handshake is part of what
  /// `Config::handshake_timeout` limits.
  Member<std::optional<TlsContext>> tls{};
};

/// How the bytes of a client get to the socket: unencrypted for `ws://`, and for `wss://` over TLS.
class Connector {
 public:
  /// TLS with `TlsContext::client()`. One context, made at first use, serves the whole process, so
  /// that connections to a known host resume its session.
  Connector() = default;
  /// TLS with a context of the caller's own.
  /// Implicit on purpose: `{.connector = context}`.
  Connector(TlsContext context) : context_(std::move(context)) {}
  /// Refuses `wss://`, with `errc::protocol_not_supported`.
  [[nodiscard]] static Connector plain() {
    Connector connector;
    connector.plain_ = true;
    return connector;
  }

  /// What to encrypt with for a URL that is `secure` or not: nothing, or a context. Errors are
  /// those of `plain()` and of `TlsContext::client()`.
  [[nodiscard]] Result<std::optional<TlsContext>> context(bool secure) const;

 private:
  std::optional<TlsContext> context_;
  bool plain_ = false;
};

/// How to open a stream over a connected socket.
struct ClientOptions {
  Member<SharedConfig> config{};  ///< limits, timers and choices
  Member<Connector> connector{};  ///< how `wss://` is encrypted
};

/// How to connect, and open a stream.
struct ConnectOptions {
  Member<SharedConfig> config{};  ///< limits, timers and choices
  /// Sends small writes at once (TCP_NODELAY).
  bool disable_nagle = true;
  Member<Connector> connector{};  ///< how `wss://` is encrypted
  /// Resolving and connecting must be done within this time; zero for no limit. The opening
  /// handshake has `Config::handshake_timeout` after it.
  std::chrono::milliseconds connect_timeout{30'000};
  /// How long to wait for one address before the next is tried beside it (RFC 8305 §5).
  std::chrono::milliseconds attempt_delay = ConnectPlan::default_delay;
};

/// Why a client got no stream.
struct ClientError {
  /// What went wrong; never none.
  std::error_code why{};
  /// The server's answer, if it refused the upgrade: status, headers, and the body up to
  /// `Config::max_refusal_body_size`.
  std::optional<Response> response{};

  /// Only the code. Implicit on purpose: most callers want no more.
  operator std::error_code() const { return why; }
};

}  // namespace wolframite
#pragma GCC visibility pop
