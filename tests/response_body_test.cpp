// Invariant: a body is the same however the input is cut, never above its limit, and always comes
// to an end.
#include "response_body.hpp"

#include <doctest/doctest.h>

#include <string>

#include "http_text.hpp"

using namespace wolframite;
using detail::ResponseBody;

namespace {

struct Result {
  std::string body;
  std::size_t taken = 0;
  bool complete = false;
  bool operator==(const Result&) const = default;
};

Response response(std::string_view headers, int status = 404) {
  Response response = test::parsed_response(
      std::string("HTTP/1.1 404 Not Found\r\n").append(headers).append("\r\n"));
  response.status = status;
  return response;
}

Result run(const Response& head, std::size_t limit, std::string_view text, std::size_t first,
           std::size_t step) {
  ResponseBody body(head, limit);
  Result result;
  result.complete = body.is_complete();
  std::size_t size = first;
  while (result.taken < text.size() && !result.complete) {
    const std::string_view piece = text.substr(result.taken, size);
    ConstBytes in = bytes_of(piece);
    result.complete = body.receive(in);
    CHECK(body.is_complete() == result.complete);
    result.taken += piece.size() - in.size();
    CHECK((in.empty() || result.complete));
    size = step;
  }
  result.body = body.take();
  CHECK(result.body.size() <= limit);
  return result;
}

// Whole, octet by octet, and cut in two at every point.
Result receive(std::string_view headers, std::size_t limit, std::string_view text,
               int status = 404) {
  const Response head = response(headers, status);
  const Result whole = run(head, limit, text, text.size() + 1, 1);
  CHECK(run(head, limit, text, 1, 1) == whole);
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    CHECK(run(head, limit, text, cut, text.size()) == whole);
  }
  return whole;
}

}  // namespace

TEST_CASE("a body of known length") {
  CHECK(receive("Content-Length: 5\r\n", 100, "hello, and more") == Result{"hello", 5, true});
  CHECK(receive("Content-Length: 5\r\n", 100, "hell") == Result{"hell", 4, false});
  CHECK(receive("Content-Length: 0\r\n", 100, "x") == Result{"", 0, true});
}

TEST_CASE("a body up to the end of the stream") {
  CHECK(receive("", 100, "all of it") == Result{"all of it", 9, false});
  ResponseBody body(response(""), 100);
  ConstBytes in = bytes_of("part");
  CHECK_FALSE(body.receive(in));
  CHECK_FALSE(body.is_complete());
  CHECK(body.take() == "part");
}

TEST_CASE("a body in chunks") {
  constexpr std::string_view chunked = "Transfer-Encoding: chunked\r\n";
  const std::string text = "5\r\nhello\r\n00A;ext=\"1\"\r\n, wide wor\r\n2 \r\nld\r\n0\r\n\r\n";
  const Result result = receive(chunked, 100, text);
  CHECK(result.body == "hello, wide world");
  CHECK(result.complete);
  CHECK(receive("Transfer-Encoding: gzip, Chunked\r\nContent-Length: 3\r\n", 100, text).body ==
        "hello, wide world");
  CHECK(receive("Transfer-Encoding: gzip\r\n", 100, "abc") == Result{"abc", 3, false});
}

TEST_CASE("each chunk's line has a limit of its own") {
  std::string text;
  std::string body;
  for (int i = 0; i < 300; ++i) {
    text += "1\r\nx\r\n";
    body += "x";
  }
  const Result result = receive("Transfer-Encoding: chunked\r\n", 1000, text + "0\r\n");
  CHECK(result.body == body);
  CHECK(result.complete);
}

TEST_CASE("broken chunks end the body where they show") {
  constexpr std::string_view chunked = "Transfer-Encoding: chunked\r\n";
  for (const char* rest : {"\r\n", "x", ";\r\n", "-1\r\n", "3\n", "3\rx", "0x3\r\n", "3;a\nabc",
                           "1000000000000000\r\n", "3\r\nabcd", "3\r\nabc\rx", "3\r\nabc\n"}) {
    CAPTURE(rest);
    const Result result = receive(chunked, 100, std::string("2\r\nok\r\n") + rest);
    CHECK(result.complete);
    CHECK((result.body == "ok" || result.body == "okabc"));
  }
  CHECK_FALSE(receive(chunked, 100, "3;" + std::string(254, 'e')).complete);
  CHECK(receive(chunked, 100, "3;" + std::string(255, 'e')).complete);
}

TEST_CASE("lengths that cannot be trusted give no body") {
  for (const char* headers :
       {"Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 3, 3\r\n",
        "Content-Length: -3\r\n", "Content-Length: 3x\r\n", "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n"}) {
    CAPTURE(headers);
    CHECK(receive(headers, 100, "abc") == Result{"", 0, true});
  }
}

TEST_CASE("statuses without a body") {
  for (const int status : {101, 204, 304}) {
    CHECK(receive("Content-Length: 3\r\n", 100, "abc", status) == Result{"", 0, true});
  }
}

TEST_CASE("SEC-24 an endless body is cut at the limit") {
  const std::string endless(1000, 'x');
  const std::string limit_sized(64, 'x');
  CHECK(receive("", 64, endless) == Result{limit_sized, 64, true});
  CHECK(receive("Content-Length: 999999999999999999\r\n", 64, endless) ==
        Result{limit_sized, 64, true});
  CHECK(receive("Transfer-Encoding: chunked\r\n", 64, "fffffffffffffff\r\n" + endless).body ==
        limit_sized);
  CHECK(receive("Content-Length: 64\r\n", 64, endless) == Result{limit_sized, 64, true});
  CHECK(receive("Content-Length: 63\r\n", 64, endless) == Result{limit_sized.substr(1), 63, true});
  CHECK(receive("Content-Length: 65\r\n", 64, endless) == Result{limit_sized, 64, true});
  CHECK(receive("", 64, endless.substr(0, 63)) == Result{limit_sized.substr(1), 63, false});
  CHECK(receive("", 0, endless) == Result{"", 0, true});
}
