/// @file
/// What a connection tells its owner.
#pragma once

#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include "wolframite/bytes.hpp"
#include "wolframite/close_code.hpp"
#include "wolframite/frame_header.hpp"
#include "wolframite/http_message.hpp"
#include "wolframite/negotiated.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Server: a request is waiting. The owner must answer with `accept()` or `refuse()`, now or later.
struct Requested {
  /// Well-formed; plain HTTP if not `is_upgrade()`. Lives until the answer, even if the connection
  /// ends before.
  const Request& request;
};

/// The opening handshake is done.
struct Opened {
  const Negotiated& agreed;  ///< subprotocol and extensions
  const Response* response;  ///< client: the server's answer; null on a server
};

/// Client: the server answered with another status than 101. `Closed` follows.
struct Refused {
  const Response& response;  ///< its body is cut at `Config::max_refusal_body_size`
};

/// A message of one's own, free of any lifetime.
struct OwnedMessage {
  Kind kind;                    ///< text or binary
  std::vector<std::byte> data;  ///< the payload

  /// The payload as text. The view lives as long as `data` stays as it is.
  [[nodiscard]] std::string_view text() const WOLFRAMITE_LIFETIMEBOUND { return text_of(data); }
};

/// A data message, or with `Config::deliver_chunks` a piece of one. The octets may be changed in
/// place.
struct Message {
  Kind kind;          ///< text or binary, of all pieces of a message alike
  Bytes data;         ///< the payload, unmasked and inflated; a view
  bool first = true;  ///< the message begins with this piece
  bool last = true;   ///< the message ends with this piece

  /// The payload as text; valid UTF-8 if `kind` is `text` and the message is whole.
  [[nodiscard]] std::string_view text() const { return text_of(data); }

  /// Copies the payload, to keep it.
  [[nodiscard]] OwnedMessage to_owned() const { return {kind, {data.begin(), data.end()}}; }
};

/// A ping was received, and answered unless `Config::automatic_pong` is false.
struct Pinged {
  ConstBytes data;  ///< at most 125 octets
};

/// A pong was received, asked for or not.
struct Ponged {
  ConstBytes data;  ///< at most 125 octets
};

/// The peer's Close frame was received; ours is queued, if it was not sent before. `Closed` follows
/// once the stream ends. No message comes after this.
struct Closing {
  CloseCode code;           ///< `no_status` if the frame had none
  std::string_view reason;  ///< UTF-8, at most 123 octets; empty if there is none
};

/// The connection is over. Always the last event, and given exactly once.
struct Closed {
  /// None if the closing handshake was completed, and the peer's code was 1000, 1001 or none, or
  /// that of our own Close.
  std::error_code why;
  CloseCode code;  ///< the peer's; without its Close the one we failed it with; else `abnormal`
  std::string_view reason;  ///< the peer's
  bool clean;               ///< a Close frame went each way (RFC 6455 §7.1.4)
};

/// One of all these. Views and references in it live until the next `receive` or `receive_eof` of
/// the connection that gave it; time and commands never end them.
using Event = std::variant<Requested, Opened, Refused, Message, Pinged, Ponged, Closing, Closed>;

}  // namespace wolframite
#pragma GCC visibility pop
