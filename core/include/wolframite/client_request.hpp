/// @file
/// What a client asks for.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wolframite/headers.hpp"
#include "wolframite/url.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// A URL with the headers and subprotocols to ask with. A fault in any of them is kept, and
/// reported by `error()`, by `Connection::client` and by the adapters before anything is sent.
class ClientRequest {
 public:
  /// Parses `url` as `Url::parse` does. Implicit on purpose: `connect("ws://example.org/chat")`.
  ClientRequest(std::string_view url);
  /// The same for a literal. Precondition: not null.
  ClientRequest(const char* url) : ClientRequest(std::string_view(url)) {}
  /// The same for a string.
  ClientRequest(const std::string& url) : ClientRequest(std::string_view(url)) {}
  /// Takes a URL in parts, and checks it as `Url::check` does.
  ClientRequest(Url url) : url_(std::move(url)), error_(url_.check()) {}

  /// Adds a header field. `reserved_header` for those that the handshake writes itself (Host,
  /// Upgrade, Connection, Sec-WebSocket-*, Content-Length, Transfer-Encoding); `invalid_header` for
  /// what cannot be sent. A faulty field is not added.
  ClientRequest& header(std::string_view name, std::string_view value) &;
  /// The same on a temporary: gives a request that is no reference to it.
  [[nodiscard]] ClientRequest header(std::string_view name, std::string_view value) &&;

  /// Adds a subprotocol, the preferred one first. `invalid_subprotocol` if it is no token or is
  /// there already.
  ClientRequest& subprotocol(std::string_view name) &;
  /// The same on a temporary: gives a request that is no reference to it.
  [[nodiscard]] ClientRequest subprotocol(std::string_view name) &&;

  /// Whether the server has to choose one of the subprotocols, as with browsers; it is a fault then
  /// (`missing_subprotocol`) if it chooses none. On unless switched off; without effect where none
  /// is asked for.
  ClientRequest& require_subprotocol(bool required) & {
    requires_subprotocol_ = required;
    return *this;
  }
  /// The same on a temporary: gives a request that is no reference to it.
  [[nodiscard]] ClientRequest require_subprotocol(bool required) && {
    requires_subprotocol_ = required;
    return std::move(*this);
  }

  /// What is asked for. Usable only if `error()` is none.
  [[nodiscard]] const Url& url() const { return url_; }
  /// The fields that were added; those of the handshake itself are not among them.
  [[nodiscard]] const Headers& headers() const { return headers_; }
  /// The subprotocols that were added, the preferred one first.
  [[nodiscard]] const std::vector<std::string>& subprotocols() const { return subprotocols_; }

  /// Whether one of them has to be chosen.
  [[nodiscard]] bool requires_subprotocol() const { return requires_subprotocol_; }

  /// The first fault, or none.
  [[nodiscard]] Error error() const { return error_; }

 private:
  Url url_;
  Headers headers_;
  std::vector<std::string> subprotocols_;
  Error error_ = Error::none;
  bool requires_subprotocol_ = true;
};

}  // namespace wolframite
#pragma GCC visibility pop
