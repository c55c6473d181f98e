// Agreeing on permessage-deflate (RFC 7692 §5, §7.1).
#pragma once

#include <string>

#include "wolframite/deflate.hpp"
#include "wolframite/error.hpp"
#include "wolframite/headers.hpp"

namespace wolframite::detail {

/// The value of Sec-WebSocket-Extensions with which a client offers what `config` allows; empty if
/// nothing.
[[nodiscard]] std::string offer_deflate(const DeflateConfig& config);

/// Server: takes the first offer that can be met, in the client's order. An offer with a parameter
/// that is unknown, doubled or out of range is passed over (RFC 7692 §7). Writes the answer's value
/// to `answer`, empty if none is taken. Precondition: `check_extensions` gave none.
[[nodiscard]] DeflateParameters choose_deflate(const Headers& request, const DeflateConfig& config,
                                               std::string& answer);

/// Client: reads the server's answer to the offer of `config`. `unrequested_extension` for another
/// extension, a second one, or any parameter that is unknown, doubled, out of range or wider than
/// was offered.
[[nodiscard]] Error read_deflate_answer(const Headers& response, const DeflateConfig& config,
                                        DeflateParameters& agreed);

}  // namespace wolframite::detail
