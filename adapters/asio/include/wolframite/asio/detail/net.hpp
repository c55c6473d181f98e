/// @file
/// The one place that knows which Asio this is: standalone, or Boost's with WOLFRAMITE_ASIO_BOOST.
#pragma once

#include <system_error>

#ifdef WOLFRAMITE_ASIO_BOOST
#include <boost/asio/version.hpp>
#if BOOST_ASIO_VERSION < 102600
#error "Boost 1.81 or newer is needed"
#endif
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>
#if __has_include(<boost/asio/associated_immediate_executor.hpp>)
#include <boost/asio/associated_immediate_executor.hpp>
#define WOLFRAMITE_ASIO_IMMEDIATE 1
#endif
#else
#include <asio/version.hpp>
#if ASIO_VERSION < 102200
#error "Asio 1.22 or newer is needed"
#endif
#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/defer.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/execution_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/steady_timer.hpp>
#if __has_include(<asio/associated_immediate_executor.hpp>)
#include <asio/associated_immediate_executor.hpp>
#define WOLFRAMITE_ASIO_IMMEDIATE 1
#endif
#endif

#pragma GCC visibility push(default)
namespace wolframite::asio {

#ifdef WOLFRAMITE_ASIO_BOOST
namespace net = ::boost::asio;

/// What completion signatures have: that of the Asio below, so that tokens treat it as an error.
using error_code = ::boost::system::error_code;
/// What tokens throw where a completion has an error.
using system_error = ::boost::system::system_error;

namespace detail {

/// The error as Boost's users compare it. A conversion gives Boost's own categories back by itself,
/// but not for those of the standard that mean the same.
[[nodiscard]] inline error_code as_given(const std::error_code& error) {
  if (error.category() == std::system_category()) {
    return {error.value(), ::boost::system::system_category()};
  }
  if (error.category() == std::generic_category()) {
    return {error.value(), ::boost::system::generic_category()};
  }
  return error;
}

}  // namespace detail
#else
namespace net = ::asio;

/// What completion signatures have: that of the Asio below, so that tokens treat it as an error.
using error_code = std::error_code;
/// What tokens throw where a completion has an error.
using system_error = std::system_error;

namespace detail {

/// The error as Asio's users compare it.
[[nodiscard]] inline error_code as_given(const std::error_code& error) { return error; }

}  // namespace detail
#endif

}  // namespace wolframite::asio
#pragma GCC visibility pop
