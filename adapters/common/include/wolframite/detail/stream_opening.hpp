/// @file
/// The rules of how a server answers. For the source that instantiates them.
#pragma once

#include <utility>
#include <variant>

#include "wolframite/stream_rules.hpp"

namespace wolframite {
namespace detail {

// What a plain HTTP request gets from an application that would have agreed to an upgrade.
inline Response upgrade_required() {
  Response response;
  response.status = 426;
  response.headers.append("Sec-WebSocket-Version", "13");
  response.headers.append("Content-Type", "text/plain");
  response.body = "This is a WebSocket service.\n";
  return response;
}

}  // namespace detail

template <class Host, class Pending>
std::error_code StreamRules<Host, Pending>::answer(const std::variant<Accept, Response>& with) {
  if (ended_) return transition_->closed.why;
  const bool is_upgrade = request().is_upgrade();
  std::error_code error;
  if (const auto* const response = std::get_if<Response>(&with)) {
    error = refuse(*response);
  } else if (!is_upgrade) {
    error = refuse(detail::upgrade_required());
  } else {
    error = accept(std::get<Accept>(with));
    if (!error) return {};
  }
  // Tells the client that its request could not be answered as the application wanted.
  if (error && !ended_) static_cast<void>(refuse(Response{500, {}, {}, {}}));
  if (error) return error;
  return is_upgrade ? Error::refused : Error::plain_http;
}

template <class Host, class Pending>
std::error_code StreamRules<Host, Pending>::accept(const Accept& with) {
  if (const std::error_code error = session_.connection().accept(with)) return error;
  drop_view();
  receive_first_ = true;  // to be told that it is open
  self().attend();
  return {};
}

template <class Host, class Pending>
std::error_code StreamRules<Host, Pending>::refuse(const Response& response) {
  if (const std::error_code error = session_.connection().refuse(response)) return error;
  drop_view();
  handshaking_ = false;
  self().attend();
  return {};
}

}  // namespace wolframite
