// References to compare the core with: slow, whole at a time, and written in another manner, so
// that the two hardly share a mistake.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wolframite/config.hpp"
#include "wolframite/error.hpp"
#include "wolframite/frame_header.hpp"

namespace wolframite::fuzz::naive {

struct Utf8 {
  std::size_t fault = std::string_view::npos;  ///< the first octet that nothing can make valid
  bool is_complete = true;                     ///< what is before the fault ends with a code point

  [[nodiscard]] bool is_valid() const { return fault == std::string_view::npos && is_complete; }
};

/// Decodes code points and looks at the values that an unfinished one could still have.
Utf8 judge_utf8(std::string_view text);

/// Octet by octet.
std::string mask(std::string_view payload, MaskKey key, std::size_t offset);

struct Head {
  Error error = Error::none;
  bool is_complete = false;
  std::size_t taken = 0;  ///< octets, the faulty one included
  std::string first, second,
      status;     ///< of the start line: method, target; or reason phrase, status
  int minor = 1;  ///< of the version
  std::vector<std::pair<std::string, std::string>> fields;

  /// The values of the fields of this name, without case.
  [[nodiscard]] std::vector<std::string> values(std::string_view name) const;
};

/// Reads an HTTP head line by line. Where a line is faulty, the octet that shows it is the first up
/// to which the line cannot be completed to a good one.
Head read_head(std::string_view text, bool is_request, std::size_t max_size,
               std::size_t max_fields);

struct Frame {
  bool fin = true;
  unsigned rsv = 0;
  unsigned opcode = 0;
  bool masked = false;
  std::uint64_t code = 0;  ///< the length in seven bits, or how wide it is written
  std::uint64_t length = 0;
  std::string payload;     ///< unmasked; as much as is there
  std::size_t taken = 0;   ///< octets of header and payload that are there
  bool is_minimal = true;  ///< the length is written in as few octets as it can be
  bool has_length = false;
  bool has_header = false;
  bool is_whole = false;
};

/// Reads the frame at the front of `text`, or what is there of it, without judging it.
Frame read_frame(std::string_view text);

/// What a connection that starts open makes of `text` and the end of the stream after it.
struct Conversation {
  std::vector<std::string> events;  ///< as lines, with `Closed` last
  std::vector<std::string>
      replies;  ///< opcode digit and payload, when nothing is written meanwhile
};
Conversation read_conversation(std::string_view text, Role reader, const Config& config);

/// The frames of `output` in that form. Fails unless they are whole, final, and masked by clients
/// only.
std::vector<std::string> replies_in(std::string_view output, Role writer);

}  // namespace wolframite::fuzz::naive
