// Invariant: a list of headers gives back what was put in, in order, and names and tokens compare
// without case.
#include "wolframite/headers.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "http_text.hpp"

using namespace wolframite;

TEST_CASE("fields come back in order") {
  Headers headers = {{"Host", "example.org"}, {"Origin", "null"}};
  headers.append("X-Empty", "");
  CHECK(headers.size() == 3);
  CHECK_FALSE(headers.empty());
  CHECK(Headers().empty());
  std::vector<std::pair<std::string, std::string>> seen;
  for (const Headers::Field& field : headers) seen.emplace_back(field.name, field.value);
  CHECK(seen == std::vector<std::pair<std::string, std::string>>{
                    {"Host", "example.org"}, {"Origin", "null"}, {"X-Empty", ""}});
  auto at = headers.begin();
  CHECK((*at++).name == "Host");
  CHECK((*at).name == "Origin");
  CHECK(headers[1].name == "Origin");
  CHECK(headers[1].value == "null");
}

TEST_CASE("find and count ignore case, and find gives the first") {
  const Headers headers = {{"Cookie", "a=1"}, {"Host", "h"}, {"COOKIE", "b=2"}};
  CHECK(headers.find("cookie") == "a=1");
  CHECK(headers.count("cOOKIe") == 2);
  CHECK(headers.count("Cooki") == 0);
  CHECK_FALSE(headers.find("Cookies").has_value());
  CHECK(headers.find("HOST") == "h");
}

TEST_CASE("a parsed list can be appended to, copied and moved") {
  Headers headers =
      test::parsed_request("GET / HTTP/1.1\r\nHost: h\r\nAccept:\t text \t\r\n\r\n").headers;
  headers.append("X", "y");
  const Headers copy = headers;
  const Headers moved = std::move(headers);
  for (const Headers* list : {&copy, &moved}) {
    CHECK(list->find("Host") == "h");
    CHECK(list->find("Accept") == "text");
    CHECK(list->find("X") == "y");
    CHECK(list->size() == 3);
  }
}

TEST_CASE("tokens are found in any line of a list, without case") {
  const Headers headers = {{"Connection", "keep-alive"},
                           {"connection", " , ,\t Foo ,UPGRADE"},
                           {"Upgrade", "h2c, websocket2, web socket"}};
  CHECK(headers.has_token("Connection", "upgrade"));
  CHECK(headers.has_token("Connection", "foo"));
  CHECK(headers.has_token("Connection", "Keep-Alive"));
  CHECK_FALSE(headers.has_token("Connection", "keep"));
  CHECK_FALSE(headers.has_token("Connection", ""));
  CHECK_FALSE(headers.has_token("Upgrade", "websocket"));
  CHECK_FALSE(headers.has_token("Other", "upgrade"));
}

TEST_CASE("case is ignored for letters only") {
  CHECK(equals_ignoring_case("AbZz-", "aBzZ-"));
  CHECK_FALSE(equals_ignoring_case("@", "`"));
  CHECK_FALSE(equals_ignoring_case("[", "{"));
  CHECK_FALSE(equals_ignoring_case("\xC4", "\xE4"));
  CHECK_FALSE(equals_ignoring_case("a", "ab"));
}

TEST_CASE("tokens are of tchar only") {
  const std::string tchar = "!#$%&'*+-.^_`|~";
  for (int value = 0; value < 256; ++value) {
    const char octet = static_cast<char>(value);
    const bool alphanumeric = (octet >= '0' && octet <= '9') || (octet >= 'a' && octet <= 'z') ||
                              (octet >= 'A' && octet <= 'Z');
    const bool expected = alphanumeric || (octet != 0 && tchar.find(octet) != std::string::npos);
    CAPTURE(value);
    CHECK(is_token(std::string(1, octet)) == expected);
    CHECK(is_token(std::string("a") + octet) == expected);
  }
  CHECK_FALSE(is_token(""));
}

TEST_CASE("SEC-22 a header value has no control character at any position") {
  for (int value = 0; value < 256; ++value) {
    const char octet = static_cast<char>(value);
    const bool control = (value < 0x20 && octet != '\t') || value == 0x7F;
    for (std::size_t at = 1; at <= 19; ++at) {
      std::string text(21, 'v');
      text[at] = octet;
      CAPTURE(value);
      CAPTURE(at);
      CHECK(is_valid_header("Name", text) != control);
    }
  }
}

TEST_CASE("a header value has no space at either end, and its name is a token") {
  CHECK(is_valid_header("Name", ""));
  CHECK(is_valid_header("Name", "a b\tc"));
  CHECK_FALSE(is_valid_header("Name", " a"));
  CHECK_FALSE(is_valid_header("Name", "a\t"));
  CHECK_FALSE(is_valid_header("Name", " "));
  CHECK_FALSE(is_valid_header("", "a"));
  CHECK_FALSE(is_valid_header("Na me", "a"));
  CHECK_FALSE(is_valid_header("Name:", "a"));
}
