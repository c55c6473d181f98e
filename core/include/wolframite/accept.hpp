/// @file
/// How a server says yes.
#pragma once

#include <string>

#include "wolframite/headers.hpp"
#include "wolframite/member.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// What a server adds to the response that opens a WebSocket.
struct Accept {
  Member<std::string> subprotocol{};  ///< one of those the client asked for, or empty for none
  Member<Headers>
      headers{};  ///< further fields, such as Set-Cookie; not those of the handshake itself
};

}  // namespace wolframite
#pragma GCC visibility pop
