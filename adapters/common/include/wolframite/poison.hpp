/// @file
/// Marks memory that is kept and must not be used, for whoever keeps free blocks.
#pragma once

#include <cstddef>

#pragma GCC visibility push(default)
namespace wolframite::detail {

/// Has AddressSanitizer report whoever touches these bytes, where the program runs under it,
/// whatever the library was built with; overwrites them where WOLFRAMITE_SCRIBBLE is defined.
void poison(void* block, std::size_t size) noexcept;
/// Lets these octets be used again.
void unpoison(void* block, std::size_t size) noexcept;

}  // namespace wolframite::detail
#pragma GCC visibility pop
