// SHA-1, as libcrypto has it.
#pragma once

#include <array>
#include <string_view>

namespace wolframite::detail {

using Sha1Digest = std::array<unsigned char, 20>;

/// Puts the digest of `text` into `digest`; false where libcrypto does not have SHA-1, as under
/// some policies. A pointer, so that tests can be without it.
using Sha1 = bool (*)(std::string_view text, Sha1Digest& digest);
extern Sha1 sha1;

}  // namespace wolframite::detail
