// Stands in for the header that Asio has since 1.27, as far as tests of the adapter need it: a
// handler may name the executor for what completes at once, and is marked if it does not.
#pragma once

#include <asio/execution/blocking.hpp>
#include <asio/require.hpp>

namespace asio {

template <class T, class Executor>
struct associated_immediate_executor {
  using asio_associated_immediate_executor_is_unspecialised = void;
  using type = Executor;
  static type get(const T&, const Executor& executor) noexcept {
    return asio::require(executor, execution::blocking.never);
  }
};

template <class T, class Executor>
requires requires { typename T::immediate_executor_type; }
struct associated_immediate_executor<T, Executor> {
  using type = typename T::immediate_executor_type;
  static type get(const T& owner, const Executor&) noexcept {
    return owner.get_immediate_executor();
  }
};

template <class T, class Executor>
auto get_associated_immediate_executor(const T& owner, const Executor& executor) noexcept {
  return associated_immediate_executor<T, Executor>::get(owner, executor);
}

}  // namespace asio
