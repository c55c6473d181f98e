// Invariant: what a Url holds can be put on the wire as it is; all else is an error that says what
// is wrong.
#include "wolframite/url.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace wolframite;

namespace {

Url parsed(std::string_view text) {
  const Url::Parsed parsed = Url::parse(text);
  CAPTURE(text);
  REQUIRE(parsed.error == Error::none);
  CHECK(parsed.url.check() == Error::none);
  return parsed.url;
}

Error error_of(std::string_view text) { return Url::parse(text).error; }

}  // namespace

TEST_CASE("the parts of a URL") {
  const Url url = parsed("WSS://user:pass@Example.ORG:8443/chat/room?id=1&x=%20");
  CHECK(url.secure);
  CHECK(url.host == "example.org");
  CHECK(url.port == 8443);
  CHECK(url.target == "/chat/room?id=1&x=%20");
  CHECK(url.userinfo == "user:pass");
  CHECK(url.host_header() == "example.org:8443");
}

TEST_CASE("defaults") {
  CHECK(parsed("ws://h").port == 80);
  CHECK(parsed("wss://h").port == 443);
  CHECK_FALSE(parsed("ws://h").secure);
  CHECK(parsed("ws://h").target == "/");
  CHECK(parsed("ws://h?q=1").target == "/?q=1");
  CHECK(parsed("ws://h/?").target == "/?");
  CHECK(parsed("ws://h:/x").port == 80);
  CHECK(parsed("wss://h:").port == 443);
  CHECK(parsed("ws://h").userinfo.empty());
}

TEST_CASE("the Host header leaves out the default port and brackets IPv6") {
  CHECK(parsed("ws://h:80/").host_header() == "h");
  CHECK(parsed("wss://h:443/").host_header() == "h");
  CHECK(parsed("ws://h:443/").host_header() == "h:443");
  CHECK(parsed("wss://h:80/").host_header() == "h:80");
  CHECK(parsed("ws://[2001:DB8::1]/").host_header() == "[2001:db8::1]");
  CHECK(parsed("ws://[::1]:9000/").host_header() == "[::1]:9000");
  CHECK(parsed("ws://[::1]:9000/").host == "::1");
  CHECK(parsed("ws://127.0.0.1:8080").host_header() == "127.0.0.1:8080");
}

TEST_CASE("ports") {
  CHECK(parsed("ws://h:1/").port == 1);
  CHECK(parsed("ws://h:65535/").port == 65535);
  CHECK(parsed("ws://h:00080/").port == 80);
  for (const char* url :
       {"ws://h:0", "ws://h:65536", "ws://h:65616", "ws://h:99999999999999999999", "ws://h:8a",
        "ws://h:-1", "ws://h:+1", "ws://h: 80", "ws://h:80:80", "ws://::1/"}) {
    CAPTURE(url);
    CHECK(error_of(url) == Error::invalid_port);
  }
}

TEST_CASE("schemes") {
  for (const char* url : {"", "h", "//h", "http://h", "https://h", "wsss://h", "w://h", "://h",
                          "localhost:80", " ws://h", "/chat", "ws"}) {
    CAPTURE(url);
    CHECK(error_of(url) == Error::unsupported_url_scheme);
  }
  for (const char* url : {"ws:", "ws:h", "ws:/h", "wss:h/x"}) {
    CAPTURE(url);
    CHECK(error_of(url) == Error::malformed_url);
  }
}

TEST_CASE("a host is needed") {
  for (const char* url :
       {"ws://", "ws:///chat", "ws://:80/", "ws://user@/", "ws://user@:80/", "ws://?q", "ws://@"}) {
    CAPTURE(url);
    CHECK(error_of(url) == Error::missing_host_name);
  }
}

TEST_CASE("fragments are forbidden") {
  for (const char* url : {"ws://h#", "ws://h/#a", "ws://h/a?b#c", "wss://h:1#"}) {
    CAPTURE(url);
    CHECK(error_of(url) == Error::url_has_fragment);
  }
  CHECK(parsed("ws://h/%23").target == "/%23");
}

TEST_CASE("user information is decoded") {
  CHECK(parsed("ws://a%40b:c%3Ad%25@h").userinfo == "a@b:c:d%");
  CHECK(parsed("ws://only@h").userinfo == "only");
  CHECK(parsed("ws://:secret@h").userinfo == ":secret");
  CHECK(parsed("ws://%C3%A4:x@h").userinfo == "\xC3\xA4:x");
  for (const char* url : {"ws://a@b@h", "ws://a%4@h", "ws://a%zz@h", "ws://a b@h", "ws://a[b]@h",
                          "ws://a%0D%0Ab@h", "ws://a%00@h", "ws://a%7F@h"}) {
    CAPTURE(url);
    CHECK(error_of(url) == Error::malformed_url);
  }
}

TEST_CASE("IPv6 literals") {
  for (const char* host : {"::", "::1", "1::", "1::8", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
                           "::2:3:4:5:6:7:8", "::ffff:192.0.2.1", "64:ff9b::255.255.255.255",
                           "1:2:3:4:5:6:1.2.3.4", "fe80::0001", "1:2:3::5:6:7:8", "::0.0.0.0"}) {
    CAPTURE(host);
    CHECK(parsed(std::string("ws://[").append(host).append("]/")).host == host);
  }
  for (const char* host : {"",
                           ":",
                           ":::",
                           "1",
                           "1:",
                           ":1",
                           "1:2",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8::",
                           "::1:2:3:4:5:6:7:8",
                           "1::2::3",
                           "12345::",
                           "g::",
                           "::1.2.3",
                           "::1.2.3.4.5",
                           "::1.2.3.256",
                           "::1.2.3.04",
                           "::1.2.3.",
                           "::.1.2.3",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "1:2:3:4:5:1.2.3.4",
                           "1.2.3.4",
                           "::1%25eth0",
                           "fe80::1%eth0",
                           "::1 ",
                           "v1.x",
                           "1:2:::3",
                           "::1.2.3.4:5",
                           "1::2:3:4:5:6:1.2.3.4"}) {
    CAPTURE(host);
    CHECK(error_of(std::string("ws://[").append(host).append("]/")) != Error::none);
  }
  for (const char* url :
       {"ws://[::1", "ws://[::1]x/", "ws://[::1]]/", "ws://::1]/", "ws://a[::1]/"}) {
    CAPTURE(url);
    CHECK(error_of(url) != Error::none);
  }
}

TEST_CASE("SEC-22 octets that cannot stand in a request line or a Host header are refused") {
  const std::string_view extra = "-._~!$&'()*+,;=:@/?";
  for (int value = 0; value < 256; ++value) {
    const char octet = static_cast<char>(value);
    const bool alphanumeric = (octet >= '0' && octet <= '9') || (octet >= 'a' && octet <= 'z') ||
                              (octet >= 'A' && octet <= 'Z');
    const bool fits = alphanumeric || extra.find(octet) != std::string_view::npos;
    for (const std::string_view part : {"ws://h/a", "ws://h?a"}) {
      CAPTURE(value);
      const std::string text = std::string(part) + octet + "b";
      CHECK((error_of(text) == Error::none) == fits);
    }
    const bool fits_host = fits && octet != '@' && octet != '/' && octet != '?' && octet != ':';
    Url url{.host = std::string("h") + octet};
    CHECK((url.check() == Error::none) == fits_host);
  }
  CHECK(error_of("ws://h/%") == Error::malformed_url);
  CHECK(error_of("ws://h/%4") == Error::malformed_url);
  CHECK(error_of("ws://h/%4g") == Error::malformed_url);
  CHECK(error_of("ws://h%41/") == Error::malformed_url);
  CHECK(error_of("ws://h/\r\nX: y") == Error::malformed_url);
  CHECK(error_of("ws://h\r\nX: y/") != Error::none);
}

TEST_CASE("SEC-22 parts set by hand are checked alike") {
  CHECK(Url{.host = "h"}.check() == Error::none);
  CHECK(Url{}.check() == Error::missing_host_name);
  CHECK(Url{.host = "h\r\nX: y"}.check() == Error::malformed_url);
  CHECK(Url{.host = "not:an:address"}.check() == Error::malformed_url);
  CHECK(Url{.host = "h", .port = 0}.check() == Error::invalid_port);
  CHECK(Url{.host = "h", .target = ""}.check() == Error::malformed_url);
  CHECK(Url{.host = "h", .target = "chat"}.check() == Error::malformed_url);
  CHECK(Url{.host = "h", .target = "/ HTTP/1.1\r\n"}.check() == Error::malformed_url);
  CHECK(Url{.host = "h", .target = "/#"}.check() == Error::url_has_fragment);
  CHECK(Url{.host = "h", .userinfo = "a\nb"}.check() == Error::malformed_url);
  CHECK(Url{.host = "h", .userinfo = std::string("a\0b", 3)}.check() == Error::malformed_url);
}
