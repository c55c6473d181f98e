#pragma once

#include <functional>
#include <memory>
#include <variant>

#include "wolframite/accept.hpp"
#include "wolframite/asio/options.hpp"

namespace wolframite::asio::detail {

/// What is there only until the opening handshake is done.
struct Opening {
  OnRequest on_request;
  OnRequestAsync on_request_async;
  bool asked = false;     // the application has seen the request
  bool answered = false;  // and its answer went out
};

}  // namespace wolframite::asio::detail
