// Invariant: a Close body is accepted if and only if it is empty, or a code that may be sent
// followed by UTF-8; and what check() passes comes back from parse() as it was.
#include "wolframite/close_code.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

namespace wolframite {
namespace {

std::string body(unsigned code, std::string_view reason = {}) {
  std::string text{static_cast<char>(code >> 8), static_cast<char>(code)};
  return text.append(reason);
}

CloseFrame::Parsed parse(std::string_view text) { return CloseFrame::parse(bytes_of(text)); }

std::string formatted(const CloseFrame& frame) {
  std::array<std::byte, 125> out{};
  const std::size_t size = frame.format(out);
  return std::string(text_of(ConstBytes(out).first(size)));
}

// RFC 6455 §7.4 and the registry, as a list.
bool is_allowed(unsigned code) {
  switch (code) {
    case 1000:
    case 1001:
    case 1002:
    case 1003:
    case 1007:
    case 1008:
    case 1009:
    case 1010:
    case 1011:
    case 1012:
    case 1013:
    case 1014:
      return true;
    default:
      return code / 1000 == 3 || code / 1000 == 4;
  }
}

TEST_CASE("SEC-17 each of all 65536 codes is allowed on the wire or not") {
  for (unsigned code = 0; code <= 0xFFFF; ++code) {
    const auto close_code = static_cast<CloseCode>(code);
    REQUIRE(is_sendable(close_code) == is_allowed(code));
    const std::string text = body(code, "why");
    const CloseFrame::Parsed parsed = parse(text);
    REQUIRE(parsed.error == (is_allowed(code) ? Error::none : Error::invalid_close_code));
    if (is_allowed(code)) {
      REQUIRE(parsed.frame.code == close_code);
      REQUIRE(parsed.frame.reason == "why");
    }
    const CloseFrame frame{.code = close_code, .reason = "why"};
    REQUIRE(frame.check() == (is_allowed(code) ? Error::none : Error::close_code_not_sendable));
  }
}

TEST_CASE("an empty body is no status, in both directions") {
  const CloseFrame::Parsed parsed = parse("");
  CHECK(parsed.error == Error::none);
  CHECK(parsed.frame.code == CloseCode::no_status);
  CHECK(parsed.frame.reason.empty());
  const CloseFrame frame{.code = CloseCode::no_status};
  CHECK(frame.check() == Error::none);
  CHECK(formatted(frame).empty());
}

TEST_CASE("SEC-17 a body of one octet") {
  for (unsigned octet = 0; octet < 256; ++octet) {
    const std::string text(1, static_cast<char>(octet));
    REQUIRE(parse(text).error == Error::invalid_close_body);
  }
}

TEST_CASE("SEC-16 close reasons that are not UTF-8") {
  for (const std::string_view reason :
       {"\xFF", "bye\x80", "\xED\xA0\x80", "\xC0\x80", "\xE2\x82"}) {
    const std::string text = body(1000, reason);
    CHECK(parse(text).error == Error::invalid_utf8);
    CHECK(CloseFrame{.reason = reason}.check() == Error::close_reason_not_utf8);
  }
  const std::string forbidden_too = body(1005, "\xFF");
  CHECK(parse(forbidden_too).error == Error::invalid_close_code);
}

TEST_CASE("a frame that passes the check comes back as it was") {
  for (const std::string& reason :
       {std::string(), std::string("bye"), std::string("gr\xC3\xBC\xC3\x9F dich"),
        std::string("nul\0inside", 10), std::string(CloseFrame::max_reason, 'x')}) {
    for (const unsigned code : {1000U, 1011U, 3000U, 4999U}) {
      const CloseFrame frame{.code = static_cast<CloseCode>(code), .reason = reason};
      REQUIRE(frame.check() == Error::none);
      const std::string text = formatted(frame);
      REQUIRE(text == body(code, reason));
      const CloseFrame::Parsed parsed = parse(text);
      REQUIRE(parsed.error == Error::none);
      REQUIRE(parsed.frame.code == frame.code);
      REQUIRE(parsed.frame.reason == reason);
      REQUIRE((reason.empty() || parsed.frame.reason.data() == text.data() + 2));  // a view
    }
  }
}

TEST_CASE("SEC-17 a reason is limited to 123 octets when sent") {
  const std::string most(123, 'x');
  CHECK(CloseFrame{.reason = most}.check() == Error::none);
  const std::string more(124, 'x');
  CHECK(CloseFrame{.reason = more}.check() == Error::close_reason_too_long);
}

TEST_CASE("no status with a reason cannot be sent") {
  const CloseFrame frame{.code = CloseCode::no_status, .reason = "why"};
  CHECK(frame.check() == Error::close_code_not_sendable);
}

TEST_CASE("SEC-18 format leaves octets after the body alone") {
  std::array<std::byte, 125> out{};
  out.fill(std::byte{0xEE});
  const std::size_t size = CloseFrame{.reason = "bye"}.format(out);
  REQUIRE(size == 5);
  for (std::size_t i = size; i < out.size(); ++i) REQUIRE(out[i] == std::byte{0xEE});
}

}  // namespace
}  // namespace wolframite
