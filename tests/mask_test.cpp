// Invariant: masking gives, for every octet, data[i] XOR key[(offset + i) % 4], and touches no
// octet besides, whatever the size, alignment, offset, kernel, and whether in place or copied.
#include "wolframite/mask.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <string_view>
#include <vector>

#include "../core/src/mask_kernels.hpp"

namespace wolframite {
namespace {

constexpr MaskKey key{std::byte{0x37}, std::byte{0xFA}, std::byte{0x21}, std::byte{0x3D}};
constexpr auto repeated_key = std::bit_cast<detail::RepeatedKey>(
    std::array{key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]});
constexpr std::size_t margin = 64;  // octets around the data that must stay as they are

std::vector<std::byte> pattern(std::size_t size, unsigned seed) {
  std::vector<std::byte> bytes(size);
  for (std::byte& b : bytes) {
    seed = seed * 1664525U + 1013904223U;
    b = static_cast<std::byte>(seed >> 24);
  }
  return bytes;
}

// One buffer that is masked, and what it has to become.
class Trial {
 public:
  Trial(std::size_t size, std::size_t alignment, std::size_t offset)
      : begin_(margin + alignment),
        size_(size),
        source_(pattern(begin_ + size + margin, static_cast<unsigned>(size))),
        buffer_(source_),
        expected_(source_) {
    for (std::size_t i = 0; i < size; ++i) expected_[begin_ + i] ^= key[(offset % 4 + i) % 4];
  }

  // So that a copy cannot pass by leaving the target as it was.
  void spoil() {
    for (std::size_t i = 0; i < size_; ++i) buffer_[begin_ + i] = ~expected_[begin_ + i];
  }

  [[nodiscard]] std::byte* target() { return buffer_.data() + begin_; }
  [[nodiscard]] ConstBytes source() const { return ConstBytes(source_).subspan(begin_, size_); }
  [[nodiscard]] bool is_as_expected() const { return buffer_ == expected_; }

 private:
  std::size_t begin_;
  std::size_t size_;
  std::vector<std::byte> source_;
  std::vector<std::byte> buffer_;
  std::vector<std::byte> expected_;
};

constexpr std::size_t alignments = 64;
constexpr std::size_t max_size = 300;

TEST_CASE("apply_mask equals the definition at every size, alignment and offset") {
  for (std::size_t size = 0; size <= max_size; ++size) {
    for (std::size_t alignment = 0; alignment < alignments; ++alignment) {
      const std::size_t offset = size / 3 + alignment;
      Trial trial(size, alignment, offset);
      apply_mask({trial.target(), size}, key, offset);
      REQUIRE(trial.is_as_expected());
    }
  }
}

TEST_CASE("copy_masked equals the definition at every size, alignment and offset") {
  for (std::size_t size = 0; size <= max_size; ++size) {
    for (std::size_t alignment = 0; alignment < alignments; ++alignment) {
      const std::size_t offset = size / 5 + alignment;
      Trial trial(size, alignment, offset);
      trial.spoil();
      copy_masked(trial.source(), trial.target(), key, offset);
      REQUIRE(trial.is_as_expected());
    }
  }
}

TEST_CASE("copy_masked takes source and target at different alignments") {
  for (std::size_t shift = 0; shift < alignments; ++shift) {
    Trial trial(max_size, 0, 0);
    trial.spoil();
    std::vector<std::byte> source(shift);
    source.insert(source.end(), trial.source().begin(), trial.source().end());
    copy_masked(ConstBytes(source).subspan(shift), trial.target(), key);
    REQUIRE(trial.is_as_expected());
  }
}

TEST_CASE("each kernel equals the definition, in place and copying") {
  for (const detail::MaskKernel& kernel : detail::supported_mask_kernels()) {
    CAPTURE(kernel.name);
    for (std::size_t size = detail::mask_kernel_threshold + 1; size <= 2 * max_size; ++size) {
      for (std::size_t alignment = size % 3; alignment < alignments; alignment += 3) {
        const detail::RepeatedKey repeated = detail::rotated(repeated_key, size);
        Trial trial(size, alignment, size);
        kernel.run(trial.target(), trial.target(), size, repeated);
        REQUIRE(trial.is_as_expected());

        trial.spoil();
        kernel.run(trial.source().data(), trial.target(), size, repeated);
        REQUIRE(trial.is_as_expected());
      }
    }
  }
}

// The key's bytes as a machine of this byte order has them in a register.
template <std::endian order>
constexpr detail::RepeatedKey in_register() {
  detail::RepeatedKey value = 0;
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned shift = order == std::endian::little ? 8 * i : 56 - 8 * i;
    value |= std::to_integer<detail::RepeatedKey>(key[i % 4]) << shift;
  }
  return value;
}

template <std::endian order>
constexpr bool gives_bytes_in_order() {
  for (std::size_t i = 0; i < 9; ++i) {
    const auto turned = detail::rotated<order>(in_register<order>(), i);
    if (detail::first_byte<order>(turned) != key[i % 4]) return false;
  }
  return true;
}

// Data of one to three bytes is masked byte by byte.
TEST_CASE("a key gives its bytes in order on machines of either byte order") {
  static_assert(in_register<std::endian::native>() == repeated_key);
  CHECK(gives_bytes_in_order<std::endian::little>());
  CHECK(gives_bytes_in_order<std::endian::big>());
}

TEST_CASE("long data, and any offset up to the largest") {
  for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3},
                                   ~std::size_t{0}, ~std::size_t{0} - 2, std::size_t{1} << 40}) {
    for (const std::size_t size : {std::size_t{13}, std::size_t{65'537}}) {
      Trial trial(size, 5, offset);
      apply_mask({trial.target(), size}, key, offset);
      REQUIRE(trial.is_as_expected());
    }
  }
}

TEST_CASE("masking in pieces equals masking at once") {
  constexpr std::size_t size = 200;
  for (std::size_t cut = 0; cut <= size; ++cut) {
    Trial trial(size, 0, 0);
    apply_mask({trial.target(), cut}, key, 0);
    apply_mask({trial.target() + cut, size - cut}, key, cut);
    REQUIRE(trial.is_as_expected());
  }
}

TEST_CASE("masking twice gives the data back") {
  const std::vector<std::byte> original = pattern(1'000, 1);
  std::vector<std::byte> data = original;
  apply_mask(data, key, 3);
  CHECK(data != original);
  apply_mask(data, key, 3);
  CHECK(data == original);
}

TEST_CASE("a kernel is there for every machine") {
  const auto kernels = detail::supported_mask_kernels();
  REQUIRE_FALSE(kernels.empty());
  CHECK(std::string_view(kernels.front().name) == "baseline");
}

}  // namespace
}  // namespace wolframite
