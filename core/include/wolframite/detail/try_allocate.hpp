/// @file
/// Memory from a resource that may say no.
#pragma once

#include <cstddef>
#include <memory_resource>

#pragma GCC visibility push(default)
namespace wolframite::detail {

/// Allocates from `memory`, or returns null where that throws: the core knows no exceptions.
[[nodiscard]] void* try_allocate(std::pmr::memory_resource& memory, std::size_t size,
                                 std::size_t alignment) noexcept;

}  // namespace wolframite::detail
#pragma GCC visibility pop
