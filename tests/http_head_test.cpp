// Invariant: HttpHead accepts exactly the heads of the grammar below, and gives the same result,
// error and number of octets taken however the input is cut.
#include "wolframite/http_head.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

using namespace wolframite;
using Start = HttpHead::Start;

namespace {

struct Result {
  Error error = Error::none;
  std::size_t taken = 0;
  bool complete = false;
  std::string text;  // the parts, one a line
  bool operator==(const Result&) const = default;
};

// Feeds `text` in a first piece of `first` octets and further ones of `step`.
Result run(Start start, HttpHead::Limits limits, std::string_view text, std::size_t first,
           std::size_t step) {
  HttpHead head(start, limits);
  Result result;
  bool left_early = false;
  std::size_t size = first;
  while (result.taken < text.size() && !result.complete && result.error == Error::none) {
    const std::string piece(text.substr(result.taken, size));  // its own memory, for ASan
    ConstBytes in = bytes_of(piece);
    result.error = head.receive(in);
    result.taken += piece.size() - in.size();
    result.complete = head.is_complete();
    left_early |= !in.empty() && !result.complete && result.error == Error::none;
    size = step;
  }
  CHECK_FALSE(left_early);
  ConstBytes more = bytes_of("x");
  CHECK((result.error == Error::none || head.receive(more) == result.error));
  if (!result.complete) return result;
  CHECK(more.size() == 1);
  Headers headers;
  if (start == Start::request) {
    Request request = head.take_request();
    result.text = request.method + "\n" + request.target + "\n";
    headers = std::move(request.headers);
  } else {
    Response response = head.take_response();
    result.text = std::to_string(response.status) + "\n" + response.reason + "\n";
    headers = std::move(response.headers);
  }
  for (const Headers::Field& field : headers) {
    result.text.append(field.name).append("=").append(field.value).append("\n");
  }
  return result;
}

// Whole, octet by octet, and cut in two at every point.
Result parse(Start start, std::string_view text, HttpHead::Limits limits = {}) {
  const Result whole = run(start, limits, text, text.size() + 1, 1);
  CHECK(run(start, limits, text, 1, 1) == whole);
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    CHECK(run(start, limits, text, cut, text.size()) == whole);
  }
  return whole;
}

Result request(std::string_view text) { return parse(Start::request, text); }
Result response(std::string_view text) { return parse(Start::response, text); }

Result field(std::string_view line) {
  return request(std::string("GET / HTTP/1.1\r\n").append(line).append("\r\n\r\n"));
}

// The fault shows at the last octet of `text`, and not before.
void check_fault(Start start, std::string_view text, Error error) {
  CAPTURE(text);
  CHECK(parse(start, text) == Result{error, text.size(), false, ""});
  CHECK(parse(start, text.substr(0, text.size() - 1)) ==
        Result{Error::none, text.size() - 1, false, ""});
}

}  // namespace

TEST_CASE("a browser's request") {
  const std::string_view text =
      "GET /chat?room=1 HTTP/1.1\r\n"
      "Host: example.org:8080\r\n"
      "User-Agent:Mozilla/5.0 (X11; Linux x86_64)\r\n"
      "Connection: keep-alive, Upgrade\r\n"
      "Upgrade:\t websocket \t \r\n"
      "X-Empty:\r\n"
      "X-Space: \t \r\n"
      "X-Obs: caf\xC3\xA9 \xFF\r\n"
      "\r\n";
  const Result result = request(std::string(text) + "beyond");
  CHECK(result.error == Error::none);
  CHECK(result.complete);
  CHECK(result.taken == text.size());
  CHECK(result.text ==
        "GET\n/chat?room=1\n"
        "Host=example.org:8080\nUser-Agent=Mozilla/5.0 (X11; Linux x86_64)\n"
        "Connection=keep-alive, Upgrade\nUpgrade=websocket\nX-Empty=\nX-Space=\n"
        "X-Obs=caf\xC3\xA9 \xFF\n");
}

TEST_CASE("responses") {
  CHECK(response("HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n").text ==
        "101\nSwitching Protocols\nA=b\n");
  CHECK(response("HTTP/1.1 200 \r\n\r\n").text == "200\n\n");
  CHECK(response("HTTP/1.1 404\r\n\r\n").text == "404\n\n");
  CHECK(response("HTTP/1.1 599 a\tb  \xFC \r\n\r\n").text == "599\na\tb  \xFC \n");
}

TEST_CASE("requests without headers, and any method") {
  CHECK(request("GET / HTTP/1.1\r\n\r\n").text == "GET\n/\n");
  CHECK(request("M-SEARCH * HTTP/1.1\r\n\r\n").text == "M-SEARCH\n*\n");
}

TEST_CASE("one empty line may come before a request") {
  CHECK(request("\r\nGET / HTTP/1.1\r\n\r\n").text == "GET\n/\n");
  check_fault(Start::request, "\r\n\r", Error::malformed_request_line);
  check_fault(Start::request, "\rG", Error::malformed_request_line);
  check_fault(Start::request, "\n", Error::malformed_request_line);
  check_fault(Start::response, "\r", Error::malformed_status_line);
}

TEST_CASE("request lines") {
  for (const char* line : {" ",
                           "G@",
                           "GET\t",
                           "GET\r",
                           "GET  ",
                           "GET /\r",
                           "GET /\x7F",
                           "GET /\x80",
                           "GET /#",
                           "GET /\t",
                           "GET / \r",
                           "GET /  ",
                           "GET / h",
                           "GET / HTTP/1.1 ",
                           "GET / HTTP/1.1\n",
                           "GET / HTTP/1.1\rX",
                           "GET / HTTP/1.12",
                           "GET / HTTP/x",
                           "GET / HTTP/1,",
                           "GET / HTTP/1.\r",
                           "GET / HTTP/1.x",
                           "GET / HTTPS",
                           "GET / HTTP\r",
                           "\x16"}) {
    check_fault(Start::request, line, Error::malformed_request_line);
  }
  const std::string nul("GET /\0", 6);
  check_fault(Start::request, nul, Error::malformed_request_line);
}

TEST_CASE("status lines") {
  for (const char* line :
       {"X", "ICY", "HTTP/x", "HTTP/1.1x", "HTTP/1.1\r", "HTTP/1.1  ", "HTTP/1.1 0", "HTTP/1.1 2\r",
        "HTTP/1.1 20\r", "HTTP/1.1 2000", "HTTP/1.1 200\n", "HTTP/1.1 200\t", "HTTP/1.1 200 OK\n",
        "HTTP/1.1 200 O\x01", "HTTP/1.1 200 OK\r\r"}) {
    const std::string_view text = line;
    const bool early = text == "ICY";
    check_fault(Start::response, early ? text.substr(0, 1) : text, Error::malformed_status_line);
  }
}

TEST_CASE("other versions are told from malformed ones") {
  for (const char* version : {"HTTP/0", "HTTP/2", "HTTP/3", "HTTP/1.2", "HTTP/1.9"}) {
    check_fault(Start::request, std::string("GET / ") + version, Error::version_not_http_1_1);
    check_fault(Start::response, version, Error::version_not_http_1_1);
  }
}

TEST_CASE("the minor version is that of the message, however it is cut") {
  for (const int minor : {0, 1}) {
    const std::string version = "HTTP/1." + std::to_string(minor);
    for (const Start start : {Start::request, Start::response}) {
      const std::string line =
          start == Start::request ? "GET / " + version + "\r\n\r\n" : version + " 200 \r\n\r\n";
      CHECK(parse(start, line).complete);
      HttpHead head(start, {});
      ConstBytes in = bytes_of(line);
      CHECK(head.receive(in) == Error::none);
      CHECK(head.version_minor() == minor);
    }
  }
}

TEST_CASE("HEAD is known as soon as the method is read, whatever follows") {
  for (const char* text : {"HEAD ", "HEAD / HTTP/2", "HEAD / HTTP/1.1\r\n\r\n"}) {
    HttpHead head(Start::request, {});
    ConstBytes in = bytes_of(text);
    static_cast<void>(head.receive(in));
    CHECK(head.is_head_request());
  }
  for (const char* text : {"HEAD", "HEADER / ", "GET / ", "head / "}) {
    HttpHead head(Start::request, {});
    ConstBytes in = bytes_of(text);
    CHECK(head.receive(in) == Error::none);
    CHECK_FALSE(head.is_head_request());
  }
}

TEST_CASE("SEC-21 every octet in a name") {
  const std::string_view marks = "!#$%&'*+-.^_`|~";
  for (int value = 0; value < 256; ++value) {
    const char octet = static_cast<char>(value);
    const bool alphanumeric = (octet >= '0' && octet <= '9') || (octet >= 'a' && octet <= 'z') ||
                              (octet >= 'A' && octet <= 'Z');
    CAPTURE(value);
    const bool fits = alphanumeric || marks.find(octet) != std::string_view::npos;
    if (octet == ':') continue;
    CHECK((field(std::string("N") + octet + "m: v").error == Error::none) == fits);
    if (octet == '\r') continue;
    CHECK((field(std::string(1, octet) + "m: v").error == Error::none) == fits);
  }
}

TEST_CASE("SEC-21 every octet at every place of a value") {
  for (int value = 0; value < 256; ++value) {
    const char octet = static_cast<char>(value);
    const bool fits = octet == '\t' || (value >= 0x20 && value != 0x7F);
    for (std::size_t at = 0; at < 17; ++at) {
      std::string text(17, 'v');
      text[at] = octet;
      CAPTURE(value);
      CAPTURE(at);
      const std::string whole = "GET / HTTP/1.1\r\nN: " + text + "\r\n\r\n";
      const Result result = run(Start::request, {}, whole, whole.size(), 1);
      CHECK(result.error == (fits ? Error::none : Error::malformed_header));
      CHECK(run(Start::request, {}, whole, 1, 1) == result);
    }
  }
}

TEST_CASE("SEC-21 header lines that servers and proxies read differently are refused") {
  const std::string start = "GET / HTTP/1.1\r\n";
  for (const char* line :
       {":", " ", "\t", "\n", "\rX", "Name\r", "Name ", "Name\t", "Name\n", "Name: a\n",
        "Name: a\rb", "Name: a\r\r", "Name: a\r\n:", "Name: a\r\n\n", "Name: a\r\n\rX", "Na\x80",
        "Name: \x7F", "Name: a\r\nB\r"}) {
    check_fault(Start::request, start + line, Error::malformed_header);
    check_fault(Start::response, std::string("HTTP/1.1 200 OK\r\n") + line,
                Error::malformed_header);
  }
  for (const char* folded : {"Name: a\r\n ", "Name: a\r\n\t", "Name:\r\n "}) {
    check_fault(Start::request, start + folded, Error::malformed_header);
  }
  check_fault(Start::request, start + std::string("N: a\0", 5), Error::malformed_header);
  check_fault(Start::request, start + std::string("N\0", 2), Error::malformed_header);
}

TEST_CASE("a folded line of a response is read as one space (RFC 9112 §5.2)") {
  const auto folded = [](std::string_view fields) {
    const Result result = response(std::string("HTTP/1.1 503 Busy\r\n").append(fields) + "\r\n");
    CHECK(result.complete);
    return result.text;
  };
  CHECK(folded("X: long\r\n  story\r\nY: z\r\n") == "503\nBusy\nX=long story\nY=z\n");
  CHECK(folded("X: long \t\r\n\t story \r\n") == "503\nBusy\nX=long story\n");
  CHECK(folded("X: a\r\n b\r\n c\r\nY: z\r\n d\r\n") == "503\nBusy\nX=a b c\nY=z d\n");
  CHECK(folded("X:\r\n a\r\n") == "503\nBusy\nX=a\n");
  CHECK(folded("X: a\r\n \r\n\t\r\n b\r\n \r\n") == "503\nBusy\nX=a b\n");
  CHECK(folded("X: \r\n \r\nY: z\r\n") == "503\nBusy\nX=\nY=z\n");
  const std::string start = "HTTP/1.1 503 Busy\r\n";
  for (const char* fault : {"X: a\r\n \n", "X: a\r\n b\x01", "X: a\r\n b\r\r"}) {
    check_fault(Start::response, start + fault, Error::malformed_header);
  }
}

TEST_CASE("SEC-20 folded lines count towards the limit of size, and take linear time") {
  const std::string text = "HTTP/1.1 200 \r\nX: a\r\n  b\r\n\r\n";
  for (std::size_t limit = 0; limit <= text.size(); ++limit) {
    const Result result = parse(Start::response, text, {.size = limit});
    CHECK(result.error == (limit < text.size() ? Error::head_too_big : Error::none));
  }
  constexpr std::size_t size = 4 << 20;
  const HttpHead::Limits limits{.size = size, .headers = 1};
  for (const char* repeated : {"\r\n ", "\r\n a", " \r\n\t", "a \t \r\n "}) {
    std::string endless = "HTTP/1.1 200 \r\nX: a";
    while (endless.size() <= size) endless += repeated;
    CAPTURE(repeated);
    const Result expected{Error::head_too_big, size + 1, false, ""};
    CHECK((run(Start::response, limits, endless, 1, 1) == expected));
    CHECK((run(Start::response, limits, endless, endless.size(), 1) == expected));
  }
}

TEST_CASE("SEC-20 a head of the limit's size passes, one octet more does not") {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  const HttpHead::Limits exact{.size = text.size()};
  CHECK(parse(Start::request, text, exact).complete);
  CHECK(parse(Start::request, text + "more", exact) == parse(Start::request, text, exact));
  for (std::size_t limit = 0; limit < text.size(); ++limit) {
    CAPTURE(limit);
    const Result result = parse(Start::request, text, {.size = limit});
    CHECK(result == Result{Error::head_too_big, limit + 1, false, ""});
    CHECK(parse(Start::request, text.substr(0, limit), {.size = limit}).error == Error::none);
  }
}

TEST_CASE("SEC-20 a fault within the limit comes first, one beyond it never") {
  CHECK(parse(Start::request, "GET / HTTP/1.1\r\nA\n", {.size = 18}).error ==
        Error::malformed_header);
  CHECK(parse(Start::request, "GET / HTTP/1.1\r\nA\n", {.size = 17}).error == Error::head_too_big);
}

TEST_CASE("SEC-20 the limit on the number of headers is exact") {
  for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, std::size_t{124}}) {
    std::string text = "GET / HTTP/1.1\r\n";
    for (std::size_t i = 0; i < limit; ++i) text += "A: b\r\n";
    const HttpHead::Limits limits{.headers = limit};
    CHECK(parse(Start::request, text + "\r\n", limits).complete);
    const Result result = run(Start::request, limits, text + "A: b\r\n\r\n", 10000, 1);
    CHECK(result == Result{Error::too_many_headers, text.size() + 1, false, ""});
    CHECK(parse(Start::request, text + "A", limits) == result);
    CHECK(parse(Start::request, text + " ", limits).error == Error::malformed_header);
  }
}

// Big enough that anything worse than linear time would not end within the test's time limit.
TEST_CASE("SEC-20 endless lines, octet by octet, take linear time") {
  constexpr std::size_t size = 4 << 20;
  const HttpHead::Limits limits{.size = size, .headers = size};
  const std::string start = "GET / HTTP/1.1\r\n";
  struct Shape {
    std::string begin, repeated;
  };
  for (const Shape& shape :
       {Shape{"", "G"}, Shape{"GET /", "x"}, Shape{start, "n"}, Shape{start + "N:", " "},
        Shape{start + "N:", "v"}, Shape{start + "N: v", " "}, Shape{start, "A: b\r\n"},
        Shape{start + "N: v", " \tv"}, Shape{start, "A:\r\n"}}) {
    std::string text = shape.begin;
    text.reserve(size + 8);
    while (text.size() <= size) text += shape.repeated;
    CAPTURE(shape.repeated);
    const Result expected{Error::head_too_big, size + 1, false, ""};
    CHECK((run(Start::request, limits, text, 1, 1) == expected));
    CHECK((run(Start::request, limits, text, text.size(), 1) == expected));
    CHECK((run(Start::request, limits, text, 1000, 1448) == expected));
  }
}

namespace {

bool is_tchar(char octet) {
  return (octet >= '0' && octet <= '9') || (octet >= 'a' && octet <= 'z') ||
         (octet >= 'A' && octet <= 'Z') ||
         (octet != 0 && std::string_view("!#$%&'*+-.^_`|~").find(octet) != std::string_view::npos);
}

bool is_all_tchar(std::string_view text) {
  for (const char octet : text) {
    if (!is_tchar(octet)) return false;
  }
  return !text.empty();
}

// A naive reading of the grammar by lines, to compare with: whether `text` is one whole request
// head.
bool is_request_head(std::string_view text) {
  if (text.starts_with("\r\n")) text.remove_prefix(2);
  std::vector<std::string_view> lines;
  for (;;) {
    const std::size_t end = text.find("\r\n");
    if (end == std::string_view::npos) return false;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 2);
    if (end == 0) break;
  }
  if (!text.empty() || lines.front().empty()) return false;
  const std::size_t first = lines[0].find(' ');
  const std::size_t last = lines[0].rfind(' ');
  const std::string_view version = lines[0].substr(last + 1);
  if (first == last || (version != "HTTP/1.1" && version != "HTTP/1.0")) return false;
  const std::string_view target = lines[0].substr(first + 1, last - first - 1);
  if (!is_all_tchar(lines[0].substr(0, first)) || target.empty()) return false;
  for (const char octet : target) {
    if (octet < 0x21 || octet > 0x7E || octet == '#') return false;
  }
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(':');
    if (colon == std::string_view::npos || !is_all_tchar(lines[i].substr(0, colon))) return false;
    for (const char octet : lines[i].substr(colon + 1)) {
      const auto value = static_cast<unsigned char>(octet);
      if ((value < 0x20 && value != '\t') || value == 0x7F) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("SEC-32 mutated heads are read as the grammar says, however cut") {
  const std::string_view seed =
      "GET /a?b HTTP/1.1\r\nHost: example.org\r\nUpgrade: \twebsocket \r\nX:\r\n\r\n";
  const std::string_view spice("\r\n :\t\0#\x7F\x80/GH1.", 15);
  std::uint32_t state = 1;
  const auto random = [&state](std::size_t below) {
    state = state * 1664525 + 1013904223;
    return static_cast<std::size_t>(state >> 8) % below;
  };
  std::size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text(seed);
    for (std::size_t edits = random(3); edits-- > 0;) {
      const std::size_t at = random(text.size());
      const char octet = spice[random(spice.size())];
      switch (random(3)) {
        case 0:
          text[at] = octet;
          break;
        case 1:
          text.insert(at, 1, octet);
          break;
        default:
          text.erase(at, 1);
          break;
      }
    }
    CAPTURE(text);
    const Result whole = run(Start::request, {}, text, text.size(), 1);
    CHECK(run(Start::request, {}, text, 1, 1) == whole);
    CHECK(run(Start::request, {}, text, 1 + random(text.size()), 1 + random(9)) == whole);
    CHECK((whole.complete && whole.taken == text.size()) == is_request_head(text));
    accepted += whole.complete;
  }
  CHECK(accepted > 5000);
  CHECK(accepted < 19000);
}
