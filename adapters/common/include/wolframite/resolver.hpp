/// @file
/// From host names to addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wolframite/loop.hpp"
#include "wolframite/result.hpp"
#include "wolframite/socket.hpp"
#include "wolframite/task.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// The category of getaddrinfo(3)'s errors.
[[nodiscard]] const std::error_category& resolver_category() noexcept;

/// Looks `host` up with getaddrinfo(3), on another thread so that the loop goes on. At most four
/// threads of a process do so at a time; further names wait for their turn, and those who ask for
/// the same name and port meanwhile share a lookup. A numeric address is answered at once, without
/// a thread. Errors: of `resolver_category()`, the system's, `errc::timed_out` after `latest`.
/// Then, and when it is cancelled, a lookup that runs is left to end by itself.
[[nodiscard]] Task<Result<std::vector<Endpoint>>> resolve(
    Loop& loop, std::string host, std::uint16_t port, std::optional<Time> latest = std::nullopt);

}  // namespace wolframite
#pragma GCC visibility pop
