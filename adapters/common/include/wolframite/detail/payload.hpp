/// @file
/// Payloads that a send takes over.
#pragma once

#include <concepts>
#include <memory>
#include <ranges>
#include <string_view>
#include <type_traits>
#include <utility>

#include "wolframite/bytes.hpp"

#pragma GCC visibility push(default)
namespace wolframite::detail {

/// An rvalue that owns its elements: a view of it would dangle.
template <class P>
concept Owning =
    !std::is_lvalue_reference_v<P> && std::ranges::contiguous_range<std::remove_cvref_t<P>> &&
    !std::ranges::borrowed_range<std::remove_cvref_t<P>>;

/// Text of which the caller gives the owner away.
template <class P>
concept TextGivenAway = Owning<P> && std::convertible_to < const std::remove_cvref_t<P>
&, std::string_view > ;

/// Bytes, or text, of which the caller gives the owner away.
template <class P>
concept GivenAway = TextGivenAway<P> ||
    (Owning<P>&& std::convertible_to<const std::remove_cvref_t<P>&, ConstBytes>);

/// Views what was given away, while its owner lives.
template <GivenAway P>
[[nodiscard]] ConstBytes view_of(const P& given WOLFRAMITE_LIFETIMEBOUND) {
  if constexpr (TextGivenAway<P>) {
    return bytes_of(given);
  } else {
    return given;
  }
}

/// Moves what was given away to where its users share it.
template <GivenAway P>
[[nodiscard]] SharedBytes own(P&& given) {
  auto owner = std::make_shared<const std::remove_cvref_t<P>>(std::forward<P>(given));
  const ConstBytes bytes = view_of<P>(*owner);
  return {std::move(owner), bytes};
}

}  // namespace wolframite::detail
#pragma GCC visibility pop
