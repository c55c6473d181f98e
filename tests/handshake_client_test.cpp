// Invariant: the client's request is one that our own server accepts, and only a 101 that answers
// exactly that request opens the connection.
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

struct Checked {
  Error error;
  std::string subprotocol;
};

// Checks a 101 made of the usual lines, without those that begin with `without`, and with `more`.
Checked check(std::string_view more = "", const std::vector<std::string>& asked = {},
              std::string_view without = "\n") {
  const std::string expected = derive_accept_key(key);
  std::string text = "HTTP/1.1 101 Switching Protocols\r\n";
  for (const std::string& line :
       {std::string("Upgrade: websocket\r\n"), std::string("Connection: Upgrade\r\n"),
        "Sec-WebSocket-Accept: " + expected + "\r\n"}) {
    if (!line.starts_with(without)) text += line;
  }
  text.append(more).append("\r\n");
  Negotiated agreed;
  const Error error = check_response(test::parsed_response(text), {asked}, expected, {}, agreed);
  CHECK(agreed.extensions.empty());
  return {error, agreed.subprotocol};
}

}  // namespace

TEST_CASE("the request") {
  const ClientRequest request = ClientRequest("wss://user:pass@Example.org:8443/chat?x=1")
                                    .header("Origin", "https://example.org")
                                    .subprotocol("v2")
                                    .subprotocol("v1");
  REQUIRE(request.error() == Error::none);
  CHECK(format_request(request, key, "permessage-deflate") ==
        "GET /chat?x=1 HTTP/1.1\r\n"
        "Host: example.org:8443\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n"
        "Sec-WebSocket-Protocol: v2, v1\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        "Authorization: Basic dXNlcjpwYXNz\r\n"
        "Origin: https://example.org\r\n\r\n");
  CHECK(format_request("ws://[::1]", key) ==
        "GET / HTTP/1.1\r\n"
        "Host: [::1]\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n");
}

TEST_CASE("the user's own Authorization wins over the URL's") {
  const std::string text =
      format_request(ClientRequest("ws://user:pass@h").header("authorization", "Bearer t"), key);
  const Request request = test::parsed_request(text);
  CHECK(request.headers.count("Authorization") == 1);
  CHECK(request.headers.find("Authorization") == "Bearer t");
}

TEST_CASE("our server accepts our client, and the client its answer") {
  for (const ClientRequest& asked :
       {ClientRequest("ws://h"), ClientRequest("wss://u:p@[::1]:1/a?b=%20"),
        ClientRequest("ws://h").subprotocol("a").subprotocol("b").header("Cookie", "c=d")}) {
    const Request request = test::parsed_request(format_request(asked, key));
    REQUIRE(check_request(request) == Error::none);
    REQUIRE(request.is_upgrade());
    const auto offered = request.subprotocols();
    CHECK(std::vector<std::string>(offered.begin(), offered.end()) == asked.subprotocols());
    const Accept accept{.subprotocol = offered.empty() ? "" : std::string(offered.back())};
    REQUIRE(check_accept(request, accept) == Error::none);
    std::string out;
    REQUIRE(write_accept(out, request, accept) == Error::none);
    Negotiated agreed;
    CHECK(check_response(test::parsed_response(out), {asked.subprotocols()}, derive_accept_key(key),
                         {}, agreed) == Error::none);
    CHECK(agreed.subprotocol == accept.subprotocol);
  }
}

TEST_CASE("a 101 passes with its tokens in lists and any case") {
  CHECK(check().error == Error::none);
  CHECK(check("upgrade: WEBSOCKET\r\n", {}, "Upgrade").error == Error::none);
  CHECK(check("Connection: keep-alive\r\nConnection: upgrade\r\n", {}, "Connection").error ==
        Error::none);
}

TEST_CASE("SEC-24 a 101 without Upgrade or Connection is refused") {
  CHECK(check("", {}, "Upgrade").error == Error::missing_upgrade);
  CHECK(check("Upgrade: h2c\r\n", {}, "Upgrade").error == Error::missing_upgrade);
  // One protocol is switched to, and so one is named.
  for (const char* upgrade :
       {"Upgrade: x, websocket\r\n", "Upgrade: websocket, x\r\n", "Upgrade: websocket,\r\n",
        "Upgrade: websocket/13\r\n", "Upgrade: websocket\r\nUpgrade: x\r\n",
        "Upgrade: websocket\r\nUpgrade: websocket\r\n", "Upgrade:\r\n"}) {
    CAPTURE(upgrade);
    CHECK(check(upgrade, {}, "Upgrade").error == Error::missing_upgrade);
  }
  CHECK(check("", {}, "Connection").error == Error::missing_connection_upgrade);
  CHECK(check("Connection: close\r\n", {}, "Connection").error ==
        Error::missing_connection_upgrade);
}

TEST_CASE("SEC-24 the accept key must be there once and fit") {
  const std::string right = derive_accept_key(key);
  std::string other_case = right;
  for (char& octet : other_case) {
    if (octet >= 'a' && octet <= 'z') octet = static_cast<char>(octet - 32);
  }
  REQUIRE(other_case != right);
  const auto answered = [](const std::string& value) {
    return check("Sec-WebSocket-Accept: " + value + "\r\n", {}, "Sec-WebSocket-Accept").error;
  };
  CHECK(check("", {}, "Sec-WebSocket-Accept").error == Error::missing_accept);
  CHECK(check("Sec-WebSocket-Accept: " + right + "\r\n").error == Error::duplicate_header);
  CHECK(answered(right) == Error::none);
  CHECK(answered(right + " ") == Error::none);
  CHECK(answered("") == Error::accept_mismatch);
  CHECK(answered(other_case) == Error::accept_mismatch);
  CHECK(answered(right.substr(1)) == Error::accept_mismatch);
  CHECK(answered(right + "x") == Error::accept_mismatch);
  CHECK(answered(std::string(key)) == Error::accept_mismatch);
}

TEST_CASE("SEC-24 the subprotocol must be one of those asked for") {
  const std::vector<std::string> asked = {"v2", "v1"};
  CHECK(check("Sec-WebSocket-Protocol: v1\r\n", asked).error == Error::none);
  CHECK(check("Sec-WebSocket-Protocol: v1\r\n", asked).subprotocol == "v1");
  CHECK(check("", asked).error == Error::missing_subprotocol);
  CHECK(check("Sec-WebSocket-Protocol: v1\r\n").error == Error::unrequested_subprotocol);
  CHECK(check("Sec-WebSocket-Protocol:\r\n").error == Error::unrequested_subprotocol);
  for (const char* value : {"", "V1", "v3", "v2, v1", "v1,"}) {
    CAPTURE(value);
    const Checked checked =
        check(std::string("Sec-WebSocket-Protocol: ").append(value).append("\r\n"), asked);
    CHECK(checked.error == Error::unrequested_subprotocol);
    CHECK(checked.subprotocol.empty());
  }
  CHECK(check("Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v1\r\n", asked).error ==
        Error::duplicate_header);
}

TEST_CASE("SEC-24 no extension was offered, so none may be chosen") {
  for (const char* list : {"permessage-deflate", "x; a=\"b\"", ",x"}) {
    CAPTURE(list);
    CHECK(check(std::string("Sec-WebSocket-Extensions: ").append(list).append("\r\n")).error ==
          Error::unrequested_extension);
  }
  for (const char* list : {"", ",", " , ,"}) {
    CAPTURE(list);
    CHECK(check(std::string("Sec-WebSocket-Extensions: ").append(list).append("\r\n")).error ==
          Error::none);
  }
  for (const char* list : {"x;", "x; a=", "permessage-deflate; =1"}) {
    CAPTURE(list);
    CHECK(check(std::string("Sec-WebSocket-Extensions: ").append(list).append("\r\n")).error ==
          Error::malformed_extensions);
  }
}
