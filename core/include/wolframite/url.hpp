/// @file
/// WebSocket URLs (RFC 6455 §3).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wolframite/error.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// The parts of a `ws://` or `wss://` URL.
struct Url {
  bool secure = false;       ///< `wss://`: over TLS
  std::string host{};        ///< a name in lower case, or an address; IPv6 without its brackets
  std::uint16_t port = 80;   ///< the scheme's default if the URL gives none
  std::string target = "/";  ///< path and query, never empty
  std::string userinfo{};    ///< `user:password` with percent-encoding undone, or empty

  struct Parsed;

  /// Parses an absolute URL. Errors: `malformed_url` (a character that must be percent-encoded, a
  /// bad escape, a bad IPv6 literal), `unsupported_url_scheme`, `missing_host_name`,
  /// `invalid_port`, `url_has_fragment`. RFC 6455 §3, RFC 3986.
  [[nodiscard]] static Parsed parse(std::string_view text);

  /// What is wrong with the parts, which may have been set by hand: the errors of `parse`.
  [[nodiscard]] Error check() const;

  /// The value of the Host header: brackets around IPv6, and the port unless it is the scheme's
  /// default.
  [[nodiscard]] std::string host_header() const;
};

/// What `parse` found.
struct Url::Parsed {
  Error error = Error::none;  ///< what is wrong, or `none`
  Url url{};                  ///< the parts, if there is no error
};

}  // namespace wolframite
#pragma GCC visibility pop
