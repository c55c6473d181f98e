// Invariant: of every front of a stream, the parser of headers makes what a naive reading bit by
// bit does, a fault shows at the octet that makes it one, and formatting gives the same octets
// back.
#include "support/check.hpp"
#include "support/naive.hpp"
#include "support/reader.hpp"

using namespace wolframite;
using namespace wolframite::fuzz;

namespace {

Error judge(const naive::Frame& frame, std::size_t size) {
  if (size == 0) return Error::none;
  const bool control = frame.opcode >= 8;
  if (control && frame.opcode > 10) return Error::unknown_control_opcode;
  if (!control && frame.opcode > 2) return Error::unknown_data_opcode;
  if (control && !frame.fin) return Error::fragmented_control_frame;
  if (control && frame.code > 125) return Error::control_frame_too_big;
  if (size < 2 || !frame.has_length) return Error::none;
  if (frame.length > 0x7FFF'FFFF'FFFF'FFFF) return Error::length_too_large;
  return frame.is_minimal ? Error::none : Error::length_not_minimal;
}

void check(std::string_view front) {
  // Of the exact size, so that a sanitizer sees a read beyond it.
  const std::vector<char> owned(front.begin(), front.end());
  const FrameHeader::Parsed parsed = FrameHeader::parse(bytes_of({owned.data(), owned.size()}));
  const naive::Frame frame = naive::read_frame(front);
  const Error error = judge(frame, front.size());
  REQUIRE(parsed.error == error);
  REQUIRE((parsed.size > 0) == (frame.has_header && error == Error::none));
  if (parsed.size == 0) return;

  const FrameHeader& header = parsed.header;
  REQUIRE(header.fin == frame.fin && header.rsv == frame.rsv && header.masked == frame.masked);
  REQUIRE(static_cast<unsigned>(header.opcode) == frame.opcode && header.length == frame.length);
  std::array<std::byte, FrameHeader::max_size> formatted;
  REQUIRE(header.format(formatted) == parsed.size && header.size() == parsed.size);
  REQUIRE(text_of(ConstBytes(formatted).first(parsed.size)) == front.substr(0, parsed.size));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = Reader(data, size).text(FrameHeader::max_size + 2);
  for (std::size_t front = 0; front <= text.size(); ++front) {
    check(std::string_view(text).substr(0, front));
  }
  return 0;
}
