/// @file
/// What the two sides agreed on.
#pragma once

#include <string>

#include "wolframite/deflate.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// The outcome of an opening handshake.
struct Negotiated {
  std::string subprotocol{};    ///< empty if none
  std::string extensions{};     ///< the response's Sec-WebSocket-Extensions, or empty if none
  DeflateParameters deflate{};  ///< how messages are compressed, if they are
};

}  // namespace wolframite
#pragma GCC visibility pop
