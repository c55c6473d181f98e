// Heads of HTTP messages from text, for tests that need one as parsed.
#pragma once

#include <doctest/doctest.h>

#include <string_view>

#include "wolframite/http_head.hpp"

namespace wolframite::test {

inline HttpHead parsed_head(HttpHead::Start start, std::string_view text) {
  HttpHead head(start, {.size = 64 << 20, .headers = 1 << 20});
  ConstBytes in = bytes_of(text);
  REQUIRE(head.receive(in) == Error::none);
  REQUIRE(head.is_complete());
  REQUIRE(in.empty());
  return head;
}

inline Request parsed_request(std::string_view text) {
  return parsed_head(HttpHead::Start::request, text).take_request();
}

inline Response parsed_response(std::string_view text) {
  return parsed_head(HttpHead::Start::response, text).take_response();
}

}  // namespace wolframite::test
