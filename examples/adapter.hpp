// The loop that --adapter names, as the examples share it.
#pragma once

#include <memory>
#include <string>
#include <system_error>

#include <wolframite/epoll.hpp>
#ifdef EXAMPLES_WITH_URING
#include <wolframite/uring.hpp>
#endif

#include "arguments.hpp"

/// Makes the loop; everything else is the same whichever it is. Ends the program if there is none.
inline std::unique_ptr<wolframite::Loop> make_loop(const Arguments& arguments) {
  const std::string adapter = arguments.value("adapter", "epoll");
  try {
    if (adapter == "epoll") return std::make_unique<wolframite::epoll::Loop>();
#ifdef EXAMPLES_WITH_URING
    if (adapter == "uring") return std::make_unique<wolframite::uring::Loop>();
#endif
  } catch (const std::system_error& error) {
    arguments.fail(error.what());
  }
  arguments.fail("--adapter " + adapter + " is not part of this version");
}
