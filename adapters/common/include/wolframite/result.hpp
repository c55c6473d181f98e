/// @file
/// What an operation that makes something returns.
#pragma once

#include <system_error>
#include <tl/expected.hpp>

#pragma GCC visibility push(default)
namespace wolframite {

/// A value, or why there is none.
template <class T, class E = std::error_code>
using Result = tl::expected<T, E>;

}  // namespace wolframite
#pragma GCC visibility pop
