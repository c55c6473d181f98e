// Invariant: each kernel this machine can run masks as octet by octet does, from any offset and at
// any address, whole or in pieces, copying or in place, and touches nothing beside.
#include "mask_kernels.hpp"

#include <bit>
#include <vector>

#include "support/check.hpp"
#include "support/naive.hpp"
#include "support/owner.hpp"
#include "support/reader.hpp"
#include "wolframite/mask.hpp"

using namespace wolframite;
using namespace wolframite::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader input(data, size);
  Cutter cutter(input);
  MaskKey key;
  for (std::byte& octet : key) octet = static_cast<std::byte>(input.up_to(255));
  const std::size_t offset = input.up_to(300);
  const std::size_t shift = input.up_to(63);
  const std::size_t times = input.up_to(31) + 1;
  const std::string part = input.rest();
  std::string payload;
  for (std::size_t i = 0; i < times && payload.size() < 4096; ++i) payload += part;
  const std::string expected = naive::mask(payload, key, offset);

  // At an address of any alignment, with no memory after it.
  std::vector<char> padded(shift, '\xA5');
  padded.insert(padded.end(), payload.begin(), payload.end());
  const Bytes place = std::as_writable_bytes(std::span(padded)).subspan(shift);
  const auto holds = [&](const std::string& what) {
    return text_of(place) == what &&
           std::string(padded.data(), shift) == std::string(shift, '\xA5');
  };

  apply_mask(place, key, offset);
  REQUIRE(holds(expected));
  apply_mask(place, key, offset);
  REQUIRE(holds(payload));
  for (std::size_t at = 0; at < place.size();) {
    const std::size_t taken = cutter.next(place.size() - at);
    apply_mask(place.subspan(at, taken), key, offset + at);
    at += taken;
  }
  REQUIRE(holds(expected));
  copy_masked(bytes_of(payload), place.data(), key, offset);
  REQUIRE(holds(expected));

  if (payload.size() <= detail::mask_kernel_threshold) return 0;
  std::array<std::byte, 8> twice;
  for (std::size_t i = 0; i < 8; ++i) twice[i] = key[(offset + i) % 4];
  for (const detail::MaskKernel& kernel : detail::supported_mask_kernels()) {
    copy_masked(bytes_of(payload), place.data(), {}, 0);
    kernel.run(place.data(), place.data(), place.size(), std::bit_cast<detail::RepeatedKey>(twice));
    REQUIRE(holds(expected));
  }
  return 0;
}
