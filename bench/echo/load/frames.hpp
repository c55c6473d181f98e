// Frames built beforehand, and what has to come back for them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace load {

/// Messages of one size that a connection sends over and over, as they go over the wire, one behind
/// the other.
struct Frames {
  std::string sent;     ///< masked; each with a key and a payload of its own
  std::string replies;  ///< the same messages from a server
  std::size_t count = 0;

  [[nodiscard]] std::size_t sent_size() const { return sent.size() / count; }
  [[nodiscard]] std::size_t reply_size() const { return replies.size() / count; }
};

/// As many messages of `size` octets as are worth telling apart, of hardly compressible octets.
[[nodiscard]] Frames make_frames(std::size_t size);

/// One compressed message (RFC 7692) of compressible text. What comes back for it depends on the
/// server's compressor: `replies` is empty.
[[nodiscard]] Frames make_compressed_frame(std::string_view text);

/// Text of the kind that is compressed in practice, `size` octets long.
[[nodiscard]] std::string make_text(std::size_t size);

/// The message in the unmasked frames of `wire`, inflated if it is compressed; ends the program if
/// they are not one whole message.
[[nodiscard]] std::string read_message(std::string_view wire);

/// Octets of the unmasked frames at the front of `wire` that make the first message; 0 if that is
/// not whole yet.
[[nodiscard]] std::size_t first_message_size(std::string_view wire);

}  // namespace load
