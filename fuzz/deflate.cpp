// Invariant: however its input and its room are cut, the inflater gives what zlib gives in one
// call, or fails where that does; a connection gives the same within its limits and in bounded
// memory; and what the deflater writes, zlib reads back.
#include <zlib.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "support/check.hpp"
#include "support/owner.hpp"
#include "support/reader.hpp"
#include "wolframite/deflate.hpp"

using namespace wolframite;
using namespace wolframite::fuzz;

namespace {

constexpr std::size_t largest_window = 1U << 15U;

/// zlib in one call, or one for each final block. A decoder made anew is given the text so far to
/// refer to.
std::optional<std::string> inflate_at_once(std::string_view compressed, int bits,
                                           std::string text = {}) {
  const std::size_t before = text.size();
  std::string rest = std::string(compressed) + std::string(text_of(deflate_tail));
  for (;;) {
    z_stream stream{};
    REQUIRE(inflateInit2(&stream, -bits) == Z_OK);
    const std::size_t known = std::min(text.size(), std::size_t{1} << static_cast<unsigned>(bits));
    if (known > 0) {
      const char* from = text.data() + text.size() - known;
      REQUIRE(inflateSetDictionary(&stream, reinterpret_cast<const Bytef*>(from),
                                   static_cast<uInt>(known)) == Z_OK);
    }
    std::string out(1032 * rest.size() + 64, '\0');  // deflate's ratio has a limit
    stream.next_in = reinterpret_cast<Bytef*>(rest.data());
    stream.avail_in = static_cast<uInt>(rest.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_SYNC_FLUSH);
    REQUIRE(stream.avail_out > 0);
    text.append(out, 0, out.size() - stream.avail_out);
    rest.erase(0, rest.size() - stream.avail_in);
    const int state = stream.data_type;
    inflateEnd(&stream);
    if (result == Z_STREAM_END && !rest.empty()) continue;
    if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END) return std::nullopt;
    const bool at_boundary = result != Z_STREAM_END && (state & 128) != 0 && (state & 7) == 0;
    if (!at_boundary) return std::nullopt;
    return text.substr(before);
  }
}

std::optional<std::string> inflate_in_pieces(Inflater& inflater, std::string_view compressed,
                                             Cutter& reads, Cutter& rooms) {
  std::string text;
  std::string all = std::string(compressed) + std::string(text_of(deflate_tail));
  std::string_view rest = all;
  while (!rest.empty()) {
    const std::string piece(rest.substr(0, reads.next(rest.size())));
    rest.remove_prefix(piece.size());
    ConstBytes in = bytes_of(piece);
    for (;;) {
      std::vector<std::byte> buffer(rooms.next(4096));
      Bytes room(buffer);
      const DeflateStatus status = inflater.decompress(in, room);
      text.append(text_of(ConstBytes(buffer).first(buffer.size() - room.size())));
      if (status == DeflateStatus::failed) return std::nullopt;
      if (status == DeflateStatus::needs_input) break;
    }
    REQUIRE(in.empty());
  }
  if (!inflater.is_at_boundary()) return std::nullopt;
  return text;
}

/// As one message, in one frame or two, to a server with a limit.
void check_connection(std::string_view compressed, const std::optional<std::string>& expected,
                      Cutter& reads, std::size_t limit) {
  CountingMemory memory;
  Config config;
  config.max_message_size = limit;
  Negotiated agreed;
  agreed.deflate.enabled = true;
  const std::size_t half = compressed.size() / 2;
  std::string input;
  for (const bool last : {false, true}) {
    const std::string_view part = last ? compressed.substr(half) : compressed.substr(0, half);
    FrameHeader header{.fin = last,
                       .rsv = last ? std::uint8_t{} : FrameHeader::rsv1,
                       .opcode = last ? OpCode::continuation : OpCode::binary,
                       .masked = true,
                       .length = part.size()};
    std::array<std::byte, FrameHeader::max_size> front;
    input.append(text_of(ConstBytes(front).first(header.format(front)))).append(part);
  }
  Recorder recorder;
  {
    Connection server = Connection::from_raw(Role::server, nullptr, config, &memory, agreed);
    receive_all(server, input, reads, recorder);
    const bool fits = expected && expected->size() <= limit;
    REQUIRE(recorder.messages().size() == (fits ? 1U : 0U));
    REQUIRE(recorder.has_closed() == !fits);
    if (fits) REQUIRE_SAME(recorder.messages(), Lines{line_of_message(Kind::binary, *expected)});
    if (expected && !fits) REQUIRE(recorder.why() == Error::message_too_big);
    if (!expected)
      REQUIRE(recorder.why() == Error::invalid_deflate || recorder.why() == Error::message_too_big);
  }
  constexpr std::size_t contexts = 64 * 1024;
  constexpr std::size_t room = 64 * 1024;
  // The buffer grows to less than four times what it needs (detail::Assembly, for a message whose
  // end is not known), which is the text and a room for more; while it does, it is there twice, the
  // old one not larger than what is needed. Neither passes the limit and the one byte above it.
  const std::size_t needed = 1040 * (compressed.size() + 4) + room;
  REQUIRE(memory.most() <= contexts + std::min(2 * (limit + 1), 5 * needed));
  REQUIRE(memory.lent() == 0);
}

void check_inflater(Reader input) {
  Cutter reads(input);
  Cutter rooms(input);
  const bool packs = input.flag();
  const std::size_t limit = input.one_of<std::size_t>({1U << 20U, 1, 100, 65'536, 16U << 20U});
  const std::string compressed = input.rest();
  const auto expected = inflate_at_once(compressed, 15);

  CountingMemory memory;
  {
    Inflater inflater(15, memory);
    const auto found = inflate_in_pieces(inflater, compressed, reads, rooms);
    REQUIRE(found == expected);
    if (found) {
      // The next message may refer to this one.
      if (packs) inflater.pack();
      if (packs) REQUIRE(memory.lent() <= largest_window + 1024);
      REQUIRE(inflate_in_pieces(inflater, compressed, reads, rooms) ==
              inflate_at_once(compressed, 15, *found));
    }
    REQUIRE(inflater.memory_in_use() >= memory.lent());
  }
  REQUIRE(memory.lent() == 0);
  check_connection(compressed, expected, reads, limit);
}

void check_deflater(Reader input) {
  const Deflater::Options options{.window_bits = 9 + static_cast<int>(input.up_to(6)),
                                  .level = 1 + static_cast<int>(input.up_to(8)),
                                  .memory_level = 1 + static_cast<int>(input.up_to(8))};
  Cutter pieces(input);
  Cutter reads(input);
  Cutter rooms(input);
  const std::size_t repeats = 1 + input.up_to(15);
  const std::string sample = input.rest();
  std::string text;
  for (std::size_t i = 0; i < repeats; ++i) text.append(sample).append(i, 'x');

  CountingMemory memory;
  Deflater deflater(options, memory);
  Inflater inflater(options.window_bits, memory);
  std::string before;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view message = rest.substr(0, pieces.next(rest.size()));
    rest.remove_prefix(message.size());
    std::string compressed;
    ConstBytes in = bytes_of(message);
    for (DeflateStatus status = DeflateStatus::needs_room; status != DeflateStatus::needs_input;) {
      std::vector<std::byte> buffer(6 + rooms.next(4096));
      Bytes room(buffer);
      status = deflater.compress(in, room);
      REQUIRE(status != DeflateStatus::failed);
      compressed.append(text_of(ConstBytes(buffer).first(buffer.size() - room.size())));
    }
    REQUIRE(compressed.ends_with(text_of(deflate_tail)));
    compressed.resize(compressed.size() - sizeof deflate_tail);
    REQUIRE(inflate_at_once(compressed, options.window_bits, before) == message);
    REQUIRE(inflate_in_pieces(inflater, compressed, reads, rooms) == message);
    before.append(message);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader input(data, size);
  if (input.flag()) {
    check_deflater(input);
  } else {
    check_inflater(input);
  }
  return 0;
}
