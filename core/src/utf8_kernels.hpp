// Validation of long UTF-8 texts, once for each instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace wolframite::detail {

/// What may follow an octet that stands where a code point begins (RFC 3629 §4).
struct Utf8Lead {
  static constexpr std::uint8_t invalid = 0xFF;

  std::uint8_t needed = 0;  ///< continuation octets, or `invalid`
  std::uint8_t min = 0x80;  ///< smallest octet allowed next
  std::uint8_t max = 0xBF;  ///< largest octet allowed next

  friend constexpr bool operator==(const Utf8Lead&, const Utf8Lead&) = default;
};

[[nodiscard]] constexpr Utf8Lead utf8_lead(std::uint8_t octet) {
  if (octet < 0x80) return {};
  if (octet < 0xC2) return {Utf8Lead::invalid};  // a continuation, or an overlong form of ASCII
  if (octet < 0xE0) return {1};
  if (octet == 0xE0) return {2, 0xA0, 0xBF};  // below are overlong forms
  if (octet == 0xED) return {2, 0x80, 0x9F};  // above are surrogates
  if (octet < 0xF0) return {2};
  if (octet == 0xF0) return {3, 0x90, 0xBF};  // below are overlong forms
  if (octet < 0xF4) return {3};
  if (octet == 0xF4) return {3, 0x80, 0x8F};  // above is beyond U+10FFFF
  return {Utf8Lead::invalid};
}

/// Octets at the end of the text that begin a sequence longer than what is left of it: 0 to 3. What
/// else may be wrong with them is not judged.
[[nodiscard]] constexpr std::size_t incomplete_tail(const std::byte* text, std::size_t size) {
  const std::byte* const end = text + size;
  if (size >= 1 && end[-1] >= std::byte{0xC0}) return 1;
  if (size >= 2 && end[-2] >= std::byte{0xE0}) return 2;
  if (size >= 3 && end[-3] >= std::byte{0xF0}) return 3;
  return 0;
}

/// Whether the text is valid UTF-8. Precondition: `incomplete_tail` is 0.
using Utf8Function = bool (*)(const std::byte* text, std::size_t size);

struct Utf8Kernel {
  const char* name;
  Utf8Function run;
};

/// Kernels that this machine can run, the fastest last.
[[nodiscard]] std::span<const Utf8Kernel> supported_utf8_kernels();

[[nodiscard]] bool is_utf8_baseline(const std::byte* text, std::size_t size);
#if defined(__x86_64__)
[[nodiscard]] bool is_utf8_avx2(const std::byte* text, std::size_t size);
[[nodiscard]] bool is_utf8_avx512(const std::byte* text, std::size_t size);
#endif

}  // namespace wolframite::detail
