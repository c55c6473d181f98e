// Invariant: a header is parsed from exactly its octets, whatever follows them; formatting gives
// the only octets that parse to it; and a violation is told by the first octets that show it.
#include "wolframite/frame_header.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace wolframite {
namespace {

using Octets = std::vector<std::byte>;

Octets octets(std::initializer_list<unsigned> values) {
  Octets result;
  for (const unsigned value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

Octets formatted(const FrameHeader& header) {
  std::array<std::byte, FrameHeader::max_size> out{};
  const std::size_t size = header.format(out);
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

bool operator==(const FrameHeader& a, const FrameHeader& b) {
  return a.fin == b.fin && a.rsv == b.rsv && a.opcode == b.opcode && a.masked == b.masked &&
         a.mask == b.mask && a.length == b.length;
}

// Every proper prefix wants more, and then the error is there. Octets after it change nothing.
void check_error(const Octets& header, Error error) {
  for (std::size_t size = 0; size < header.size(); ++size) {
    CAPTURE(size);
    const auto parsed = FrameHeader::parse(ConstBytes(header).first(size));
    REQUIRE(parsed.error == Error::none);
    REQUIRE(parsed.size == 0);
  }
  Octets followed = header;
  for (std::size_t more = 0; more <= FrameHeader::max_size; ++more) {
    const auto parsed = FrameHeader::parse(followed);
    REQUIRE(parsed.error == error);
    REQUIRE(parsed.size == 0);
    followed.push_back(std::byte{0xA5});
  }
}

constexpr MaskKey key{std::byte{0x12}, std::byte{0x34}, std::byte{0x56}, std::byte{0x78}};
constexpr OpCode opcodes[] = {OpCode::continuation, OpCode::text, OpCode::binary,
                              OpCode::close,        OpCode::ping, OpCode::pong};
constexpr std::uint64_t lengths[] = {0,
                                     1,
                                     125,
                                     126,
                                     127,
                                     128,
                                     255,
                                     256,
                                     65534,
                                     65535,
                                     65536,
                                     65537,
                                     0xFFFFFFFF,
                                     0x100000000,
                                     0x7FFFFFFFFFFFFFFE,
                                     0x7FFFFFFFFFFFFFFF};

TEST_CASE("a header is written as RFC 6455 §5.2 draws it") {
  FrameHeader header{.fin = true, .opcode = OpCode::text, .length = 5};
  CHECK(formatted(header) == octets({0x81, 0x05}));
  header = {.fin = false, .rsv = 0b100, .opcode = OpCode::binary, .length = 0x0102};
  CHECK(formatted(header) == octets({0x42, 0x7E, 0x01, 0x02}));
  header = {.rsv = 0b001, .opcode = OpCode::continuation, .length = 0x0102030405060708};
  CHECK(formatted(header) == octets({0x90, 0x7F, 1, 2, 3, 4, 5, 6, 7, 8}));
  header = {.opcode = OpCode::ping, .masked = true, .mask = key, .length = 125};
  CHECK(formatted(header) == octets({0x89, 0xFD, 0x12, 0x34, 0x56, 0x78}));
  header = {.opcode = OpCode::binary, .masked = true, .mask = key, .length = 65536};
  CHECK(formatted(header) == octets({0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 0x12, 0x34, 0x56, 0x78}));
}

TEST_CASE("every header comes back as it was written, from no octet less and no octet more") {
  for (const OpCode opcode : opcodes) {
    for (const std::uint64_t length : lengths) {
      if (is_control(opcode) && length > FrameHeader::max_control_payload) continue;
      for (unsigned bits = 0; bits < 32; ++bits) {
        const bool fin = is_control(opcode) || (bits & 1U) != 0;
        const bool masked = (bits & 2U) != 0;
        const FrameHeader header{.fin = fin,
                                 .rsv = static_cast<std::uint8_t>(bits >> 2),
                                 .opcode = opcode,
                                 .masked = masked,
                                 .mask = masked ? key : MaskKey{},
                                 .length = length};
        Octets written = formatted(header);
        REQUIRE(written.size() == header.size());
        for (std::size_t size = 0; size < written.size(); ++size) {
          const auto parsed = FrameHeader::parse(ConstBytes(written).first(size));
          REQUIRE(parsed.error == Error::none);
          REQUIRE(parsed.size == 0);
        }
        for (const std::size_t more : {0U, 1U, 20U}) {
          written.insert(written.end(), more, std::byte{0xFF});
          const auto parsed = FrameHeader::parse(written);
          REQUIRE(parsed.error == Error::none);
          REQUIRE(parsed.size == header.size());
          REQUIRE(parsed.header == header);
        }
      }
    }
  }
}

TEST_CASE("format leaves octets after the header alone") {
  std::array<std::byte, FrameHeader::max_size> out{};
  out.fill(std::byte{0xEE});
  const std::size_t size = FrameHeader{.length = 300}.format(out);
  REQUIRE(size == 4);
  CHECK(std::all_of(out.begin() + 4, out.end(), [](std::byte b) { return b == std::byte{0xEE}; }));
}

TEST_CASE("unknown opcodes show in the first octet, whatever its other bits") {
  for (unsigned first = 0; first < 256; ++first) {
    const unsigned opcode = first & 0xFU;
    if (opcode >= 0x3 && opcode <= 0x7) check_error(octets({first}), Error::unknown_data_opcode);
    if (opcode >= 0xB) check_error(octets({first}), Error::unknown_control_opcode);
  }
}

TEST_CASE("every pair of first octets is a header, the start of one, or one violation") {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const auto parsed = FrameHeader::parse(octets({first, second}));
      const unsigned opcode = first & 0xFU;
      const unsigned length = second & 0x7FU;
      const bool is_known = opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA);
      const bool control = opcode >= 0x8;
      const bool is_violation = !is_known || (control && (first < 0x80 || length > 125));
      const bool is_whole = !is_violation && length <= 125 && second < 0x80;
      REQUIRE((parsed.error != Error::none) == is_violation);
      REQUIRE(parsed.size == (is_whole ? 2U : 0U));
    }
  }
}

TEST_CASE("SEC-01 64-bit lengths of 2^63 and above") {
  for (const unsigned mask_bit : {0x00U, 0x80U}) {
    const unsigned wide = mask_bit | 127U;
    check_error(octets({0x82, wide, 0x80, 0, 0, 0, 0, 0, 0, 0}), Error::length_too_large);
    check_error(octets({0x82, wide, 0x80, 0, 0, 0, 0, 0, 0, 1}), Error::length_too_large);
    check_error(octets({0x82, wide, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF0}),
                Error::length_too_large);
    check_error(octets({0x82, wide, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}),
                Error::length_too_large);
  }
  const auto largest =
      FrameHeader::parse(octets({0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}));
  CHECK(largest.error == Error::none);
  CHECK(largest.size == 10);
  CHECK(largest.header.length == 0x7FFFFFFFFFFFFFFF);
}

TEST_CASE("SEC-02 lengths written in more octets than they need") {
  for (const unsigned mask_bit : {0x00U, 0x80U}) {
    for (unsigned length = 0; length < 126; ++length) {
      check_error(octets({0x81, mask_bit | 126U, 0, length}), Error::length_not_minimal);
      check_error(octets({0x81, mask_bit | 127U, 0, 0, 0, 0, 0, 0, 0, length}),
                  Error::length_not_minimal);
    }
    for (const unsigned length : {126U, 127U, 0x100U, 0xFFFEU, 0xFFFFU}) {
      check_error(octets({0x81, mask_bit | 127U, 0, 0, 0, 0, 0, 0, length >> 8, length & 0xFFU}),
                  Error::length_not_minimal);
    }
  }
  CHECK(FrameHeader::parse(octets({0x81, 126, 0, 126})).header.length == 126);
  CHECK(FrameHeader::parse(octets({0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0})).header.length == 65536);
}

TEST_CASE("SEC-09 control frames above 125 octets, or fragmented") {
  for (const unsigned opcode : {0x8U, 0x9U, 0xAU}) {
    for (unsigned rsv = 0; rsv < 8; ++rsv) {
      const unsigned first = rsv << 4 | opcode;
      for (const unsigned second : {126U, 127U, 0xFEU, 0xFFU}) {
        check_error(octets({0x80U | first, second}), Error::control_frame_too_big);
      }
      check_error(octets({first}), Error::fragmented_control_frame);

      // RSV bits are told, for the connection to judge.
      const auto parsed = FrameHeader::parse(octets({0x80U | first, 125}));
      REQUIRE(parsed.error == Error::none);
      REQUIRE(parsed.header.rsv == rsv);
    }
  }
}

}  // namespace
}  // namespace wolframite
