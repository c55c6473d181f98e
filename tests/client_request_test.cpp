// Invariant: a ClientRequest without an error can be sent as it is; the first fault is kept.
#include "wolframite/client_request.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace wolframite;

TEST_CASE("headers and subprotocols keep their order") {
  const ClientRequest request = ClientRequest("ws://h/chat")
                                    .header("Origin", "https://h")
                                    .header("Cookie", "a=1")
                                    .subprotocol("v2")
                                    .subprotocol("v1");
  CHECK(request.error() == Error::none);
  CHECK(request.url().target == "/chat");
  CHECK(request.headers().size() == 2);
  CHECK(request.headers()[1].value == "a=1");
  CHECK(request.subprotocols() == std::vector<std::string>{"v2", "v1"});
}

TEST_CASE("strings convert, and an object can be built up in place") {
  ClientRequest request = std::string("wss://h");
  request.header("A", "1").subprotocol("p");
  CHECK(request.error() == Error::none);
  CHECK(request.headers().find("a") == "1");
  CHECK(request.url().secure);
}

TEST_CASE("a faulty URL is the request's error, parsed or set by hand") {
  CHECK(ClientRequest("http://h").error() == Error::unsupported_url_scheme);
  CHECK(ClientRequest("ws://h#x").error() == Error::url_has_fragment);
  CHECK(ClientRequest(Url{.host = "h", .target = "/\r\n"}).error() == Error::malformed_url);
  CHECK(ClientRequest(Url{.host = "h"}).error() == Error::none);
}

TEST_CASE("the first fault is kept") {
  const ClientRequest request =
      ClientRequest("ws://h").subprotocol("a b").header("Host", "x").header("X", "ok");
  CHECK(request.error() == Error::invalid_subprotocol);
  CHECK(request.headers().size() == 1);
  CHECK(request.subprotocols().empty());
}

TEST_CASE("the handshake's own headers are reserved") {
  for (const char* name :
       {"Host", "host", "Upgrade", "CONNECTION", "Content-Length", "transfer-encoding",
        "Sec-WebSocket-Key", "sec-websocket-version", "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions", "Sec-WebSocket-Accept", "Sec-WebSocket-Other"}) {
    CAPTURE(name);
    CHECK(ClientRequest("ws://h").header(name, "x").error() == Error::reserved_header);
  }
  for (const char* name : {"Authorization", "Origin", "Sec-Fetch-Mode", "Sec-WebSocke", "Hos"}) {
    CAPTURE(name);
    CHECK(ClientRequest("ws://h").header(name, "x").error() == Error::none);
  }
}

TEST_CASE("SEC-22 CR, LF and NUL in a header or a subprotocol are refused") {
  for (const char octet : {'\r', '\n', '\0', '\x7F', '\x01'}) {
    const std::string text = std::string("a") + octet + "b";
    CAPTURE(static_cast<int>(octet));
    CHECK(ClientRequest("ws://h").header("X", text).error() == Error::invalid_header);
    CHECK(ClientRequest("ws://h").header(text, "x").error() == Error::invalid_header);
    CHECK(ClientRequest("ws://h").subprotocol(text).error() == Error::invalid_subprotocol);
    CHECK(ClientRequest("ws://h/" + text).error() == Error::malformed_url);
    CHECK(ClientRequest("ws://h/").header("X", text).headers().empty());
  }
  CHECK(ClientRequest("ws://h").header("X", "a\r\nY: b").error() == Error::invalid_header);
  CHECK(ClientRequest("ws://h").header("", "x").error() == Error::invalid_header);
}

TEST_CASE("a subprotocol is a token, and given once") {
  for (const char* name : {"", "a,b", "a b", "a/b", "\"a\""}) {
    CAPTURE(name);
    CHECK(ClientRequest("ws://h").subprotocol(name).error() == Error::invalid_subprotocol);
  }
  CHECK(ClientRequest("ws://h").subprotocol("a").subprotocol("a").error() ==
        Error::invalid_subprotocol);
  CHECK(ClientRequest("ws://h").subprotocol("a").subprotocol("A").error() == Error::none);
}
