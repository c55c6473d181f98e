// Invariant: a request that breaks a rule of RFC 6455 §4.2.1 is refused for that rule, and what the
// server writes is one well-formed response.
#include "handshake.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "http_text.hpp"
#include "wolframite/accept_key.hpp"

using namespace wolframite;
using namespace wolframite::detail;

namespace {

constexpr std::string_view key = "AAECAwQFBgcICQoLDA0ODw==";

// An upgrade request, without the line that begins with `without`, and with `more` lines.
std::string request_text(std::string_view without = "\n", std::string_view more = "") {
  std::string text = "GET /chat HTTP/1.1\r\n";
  for (const char* line :
       {"Host: example.org\r\n", "Upgrade: websocket\r\n", "Connection: Upgrade\r\n",
        "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n", "Sec-WebSocket-Version: 13\r\n"}) {
    if (!std::string_view(line).starts_with(without)) text += line;
  }
  return text.append(more).append("\r\n");
}

Request upgrade(std::string_view more = "", std::string_view without = "\n") {
  return test::parsed_request(request_text(without, more));
}

Error check(std::string_view more, std::string_view without = "\n") {
  return check_request(upgrade(more, without));
}

Error check_target(std::string_view target) {
  return check_request(
      {.method = "GET", .target = std::string(target), .headers = {{"Host", "h"}}});
}

std::string repeated(std::string_view piece, std::size_t size) {
  std::string text;
  while (text.size() < size) text.append(piece);
  return text;
}

// The response, and that it is one: head, then as much body as Content-Length says.
Response reread(std::string_view text) {
  HttpHead head(HttpHead::Start::response, {});
  ConstBytes in = bytes_of(text);
  REQUIRE(head.receive(in) == Error::none);
  REQUIRE(head.is_complete());
  Response response = head.take_response();
  response.body = text_of(in);
  CHECK(std::to_string(response.body.size()) ==
        response.headers.find("Content-Length").value_or("0"));
  return response;
}

}  // namespace

TEST_CASE("a minimal upgrade request passes") {
  const Request request = upgrade();
  CHECK(check_request(request) == Error::none);
  CHECK(request.is_upgrade());
  CHECK(request.subprotocols().empty());
}

TEST_CASE("tokens are found in lists, over lines, without case") {
  CHECK(check("UPGRADE: h2c , WebSocket\r\n", "Upgrade") == Error::none);
  CHECK(check("Upgrade: h2c\r\nUpgrade: websocket\r\n", "Upgrade") == Error::none);
  CHECK(check("Connection: keep-alive\r\nconnection: ,UPGRADE\r\n", "Connection") == Error::none);
}

TEST_CASE("any method without a body passes as plain HTTP, but CONNECT") {
  for (const char* method : {"HEAD", "OPTIONS", "POST", "DELETE", "get", "PURGE"}) {
    for (const char* more : {"", "Content-Length: 0\r\n", "Upgrade: h2c\r\n"}) {
      CAPTURE(method);
      const Request request = test::parsed_request(
          std::string(method).append(" / HTTP/1.1\r\nHost: h\r\n").append(more).append("\r\n"));
      CHECK(check_request(request) == Error::none);
      CHECK_FALSE(request.is_upgrade());
    }
  }
  for (const char* target : {"h:80", "/", "*"}) {
    CHECK(check_request({.method = "CONNECT", .target = target, .headers = {{"Host", "h"}}}) ==
          Error::method_not_get);
  }
}

TEST_CASE("HTTP/1.0 is plain HTTP, and needs no Host (RFC 9110 §7.8, RFC 9112 §3.2)") {
  Request request = test::parsed_request("OPTIONS / HTTP/1.0\r\n\r\n");
  CHECK(request.version_minor == 0);
  CHECK(check_request(request) == Error::none);
  for (const char* method : {"GET", "POST"}) {
    request = upgrade();
    request.method = method;
    request.version_minor = 0;
    CHECK(check_request(request) == Error::none);
    CHECK_FALSE(request.is_upgrade());
  }
  CHECK(test::parsed_request("GET / HTTP/1.1\r\n\r\n").version_minor == 1);
}

TEST_CASE("SEC-21 HTTP/1.0 is read as strictly") {
  const auto check_lines = [](std::string_view lines) {
    return check_request(
        test::parsed_request(std::string("GET / HTTP/1.0\r\n").append(lines).append("\r\n")));
  };
  CHECK(check_lines("Host: a\r\nHost: a\r\n") == Error::duplicate_header);
  CHECK(check_lines("Host: a b\r\n") == Error::malformed_header);
  CHECK(check_lines("Content-Length: 1\r\n") == Error::unexpected_body);
  CHECK(check_lines("Transfer-Encoding: chunked\r\n") == Error::unexpected_body);
}

TEST_CASE("a plain GET passes, and is no upgrade") {
  for (const char* headers : {"", "Upgrade: h2c\r\nConnection: upgrade\r\n",
                              "Connection: keep-alive\r\n", "Sec-WebSocket-Version: 13\r\n"}) {
    const Request request = test::parsed_request(
        std::string("GET /health HTTP/1.1\r\nHost: h\r\n").append(headers).append("\r\n"));
    CAPTURE(headers);
    CHECK(check_request(request) == Error::none);
    CHECK_FALSE(request.is_upgrade());
  }
}

TEST_CASE("only GET asks for an upgrade") {
  for (const char* method : {"POST", "HEAD", "get", "CONNECT", "GETT"}) {
    Request request = upgrade();
    request.method = method;
    CHECK(check_request(request) == Error::method_not_get);
  }
}

TEST_CASE("targets are in origin-form or absolute-form") {
  for (const char* target : {"/", "/a?b", "//", "http://h", "https://h/", "ws://h/x", "WSS://h:1/x",
                             "/a|b[c]\"<>{}^`"}) {
    CAPTURE(target);
    CHECK(check_target(target) == Error::none);
  }
  for (const char* target : {"", "*", "h:80", "ftp://h/", "http:/h", "http://", "ws:///x", "a/b",
                             "/a b", "/#", "/\x80", "?a"}) {
    CAPTURE(target);
    CHECK(check_target(target) == Error::malformed_request_line);
  }
  CHECK(check_request({.method = "OPTIONS", .target = "*", .headers = {{"Host", "h"}}}) ==
        Error::none);
}

TEST_CASE("Host") {
  CHECK(check("", "Host") == Error::missing_host);
  for (const char* host : {"", "h", "example.org:8080", "127.0.0.1:1", "[::1]", "[::1]:80", "a_b",
                           "h:", "a%2Db", "%c3%A4:80", "%41"}) {
    CAPTURE(host);
    CHECK(check(std::string("Host: ").append(host).append("\r\n"), "Host") == Error::none);
  }
  for (const char* host :
       {"a b", "a,b", "user@h", "h:80:80", "h:x", "h/x", "[::1", "[::1]x", "::1", "a\xC3\xA4",
        "http://h", "[]@", "\"h\"", "a%", "a%2", "a%2g", "%%41", "[::1%25eth0]"}) {
    CAPTURE(host);
    const Error error = check(std::string("Host: ").append(host).append("\r\n"), "Host");
    // A comma is a sub-delim of RFC 3986, so it may stand in a name.
    CHECK(error == (std::string_view(host) == "a,b" ? Error::none : Error::malformed_header));
  }
}

TEST_CASE("SEC-21 duplicates of Host, Sec-WebSocket-Key and Sec-WebSocket-Version are refused") {
  CHECK(check("Host: example.org\r\n") == Error::duplicate_header);
  CHECK(check("host: other\r\n") == Error::duplicate_header);
  CHECK(check("Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n") == Error::duplicate_header);
  CHECK(check("sec-websocket-version: 13\r\n") == Error::duplicate_header);
}

TEST_CASE("SEC-21 a request with a body is refused") {
  CHECK(check("Content-Length: 0\r\n") == Error::none);
  for (const char* more :
       {"Content-Length: 1\r\n", "Content-Length: 00\r\n", "Content-Length: +0\r\n",
        "Content-Length:\r\n", "Content-Length: 0, 0\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n", "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n", "transfer-encoding:\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"}) {
    CAPTURE(more);
    CHECK(check(more) == Error::unexpected_body);
    const std::string plain = std::string("GET / HTTP/1.1\r\nHost: h\r\n").append(more) + "\r\n";
    CHECK(check_request(test::parsed_request(plain)) == Error::unexpected_body);
  }
}

TEST_CASE("each missing part of an upgrade has its own error") {
  CHECK(check("", "Upgrade") == Error::missing_upgrade);
  CHECK(check("Upgrade: websockets\r\n", "Upgrade") == Error::missing_upgrade);
  CHECK(check("", "Connection") == Error::missing_connection_upgrade);
  CHECK(check("Connection: keep-alive\r\n", "Connection") == Error::missing_connection_upgrade);
  CHECK(check("", "Sec-WebSocket-Version") == Error::missing_version);
  CHECK(check("", "Sec-WebSocket-Key") == Error::missing_key);
}

TEST_CASE("only version 13") {
  for (const char* version : {"8", "0", "14", "013", "13, 8", "13x", "", "1 3"}) {
    CAPTURE(version);
    CHECK(check(std::string("Sec-WebSocket-Version: ").append(version).append("\r\n"),
                "Sec-WebSocket-Version") == Error::unsupported_version);
  }
}

TEST_CASE("a key is the base64 of 16 octets") {
  for (const char* bad : {"", "AAECAwQFBgcICQoLDA0ODw=", "AAECAwQFBgcICQoLDA0ODw",
                          "AAECAwQFBgcICQoLDA0ODxAR", "AAECAwQFBgcICQoLDA0O*w==",
                          "AAECAwQFBgcICQoLDA0ODx==", "AAECAwQFBgcICQoLDA0ODw===", "AAECAw=="}) {
    CAPTURE(bad);
    CHECK(check(std::string("Sec-WebSocket-Key: ").append(bad).append("\r\n"),
                "Sec-WebSocket-Key") == Error::invalid_key);
  }
}

TEST_CASE("subprotocols are unique tokens over all lines") {
  const Request request =
      upgrade("Sec-WebSocket-Protocol: chat, super.chat\r\nsec-websocket-protocol: ,Chat ,\r\n");
  CHECK(check_request(request) == Error::none);
  CHECK(request.subprotocols() == std::vector<std::string_view>{"chat", "super.chat", "Chat"});
  CHECK(request.offers_subprotocol("Chat"));
  CHECK(request.offers_subprotocol("chat"));
  CHECK_FALSE(request.offers_subprotocol("CHAT"));
  CHECK_FALSE(request.offers_subprotocol(""));
  CHECK_FALSE(request.offers_subprotocol("chat, super.chat"));
  for (const char* lines :
       {"Sec-WebSocket-Protocol:\r\n", "Sec-WebSocket-Protocol: ,\r\n",
        "Sec-WebSocket-Protocol: a b\r\n", "Sec-WebSocket-Protocol: a;b\r\n",
        "Sec-WebSocket-Protocol: \"a\"\r\n", "Sec-WebSocket-Protocol: a, b, a\r\n",
        "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n"}) {
    CAPTURE(lines);
    CHECK(check(lines) == Error::malformed_subprotocols);
  }
}

TEST_CASE("SEC-14 extension lists that break their grammar are refused, unknown ones are not") {
  for (const char* list :
       {"permessage-deflate", "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=7", "x; a=\"b\", permessage-deflate",
        "permessage-deflate; server_max_window_bits=1000; server_max_window_bits=-1"}) {
    CAPTURE(list);
    CHECK(check(std::string("Sec-WebSocket-Extensions: ").append(list).append("\r\n")) ==
          Error::none);
  }
  for (const char* list : {"", ",", "permessage-deflate;",
                           "permessage-deflate; server_max_window_bits=", "permessage-deflate; =15",
                           "a b", "a; b=\"c", "a; b=\"\"", "a; b=c d", "a; b=\"c d\""}) {
    CAPTURE(list);
    CHECK(check(std::string("Sec-WebSocket-Extensions: ").append(list).append("\r\n")) ==
          Error::malformed_extensions);
  }
  CHECK(check("Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions:\r\n") == Error::none);
  CHECK(check("Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b;\r\n") ==
        Error::malformed_extensions);
}

// Big enough that anything worse than near-linear time would not end within the test's time limit.
TEST_CASE("SEC-23 hostile lists are checked in linear time") {
  constexpr std::size_t size = 2 << 20;
  for (const char* name : {"Connection", "Upgrade", "Sec-WebSocket-Protocol",
                           "Sec-WebSocket-Extensions", "Sec-WebSocket-Key", "Host"}) {
    for (const char* piece : {",", " ", "a,", "a;", "a ,", "a;b=\"\\", ";b=\"c\"", "\"", "\\"}) {
      CAPTURE(name);
      CAPTURE(piece);
      const std::string line = std::string(name) + ": a" + repeated(piece, size) + "\r\n";
      CHECK(check(line) != Error::missing_key);
    }
  }
  std::string names;
  for (int i = 0; i < 200000; ++i) names.append("name").append(std::to_string(i)).append(",");
  CHECK(check("Sec-WebSocket-Protocol: " + names + "\r\n") == Error::none);
  CHECK(check("Sec-WebSocket-Protocol: " + names + "name0\r\n") == Error::malformed_subprotocols);
}

TEST_CASE("the response that opens") {
  const Request request = upgrade("Sec-WebSocket-Protocol: a, b\r\n");
  const Accept accept{.subprotocol = "b",
                      .headers = {{"Set-Cookie", "x=1"}, {"Set-Cookie", "y=2"}}};
  REQUIRE(check_accept(request, accept) == Error::none);
  std::string out = "before";
  CHECK(write_accept(out, request, accept, "permessage-deflate") == Error::none);
  CHECK(out ==
        "beforeHTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
            derive_accept_key(key) +
            "\r\n"
            "Sec-WebSocket-Protocol: b\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n"
            "Set-Cookie: x=1\r\nSet-Cookie: y=2\r\n\r\n");
  out.clear();
  CHECK(write_accept(out, request, {}) == Error::none);
  CHECK(out ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
            derive_accept_key(key) + "\r\n\r\n");
}

TEST_CASE("SEC-22 what cannot be put into the response is refused") {
  const Request request = upgrade("Sec-WebSocket-Protocol: a, b\r\n");
  CHECK(check_accept(request, {.subprotocol = "c"}) == Error::subprotocol_not_requested);
  CHECK(check_accept(request, {.subprotocol = "A"}) == Error::subprotocol_not_requested);
  CHECK(check_accept(request, {.subprotocol = "a\r\nX: y"}) == Error::subprotocol_not_requested);
  CHECK(check_accept(upgrade(), {.subprotocol = "a"}) == Error::subprotocol_not_requested);
  for (const char* name : {"Upgrade", "connection", "Content-Length", "Transfer-Encoding",
                           "Sec-WebSocket-Accept", "sec-websocket-extensions"}) {
    CAPTURE(name);
    CHECK(check_accept(request, {.headers = {{name, "x"}}}) == Error::reserved_header);
  }
  for (const char octet : {'\r', '\n', '\0'}) {
    const std::string text = std::string("a") + octet + "b";
    CHECK(check_accept(request, {.headers = {{"X", text}}}) == Error::invalid_header);
    CHECK(check_accept(request, {.headers = {{text, "x"}}}) == Error::invalid_header);
    CHECK(check_refusal({.headers = {{"X", text}}}) == Error::invalid_header);
    CHECK(check_refusal({.headers = {{text, "x"}}}) == Error::invalid_header);
    CHECK(check_refusal({.reason = text}) == Error::invalid_header);
  }
  const Request plain = test::parsed_request("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(check_accept(plain, {}) == Error::not_an_upgrade);
}

TEST_CASE("what a refusal may say") {
  for (const int status : {-1, 0, 99, 101, 199, 600, 1000}) {
    CHECK(check_refusal({.status = status}) == Error::invalid_status);
  }
  for (const int status : {200, 404, 599}) CHECK(check_refusal({.status = status}) == Error::none);
  for (const char* name : {"content-length", "Transfer-Encoding", "CONNECTION", "Upgrade"}) {
    CAPTURE(name);
    CHECK(check_refusal({.headers = {{name, "x"}}}) == Error::reserved_header);
  }
  CHECK(check_refusal({.status = 401, .headers = {{"WWW-Authenticate", "Basic"}}}) == Error::none);
  CHECK(check_refusal({.status = 426, .headers = {{"Sec-WebSocket-Version", "13"}}}) ==
        Error::none);
}

TEST_CASE("a refusal is a complete response") {
  std::string out;
  write_refusal(out,
                {.status = 200, .headers = {{"Content-Type", "text/plain"}}, .body = "fine\n"});
  CHECK(out ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        "Content-Length: 5\r\n\r\nfine\n");
  out.clear();
  write_refusal(out, {.status = 404, .reason = "Nothing Here"});
  CHECK(out == "HTTP/1.1 404 Nothing Here\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  out.clear();
  write_refusal(out, {.status = 599});
  CHECK(out == "HTTP/1.1 599 Unknown\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("the answer to HEAD has the length of the body that it leaves out (RFC 9110 §9.3.2)") {
  for (const int status : {200, 204, 304, 404, 426}) {
    const Response response{.status = status, .body = "fine\n"};
    std::string whole;
    std::string head;
    write_refusal(whole, response);
    write_refusal(head, response, true);
    CHECK(head == whole.substr(0, whole.find("\r\n\r\n") + 4));
  }
}

TEST_CASE("statuses that have no body are sent without one") {
  for (const int status : {204, 205, 304}) {
    std::string out;
    write_refusal(out, {.status = status, .body = "dropped"});
    const Response response = reread(out);
    CHECK(response.body.empty());
    CHECK(response.headers.count("Content-Length") == (status == 205 ? 1U : 0U));
  }
}

TEST_CASE(
    "SEC-21 each fault of a request is answered with a complete response that says what is wrong") {
  for (int value = 1; value <= static_cast<int>(Error::invalid_config); ++value) {
    const Error error = static_cast<Error>(value);
    const Response response = response_for(error);
    CAPTURE(describe(error));
    CHECK(response.status == http_status_for(error));
    REQUIRE(check_refusal(response) == Error::none);
    std::string out;
    write_refusal(out, response);
    const Response sent = reread(out);
    CHECK(sent.status == http_status_for(error));
    CHECK(sent.reason == reason_phrase(sent.status));
    CHECK(sent.body == std::string(describe(error)) + "\n");
    CHECK(sent.headers.has_token("Connection", "close"));
    CHECK(sent.headers.find("Content-Type") == "text/plain; charset=utf-8");
  }
}

TEST_CASE("426 and 405 say what would be right") {
  std::string out;
  write_refusal(out, response_for(Error::unsupported_version));
  const Response version = reread(out);
  CHECK(version.status == 426);
  CHECK(version.headers.find("Sec-WebSocket-Version") == "13");
  CHECK(version.headers.find("Upgrade") == "websocket");
  CHECK(version.headers.has_token("Connection", "upgrade"));
  CHECK(version.headers.has_token("Connection", "close"));
  out.clear();
  write_refusal(out, response_for(Error::method_not_get));
  const Response method = reread(out);
  CHECK(method.status == 405);
  CHECK(method.headers.find("Allow") == "GET");
  CHECK(method.headers.count("Upgrade") == 0);
}
