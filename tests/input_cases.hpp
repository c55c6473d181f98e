// Inputs, valid and not, that must mean the same however they are cut.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support.hpp"

namespace wolframite::test {

struct InputCase {
  std::string name;
  Role role;
  std::string input;
  Records events;  ///< what it must give
  Config config{};
};

/// Frames for an open server or client. Each case is made for both, masked or not as the role asks.
class FrameCases {
 public:
  explicit FrameCases(Role role) : role_(role) {}

  [[nodiscard]] std::vector<InputCase> take() { return std::move(cases_); }

  [[nodiscard]] std::string frame(unsigned first, std::string_view payload = {}) const {
    return role_ == Role::server ? client_frame(first, payload) : server_frame(first, payload);
  }
  /// A header that announces `length` octets.
  [[nodiscard]] std::string announce(unsigned first, std::uint64_t length) const {
    return header(first, length, mask_bit()) + (role_ == Role::server ? "\x10\x20\x30\x40" : "");
  }
  [[nodiscard]] unsigned mask_bit() const { return role_ == Role::server ? 0x80 : 0; }

  void add(std::string name, std::string input, Records events, Config config = {}) {
    name.append(role_ == Role::server ? " (server)" : " (client)");
    cases_.push_back(
        {std::move(name), role_, std::move(input), std::move(events), std::move(config)});
  }
  /// What follows a violation must not be delivered.
  void add_violation(std::string name, std::string input, Error why, Records before = {},
                     Config config = {}) {
    before.push_back(failed(why));
    add(std::move(name), input + frame(final_text, "after"), std::move(before), std::move(config));
  }

 private:
  Role role_;
  std::vector<InputCase> cases_;
};

inline std::vector<InputCase> valid_frame_cases(Role role) {
  FrameCases c(role);
  const auto f = [&](unsigned first, std::string_view payload = {}) {
    return c.frame(first, payload);
  };
  const std::string utf8 = "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\xBA";
  c.add("nothing", "", {});
  c.add("text", f(final_text, "Hello"), {text("Hello")});
  c.add("empty text", f(final_text), {text("")});
  c.add("empty binary", f(final_binary), {binary("")});
  c.add("text beyond ASCII", f(final_text, utf8), {text(utf8)});
  c.add("binary of all octets", f(final_binary, Random(1).octets(125)),
        {binary(Random(1).octets(125))});
  for (const std::size_t size : {124U, 125U, 126U, 127U, 255U, 256U, 300U}) {
    const std::string payload = Random(size).octets(size);
    c.add("binary of " + std::to_string(size), f(final_binary, payload) + f(final_text, "next"),
          {binary(payload), text("next")});
  }
  c.add("two fragments", f(begin_text, "Hel") + f(final_continuation, "lo"), {text("Hello")});
  c.add("a code point across fragments",
        f(begin_text, utf8.substr(0, 4)) + f(more, utf8.substr(4, 3)) +
            f(final_continuation, utf8.substr(7)),
        {text(utf8)});
  c.add("empty fragments",
        f(begin_binary) + f(more) + f(more, "a") + f(more) + f(more, "b") + f(final_continuation),
        {binary("ab")});
  c.add("only empty fragments",
        f(begin_text) + f(more) + f(final_continuation) + f(final_text, "x"),
        {text(""), text("x")});
  c.add("control frames between fragments",
        f(begin_text, "one ") + f(ping_frame, "p") + f(more, "two ") + f(pong_frame, "q") +
            f(ping_frame) + f(final_continuation, "three"),
        {pinged("p"), ponged("q"), pinged(), text("one two three")});
  c.add("pings of every bound",
        f(ping_frame) + f(ping_frame, "!") + f(ping_frame, std::string(125, 'p')),
        {pinged(), pinged("!"), pinged(std::string(125, 'p'))});
  c.add("pong unasked", f(pong_frame, "news"), {ponged("news")});
  c.add("close without body", f(close_frame), {closing(1005)});
  c.add("close with code", f(close_frame, close_body(1000)), {closing(1000)});
  c.add("close with reason", f(close_frame, close_body(4321, "caf\xC3\xA9")),
        {closing(4321, "caf\xC3\xA9")});
  c.add("close with the longest reason", f(close_frame, close_body(3000, std::string(123, 'r'))),
        {closing(3000, std::string(123, 'r'))});
  c.add("anything after close",
        f(close_frame, close_body(1001)) + f(final_text, "late") + f(ping_frame) + "\xFF\xFF\xFF",
        {closing(1001)});
  c.add("close inside a message", f(begin_text, "unfinished") + f(close_frame, close_body(1000)),
        {closing(1000)});
  c.add("many small messages",
        f(final_text, "a") + f(final_binary, "b") + f(ping_frame, "c") + f(final_text, "d") +
            f(final_binary),
        {text("a"), binary("b"), pinged("c"), text("d"), binary("")});
  Config small;
  small.max_frame_size = 8;
  small.max_message_size = 12;
  c.add("frame and message limits met exactly",
        f(begin_binary, "12345678") + f(final_continuation, "9abc") + f(final_binary, "12345678"),
        {binary("123456789abc"), binary("12345678")}, small);
  return c.take();
}

inline std::vector<InputCase> invalid_frame_cases(Role role) {
  FrameCases c(role);
  const auto f = [&](unsigned first, std::string_view payload = {}) {
    return c.frame(first, payload);
  };
  const unsigned mask = c.mask_bit();
  for (const unsigned bit : {0x40U, 0x20U, 0x10U, 0x70U}) {
    c.add_violation("RSV " + to_hex(octet(bit)), f(final_text | bit, "x"),
                    Error::reserved_bits_set);
  }
  c.add_violation("RSV on a ping", f(ping_frame | 0x40U), Error::reserved_bits_set);
  c.add_violation("RSV on a continuation", f(begin_text, "x") + f(final_continuation | 0x40U, "x"),
                  Error::reserved_bits_set);
  for (unsigned opcode = 0x3; opcode <= 0x7; ++opcode) {
    c.add_violation("opcode " + to_hex(octet(opcode)), f(0x80U | opcode, "x"),
                    Error::unknown_data_opcode);
  }
  for (unsigned opcode = 0xB; opcode <= 0xF; ++opcode) {
    c.add_violation("opcode " + to_hex(octet(opcode)), f(0x80U | opcode, "x"),
                    Error::unknown_control_opcode);
  }
  for (const unsigned first : {0x08U, 0x09U, 0x0AU}) {
    c.add_violation("fragmented control " + to_hex(octet(first)), f(first, "x"),
                    Error::fragmented_control_frame);
  }
  for (const unsigned first : {close_frame, ping_frame, pong_frame}) {
    c.add_violation("control of 126 " + to_hex(octet(first)), f(first, std::string(126, 'x')),
                    Error::control_frame_too_big);
    c.add_violation("control of 70000 " + to_hex(octet(first)), c.announce(first, 70000),
                    Error::control_frame_too_big);
  }
  const bool server = role == Role::server;
  const Error mask_error =
      server ? Error::unmasked_frame_from_client : Error::masked_frame_from_server;
  for (const unsigned first : {final_text, final_binary, close_frame, ping_frame, pong_frame}) {
    const std::string wrong = server ? server_frame(first, "xy") : client_frame(first, "xy");
    c.add_violation("mask bit " + to_hex(octet(first)), wrong, mask_error);
  }
  c.add_violation("continuation of nothing", f(final_continuation, "x"),
                  Error::unexpected_continuation);
  c.add_violation("continuation after a whole message", f(final_text, "x") + f(more, "y"),
                  Error::unexpected_continuation, {text("x")});
  c.add_violation("text inside a message", f(begin_text, "x") + f(final_text, "y"),
                  Error::expected_continuation);
  c.add_violation("binary inside a text", f(begin_text, "x") + f(begin_binary, "y"),
                  Error::expected_continuation);
  c.add_violation("text after an empty first fragment", f(begin_text) + f(final_text, "y"),
                  Error::expected_continuation);
  for (const unsigned length : {0U, 1U, 125U}) {
    c.add_violation("16 bits for " + std::to_string(length),
                    octet(final_binary) + octet(mask | 126U) + big_endian(length, 2),
                    Error::length_not_minimal);
  }
  for (const unsigned length : {0U, 125U, 126U, 65535U}) {
    c.add_violation("64 bits for " + std::to_string(length),
                    octet(final_binary) + octet(mask | 127U) + big_endian(length, 8),
                    Error::length_not_minimal);
  }
  for (const std::uint64_t length :
       {std::uint64_t{1} << 63U, ~std::uint64_t{0}, (std::uint64_t{1} << 63U) + 5}) {
    c.add_violation("length " + to_hex(big_endian(length, 8)),
                    octet(final_binary) + octet(mask | 127U) + big_endian(length, 8),
                    Error::length_too_large);
  }
  c.add_violation("length 2^63 - 1", c.announce(final_binary, (std::uint64_t{1} << 63U) - 1),
                  Error::frame_too_big);
  c.add_violation("a frame above the default limit", c.announce(final_binary, 16 * 1024 * 1024 + 1),
                  Error::frame_too_big);
  Config small;
  small.max_frame_size = 8;
  small.max_message_size = 12;
  c.add_violation("frame one octet above the limit", f(final_binary, "123456789"),
                  Error::frame_too_big, {}, small);
  c.add_violation("message one octet above the limit",
                  f(begin_binary, "12345678") + f(final_continuation, "9abcd"),
                  Error::message_too_big, {}, small);
  c.add_violation("message above the limit after others",
                  f(final_text, "12345678") + f(begin_text, "12345678") + f(more) +
                      f(more, "1234") + f(more, "5"),
                  Error::message_too_big, {text("12345678")}, small);

  c.add_violation("close body of one octet", f(close_frame, "\x03"), Error::invalid_close_body);
  for (const unsigned code : {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 1999U, 2000U,
                              2999U, 5000U, 65535U}) {
    c.add_violation("close code " + std::to_string(code), f(close_frame, close_body(code)),
                    Error::invalid_close_code);
  }
  c.add_violation("close reason not UTF-8", f(close_frame, close_body(1000, "ok \xC3(")),
                  Error::invalid_utf8);
  c.add_violation("close reason cut in a code point", f(close_frame, close_body(1000, "\xE2\x82")),
                  Error::invalid_utf8);

  const std::vector<std::pair<std::string, std::string>> texts{
      {"a lone continuation octet", "ab\x80"},
      {"an overlong slash", "\xC0\xAF"},
      {"an overlong of three", "\xE0\x9F\xBF"},
      {"an overlong of four", "\xF0\x8F\xBF\xBF"},
      {"a surrogate", "x\xED\xA0\x80"},
      {"above U+10FFFF", "\xF4\x90\x80\x80"},
      {"FE", "\xFE"},
      {"FF after a long prefix", std::string(70, 'a') + "\xFF" + std::string(70, 'b')},
      {"an end inside a code point", "abc\xF0\x9F\x90"},
  };
  for (const auto& [name, payload] : texts) {
    c.add_violation("text of " + name, f(final_text, payload), Error::invalid_utf8);
    c.add_violation("fragments of " + name, f(begin_text, payload) + f(final_continuation),
                    Error::invalid_utf8);
  }
  c.add_violation("a code point that the next fragment breaks",
                  f(begin_text, "\xE2\x82") + f(more, "a"), Error::invalid_utf8);
  c.add_violation("several faults in one header: the first octet's wins", octet(0xFF) + octet(0x7F),
                  Error::reserved_bits_set);
  return c.take();
}

}  // namespace wolframite::test
