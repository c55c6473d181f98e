/// @file
/// How names are looked up.
#pragma once

#include <netdb.h>

#include <atomic>

#pragma GCC visibility push(default)
namespace wolframite::detail {

/// How many threads of a process look names up at the same time.
inline constexpr unsigned most_lookups = 4;

/// What those threads call: getaddrinfo(3). Tests put a function there that they can hold up.
extern std::atomic<decltype(&getaddrinfo)> get_addr_info;

}  // namespace wolframite::detail
#pragma GCC visibility pop
