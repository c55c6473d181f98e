/// @file
/// Masking of frame payloads (RFC 6455 §5.3).
#pragma once

#include <array>
#include <cstddef>

#include "wolframite/bytes.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// The four octets of a masking key, in the order they go over the wire.
using MaskKey = std::array<std::byte, 4>;

/// Masks or unmasks `data` in place: octet i becomes `data[i] XOR key[(offset + i) % 4]`.
/// `offset` is the position of `data[0]` in the frame's payload. RFC 6455 §5.3.
void apply_mask(Bytes data, MaskKey key, std::size_t offset = 0);

/// Copies `from` to `to` and masks on the way, in one pass. `to` needs room for `from.size()` bytes
/// and must not overlap `from`. RFC 6455 §5.3.
void copy_masked(ConstBytes from, std::byte* to, MaskKey key, std::size_t offset = 0);

}  // namespace wolframite
#pragma GCC visibility pop
