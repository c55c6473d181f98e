#include "wolframite/utf8.hpp"

#include <array>
#include <atomic>
#include <cstring>

#include "simd.hpp"
#include "utf8_kernels.hpp"

namespace wolframite {
namespace detail {
namespace {

constexpr std::array kernels {
  Utf8Kernel{"baseline", is_utf8_baseline},
#if defined(__x86_64__)
      Utf8Kernel{"avx2", is_utf8_avx2}, Utf8Kernel{"avx512", is_utf8_avx512},
#endif
};

bool choose_and_validate(const std::byte* text, std::size_t size);

// Constant-initialised, so that it works before main(). Threads that race to choose store the same
// value.
constinit std::atomic<Utf8Function> chosen{choose_and_validate};

bool choose_and_validate(const std::byte* text, std::size_t size) {
  const Utf8Function best = supported_utf8_kernels().back().run;
  chosen.store(best, std::memory_order_relaxed);
  return best(text, size);
}

template <typename Word>
bool are_ends_ascii(const std::byte* text, std::size_t size) {
  constexpr auto high_bits = static_cast<Word>(0x8080808080808080U);
  Word head;
  Word tail;
  std::memcpy(&head, text, sizeof head);
  std::memcpy(&tail, text + size - sizeof tail, sizeof tail);
  return ((head | tail) & high_bits) == 0;
}

// Most short texts are ASCII, and told to be so faster than a kernel is called. False proves
// nothing.
bool is_short_ascii(const std::byte* text, std::size_t size) {
  if (size > 32) return false;
  if (size > 16) {
    return are_ends_ascii<std::uint64_t>(text, 16) &&
           are_ends_ascii<std::uint64_t>(text + size - 16, 16);
  }
  if (size >= 8) return are_ends_ascii<std::uint64_t>(text, size);
  if (size >= 4) return are_ends_ascii<std::uint32_t>(text, size);
  if (size == 0) return true;
  return ((text[0] | text[size / 2] | text[size - 1]) & std::byte{0x80}) == std::byte{0};
}

}  // namespace

std::span<const Utf8Kernel> supported_utf8_kernels() {
  return std::span(kernels).first(static_cast<std::size_t>(simd_level()) + 1);
}

}  // namespace detail

bool Utf8Validator::feed(ConstBytes piece) {
  if (needed_ == failed) return false;
  const std::byte* const text = piece.data();
  const std::size_t size = piece.size();
  if (needed_ == 0 && detail::is_short_ascii(text, size)) return true;

  std::size_t i = 0;
  while (needed_ != 0 && i < size) {
    if (!step(text[i++])) return false;
  }
  const std::size_t end = size - detail::incomplete_tail(text + i, size - i);
  // The tail begins with a lead octet, which cannot complete what is before it.
  const bool cut_short = detail::incomplete_tail(text + i, end - i) != 0;
  if (cut_short || !detail::chosen.load(std::memory_order_relaxed)(text + i, end - i)) {
    needed_ = failed;
    return false;
  }
  for (i = end; i < size; ++i) {
    if (!step(text[i])) return false;
  }
  return true;
}

bool Utf8Validator::step(std::byte next) {
  const auto octet = std::to_integer<std::uint8_t>(next);
  if (needed_ == 0) {
    const detail::Utf8Lead lead = detail::utf8_lead(octet);
    needed_ = lead.needed;
    next_min_ = lead.min;
    next_max_ = lead.max;
  } else if (octet < next_min_ || octet > next_max_) {
    needed_ = failed;
  } else {
    --needed_;
    next_min_ = 0x80;
    next_max_ = 0xBF;
  }
  return needed_ != failed;
}

bool is_valid_utf8(ConstBytes text) {
  Utf8Validator validator;
  return validator.feed(text) && validator.is_complete();
}

}  // namespace wolframite
