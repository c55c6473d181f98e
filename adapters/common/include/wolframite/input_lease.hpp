/// @file
/// Received bytes on their way through a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "wolframite/event.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// For those who build a backend: received bytes that a stream has not taken in yet, in a buffer
/// lent by the backend; and the last event, whose views may point into them. A stream without input
/// has no lease. It lies at the beginning of its buffer.
///
///     [ InputLease, ... | taken | not yet |      ]
///                       data    begin     end
struct InputLease {
  /// What the last event was, if its view is still alive.
  enum class Holds : std::uint8_t {
    nothing,   ///< no view
    request,   ///< Requested: `head` is a Request
    response,  ///< Opened or Refused: `head` is a Response, or null on a server
    message,   ///< `message`
  };
  /// Octets between the beginning of a buffer and what is received into it, unless a backend needs
  /// more.
  static constexpr std::size_t header_size = 64;

  std::byte* data = nullptr;          ///< the octets; the backend sets it
  std::uint32_t begin = 0;            ///< where the octets not taken in begin
  std::uint32_t end = 0;              ///< where they end; the backend sets it before `received`
  Message message{Kind::binary, {}};  ///< what `next` gives, or gave
  const void* head = nullptr;         ///< the Request or Response
  Holds holds = Holds::nothing;       ///< what was not handed out, or is looked at just now
  bool handed_out = false;            ///< somebody looks at it; the next call of `next` ends that
  bool sent_on = false;  ///< its octets are output as well: whoever needs the buffer longer returns
                         ///< it

  /// Makes an empty one at the beginning of `buffer`.
  [[nodiscard]] static InputLease& in(std::byte* buffer) {
    auto* const lease = new (buffer) InputLease;
    lease->data = buffer + header_size;
    return *lease;
  }
};
static_assert(sizeof(InputLease) <= InputLease::header_size);

}  // namespace wolframite
#pragma GCC visibility pop
