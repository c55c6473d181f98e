/// @file
/// What members of aggregates are made of, so that those can be written inside `co_await`.
#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace wolframite {
namespace detail {

template <class T>
constexpr bool is_function = false;
template <class Signature>
constexpr bool is_function<std::function<Signature>> = true;

// g++ 12 destroys twice what a lambda has captured, too, where that is made inside `co_await`. It
// does so in the closure, before that gets here.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
template <class T, class U>
constexpr bool is_safe_to_make_inline =
    !is_function<T> || std::is_lvalue_reference_v<U> || std::is_trivially_destructible_v<U>;
#else
template <class T, class U>
constexpr bool is_safe_to_make_inline = true;
#endif

}  // namespace detail

/// A `T` that is a member of an aggregate such as AcceptOptions, and is used as any other `T`.
///
/// g++ 12 makes the members of an aggregate apart where that is written inside a `co_await`
/// expression, copies them into it byte by byte, and destroys both. So a Member knows where it was
/// made. A copy of its bytes owns nothing: copied or moved it stands for the one that was made,
/// which lives as long, and destroyed it does nothing. The compiler's fault costs a pointer this
/// way, and not a second `free`. The layout is the same with every compiler.
template <class T>
class Member : public T {
 public:
  using T::T;
  /// Whatever a `T` can be made of. With g++ 12 a function object that owns something must have a
  /// name, or be assigned.
  template <class U>
  requires(!std::is_base_of_v<T, std::remove_cvref_t<U>> && std::is_convertible_v<U, T>)
      Member(U&& value)
      : T(std::forward<U>(value)) {
    static_assert(detail::is_safe_to_make_inline<T, U>,
                  "g++ 12 destroys twice what this lambda captures if it stands inside co_await: "
                  "give it a name first, or assign it to the member");
  }
  Member() : T() {}                                ///< a `T` as it is by default
  Member(const T& value) : T(value) {}             ///< a copy of `value`
  Member(T&& value) : T(std::move(value)) {}       ///< takes `value` over
  Member(const Member& other) : T(other.get()) {}  ///< a copy of the other's value
  Member(Member&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
      : T(std::move(other.get())) {}  ///< takes over the other's value
  /// Copies the other's value.
  Member& operator=(const Member& other) {
    own() = other.get();
    return *this;
  }
  /// Takes over the other's value.
  Member& operator=(Member&& other) noexcept(std::is_nothrow_move_assignable_v<T>) {
    own() = std::move(other.get());
    return *this;
  }
  /// Assigns whatever can be assigned to a `T`.
  template <class U>
  requires(!std::is_base_of_v<Member, std::remove_cvref_t<U>> &&
           std::is_assignable_v<T&, U>) Member&
  operator=(U&& value) {
    own() = std::forward<U>(value);
    return *this;
  }
  ~Member() {
    if (made_at_ != this) forget();
  }

  /// The value as the `T` it is. A `std::function` is to be copied and moved from here: from the
  /// member it would take a function that calls it, which is not empty even if that is.
  [[nodiscard]] T& get() { return *made_at_; }
  [[nodiscard]] const T& get() const { return *made_at_; }  ///< the same, to read

 private:
  // The bytes are another's. What is put in their place, for the base to destroy, owns nothing.
  void forget() noexcept { std::construct_at(static_cast<T*>(this)); }

  T& own() {
    if (made_at_ != this) {
      std::construct_at(static_cast<T*>(this), made_at_->get());
      made_at_ = this;
    }
    return *this;
  }

  Member* made_at_ = this;
};

}  // namespace wolframite
#pragma GCC visibility pop
