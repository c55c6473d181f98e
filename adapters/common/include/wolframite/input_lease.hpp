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
/// lent by the backend; and the last message, which may point into them. A stream without input
/// has no lease. It lies at the beginning of its buffer.
///
///     [ InputLease, ... | taken | not yet |      ]
///                       data    begin     end
struct InputLease {
  /// Bytes between the beginning of a buffer and what is received into it, unless a backend needs
  /// more.
  static constexpr std::size_t header_size = 64;

  std::byte* data = nullptr;          ///< the bytes; the backend sets it
  std::uint32_t begin = 0;            ///< where the bytes not taken in begin
  std::uint32_t end = 0;              ///< where they end; the backend sets it before `received`
  Message message{Kind::binary, {}};  ///< what `next` gives, or gave
  bool holds_message = false;         ///< `message` was not handed out, or is looked at just now
  bool handed_out = false;            ///< somebody looks at it; the next call of `next` ends that
  bool kept = false;     ///< somebody still looks at a message in it, although reading goes on
  bool sent_on = false;  ///< its bytes are output as well: whoever needs the buffer longer returns
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
