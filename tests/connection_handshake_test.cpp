// Invariant: a connection opens after a handshake that RFC 6455 §4 allows, and after no other.
#include <doctest/doctest.h>

#include "support.hpp"
#include "without_sha1.hpp"

namespace wolframite::test {
namespace {

struct Pair {
  TestEntropy entropy;
  Connection client;
  Connection server = Connection::server();
  explicit Pair(const ClientRequest& request) : client(Connection::client(request, entropy)) {}
};

}  // namespace

TEST_CASE("client and server open each other") {
  Pair pair(ClientRequest("ws://example.org:8080/chat?x=1")
                .subprotocol("a")
                .subprotocol("b")
                .header("Origin", "http://o"));
  std::string request = take_output(pair.client);
  CHECK(request.starts_with("GET /chat?x=1 HTTP/1.1\r\n"));
  CHECK(request.find("\r\nHost: example.org:8080\r\n") != std::string::npos);
  Bytes in = writable(request);
  const auto event = pair.server.receive(in);
  REQUIRE(event);
  const Request& seen = std::get<Requested>(*event).request;
  CHECK(seen.is_upgrade());
  CHECK(seen.target == "/chat?x=1");
  CHECK(seen.headers.find("origin") == "http://o");
  CHECK(seen.subprotocols() == std::vector<std::string_view>{"a", "b"});
  CHECK_FALSE(pair.server.is_open());
  CHECK_FALSE(pair.server.accept({.subprotocol = "b", .headers = {{"X-Served-By", "test"}}}));
  CHECK(seen.target == "/chat?x=1");  // commands do not invalidate the view
  CHECK(pair.server.is_open());
  CHECK(feed(pair.server, "") == Records{opened("b")});
  std::string response = take_output(pair.server);
  CHECK(response.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  in = writable(response);
  const auto answer = pair.client.receive(in);
  REQUIRE(answer);
  const auto& agreed = std::get<Opened>(*answer);
  CHECK(agreed.agreed.subprotocol == "b");
  CHECK(agreed.response->status == 101);
  CHECK(agreed.response->headers.find("x-served-by") == "test");
  CHECK_FALSE(pair.client.receive(in).has_value());
  CHECK(pair.client.is_open());
}

TEST_CASE("the accept key is the one of the request's key") {
  Connection server = Connection::server();
  CHECK(feed(server, upgrade_request()) == Records{requested("/chat")});
  CHECK_FALSE(server.accept());
  CHECK(take_output(server) == upgrade_response(upgrade_request()));
}

TEST_CASE("a server may send as soon as it has accepted") {
  Connection server = Connection::server();
  feed(server, upgrade_request());
  CHECK_FALSE(server.accept());
  CHECK_FALSE(server.send(Kind::text, bytes_of("welcome")));
  CHECK_FALSE(server.close());
  CHECK(take_output(server) == upgrade_response(upgrade_request()) +
                                   server_frame(final_text, "welcome") +
                                   server_frame(close_frame, close_body(1000)));
  CHECK(feed(server, client_frame(close_frame)) == Records{opened(), closing(1005)});
}

TEST_CASE("accept that cannot be carried out changes nothing") {
  Connection server = Connection::server();
  CHECK(server.accept() == Error::no_request);
  feed(server, upgrade_request("Sec-WebSocket-Protocol: a\r\n"));
  CHECK(server.accept({.subprotocol = "b"}) == Error::subprotocol_not_requested);
  CHECK(server.accept({.subprotocol = "A"}) == Error::subprotocol_not_requested);
  CHECK(server.accept({.headers = {{"Sec-WebSocket-Accept", "x"}}}) == Error::reserved_header);
  CHECK(server.accept({.headers = {{"X", "a\r\nInjected: b"}}}) == Error::invalid_header);
  CHECK_FALSE(server.wants_write());
  CHECK_FALSE(server.accept({.subprotocol = "a"}));
  CHECK(server.accept() == Error::no_request);
  CHECK(server.refuse({.status = 403}) == Error::no_request);
}

TEST_CASE("a refusal is a complete response, after which the connection ends") {
  Connection server = Connection::server();
  feed(server, upgrade_request());
  CHECK(server.refuse({.status = 101}) == Error::invalid_status);
  CHECK(server.refuse({.status = 199}) == Error::invalid_status);
  CHECK(server.refuse({.status = 600}) == Error::invalid_status);
  CHECK(server.refuse({.status = 403, .headers = {{"Content-Length", "3"}}}) ==
        Error::reserved_header);
  CHECK(server.refuse({.status = 403, .reason = "No\r\nX: y"}) == Error::invalid_header);
  CHECK_FALSE(server.wants_write());
  CHECK_FALSE(server.refuse({.status = 403, .headers = {{"X", "y"}}, .body = "go away"}));
  CHECK(server.accept() == Error::no_request);
  CHECK(feed(server, "") == Records{closed(Error::refused, 1006)});
  const std::string answer = take_output(server);
  CHECK(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"));
  CHECK(answer.find("\r\nContent-Length: 7\r\n") != std::string::npos);
  CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\ngo away"));
  CHECK(server.wants_shutdown());
  CHECK(feed(server, client_frame(final_text, "ignored")).empty());
  CHECK(feed_eof(server).empty());
  CHECK(server.is_terminated());
}

TEST_CASE("plain HTTP reaches the owner, who can answer it and cannot accept it") {
  Connection server = Connection::server();
  std::string input = "GET /health HTTP/1.1\r\nHost: example.org\r\n\r\n";
  Bytes in = writable(input);
  const auto event = server.receive(in);
  REQUIRE(event);
  CHECK_FALSE(std::get<Requested>(*event).request.is_upgrade());
  CHECK(server.accept() == Error::not_an_upgrade);
  CHECK_FALSE(server.refuse({.status = 200, .body = "healthy"}));
  CHECK(take_output(server).ends_with("\r\n\r\nhealthy"));
  CHECK(feed(server, "") == Records{closed(Error::plain_http, 1006)});
}

TEST_CASE("HTTP/1.0 and any method without a body reach the owner") {
  for (const std::string_view head :
       {"OPTIONS / HTTP/1.0\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.0\r\n",
        "HEAD / HTTP/1.0\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"}) {
    INFO(head);
    Connection server = Connection::server();
    std::string input = std::string(head) + "\r\n";
    Bytes in = writable(input);
    const auto event = server.receive(in);
    REQUIRE(event);
    const Request& request = std::get<Requested>(*event).request;
    CHECK_FALSE(request.is_upgrade());
    CHECK(request.version_minor == (head.find("HTTP/1.0") == std::string_view::npos ? 1 : 0));
    CHECK(server.accept() == Error::not_an_upgrade);
    CHECK_FALSE(server.refuse({.status = 200, .body = "healthy"}));
    const std::string answer = take_output(server);
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(answer.find("\r\nContent-Length: 7\r\n") != std::string::npos);
    CHECK(answer.ends_with(head.starts_with("HEAD") ? "\r\n\r\n" : "\r\n\r\nhealthy"));
    CHECK(server.wants_shutdown());
  }
}

TEST_CASE("the library's own answers to HEAD have no body either") {
  for (const std::string_view input :
       {"HEAD / HTTP/1.1\r\n\r\n", "HEAD / HTTP/2.0\r\n", "HEAD / HTTP/1.1\r\nA b\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"}) {
    Connection server = Connection::server();
    CHECK(feed(server, input).count(Record::Type::closed) == 1);
    const std::string answer = take_output(server);
    CHECK(answer.find("\r\nContent-Length: ") != std::string::npos);
    CHECK(answer.ends_with("\r\n\r\n"));
  }
}

TEST_CASE("a faulty request of a client's owner sends nothing and says why") {
  struct Case {
    ClientRequest request;
    Error why;
  };
  for (const Case& c : std::vector<Case>{
           {"http://example.org/", Error::unsupported_url_scheme},
           {"ws://", Error::missing_host_name},
           {ClientRequest("ws://a/").header("Host", "b"), Error::reserved_header},
           {ClientRequest("ws://a/").header("X", "a\nb"), Error::invalid_header},
           {ClientRequest("ws://a/").subprotocol("a b"), Error::invalid_subprotocol}}) {
    TestEntropy entropy;
    Connection client = Connection::client(c.request, entropy);
    CHECK_FALSE(client.wants_write());
    CHECK_FALSE(client.wants_read());
    CHECK(client.send(Kind::text, bytes_of("x")) == Error::send_after_close);
    CHECK(feed(client, "") == Records{closed(c.why, 1006)});
    CHECK(client.is_terminated());
    CHECK(entropy.fills == 0);
  }
}

TEST_CASE("without SHA-1 nothing opens, and nothing is asked for") {
  const WithoutSha1 without;
  TestEntropy entropy;
  Connection client = Connection::client("ws://a/", entropy);
  CHECK_FALSE(client.wants_write());
  CHECK(feed(client, "") == Records{closed(Error::no_sha1, 1006)});
  CHECK(client.is_terminated());
  Connection server = Connection::server();
  CHECK(feed(server, upgrade_request()) == Records{requested("/chat")});
  CHECK(server.accept() == Error::no_sha1);
  CHECK_FALSE(server.wants_write());
  CHECK_FALSE(server.is_open());
  CHECK_FALSE(server.refuse({.status = 500}));
  CHECK(take_output(server).starts_with("HTTP/1.1 500 "));
}

TEST_CASE("a client can do without the subprotocols it asks for") {
  for (const bool required : {true, false}) {
    TestEntropy entropy;
    const ClientRequest request =
        ClientRequest("ws://a/").subprotocol("a").require_subprotocol(required);
    CHECK(request.requires_subprotocol() == required);
    Connection client = Connection::client(request, entropy);
    const std::string response = upgrade_response(take_output(client));
    CHECK(feed(client, response) ==
          Records{required ? failed(Error::missing_subprotocol) : opened()});
  }
}

TEST_CASE("the end of the stream in each state of the handshake is told once") {
  for (const std::string_view part : {""s, "GET / HTTP/1.1\r\n"s, upgrade_request()}) {
    Connection server = Connection::server();
    Records events;
    feed(server, part, events);
    std::erase(events, requested("/chat"));
    feed_eof(server, events);
    CHECK(events == Records{closed(Error::handshake_incomplete, 1006)});
    CHECK(server.is_terminated());
  }
  for (const std::string_view part : {"", "HTTP/1.1 101 X\r\n", "HTTP/1.1 100 Continue\r\n\r\n"}) {
    TestEntropy entropy;
    Connection client = Connection::client("ws://a/", entropy);
    Records events;
    feed(client, part, events);
    feed_eof(client, events);
    CHECK(events == Records{closed(Error::handshake_incomplete, 1006)});
    CHECK(client.is_terminated());
  }
}

TEST_CASE("the end of the stream ends the body of a refusal") {
  TestEntropy entropy;
  Connection client = Connection::client("ws://a/", entropy);
  CHECK(feed(client, "HTTP/1.1 500 Broken\r\n\r\nhalf a bo").empty());
  CHECK(feed_eof(client) == Records{refused(500, "half a bo"), closed(Error::refused, 1006)});
  CHECK(client.is_terminated());
}

TEST_CASE("SEC-40 a failure of the stream inside the body of a refusal does not hide it") {
  TestEntropy entropy;
  Connection client = Connection::client("ws://a/", entropy);
  CHECK(client.role() == Role::client);
  CHECK(feed(client, "HTTP/1.1 500 Broken\r\n\r\nhalf a bo").empty());
  const std::error_code reset = std::make_error_code(std::errc::connection_reset);
  CHECK(feed_eof(client, reset) ==
        Records{refused(500, "half a bo"), closed(Error::refused, 1006)});
  CHECK(client.is_terminated());
}

TEST_CASE("a server of HTTP/1.0 may refuse, and cannot agree (RFC 9110 §7.8)") {
  for (const bool refuses : {true, false}) {
    TestEntropy entropy;
    Connection client = Connection::client("ws://a/", entropy);
    std::string answer = upgrade_response(take_output(client));
    answer.replace(0, 8, "HTTP/1.0");
    if (refuses) answer = "HTTP/1.0 503 Busy\r\nContent-Length: 2\r\n\r\nno";
    CHECK(feed(client, answer) == (refuses
                                       ? Records{refused(503, "no"), closed(Error::refused, 1006)}
                                       : Records{failed(Error::version_not_http_1_1)}));
  }
}

TEST_CASE("the end of the stream after accept is told after Opened") {
  Connection server = Connection::server();
  feed(server, upgrade_request());
  CHECK_FALSE(server.accept());
  CHECK(feed_eof(server) == Records{opened(), closed(Error::connection_reset, 1006)});
}

TEST_CASE("head limits are met exactly and passed by one") {
  const std::string request = upgrade_request();
  Config config;
  config.max_head_size = request.size();
  config.max_headers = 5;
  Connection server = Connection::server(config);
  CHECK(feed(server, request) == Records{requested("/chat")});
  config.max_head_size = request.size() - 1;
  Connection smaller = Connection::server(config);
  CHECK(feed(smaller, request) == Records{failed(Error::head_too_big)});
  CHECK(take_output(smaller).starts_with("HTTP/1.1 431 "));
  config.max_head_size = request.size();
  config.max_headers = 4;
  Connection fewer = Connection::server(config);
  CHECK(feed(fewer, request) == Records{failed(Error::too_many_headers)});
  CHECK(take_output(fewer).starts_with("HTTP/1.1 431 "));
}

TEST_CASE("a refusal's body is kept up to its limit, exactly, and cut there") {
  Config config;
  config.max_refusal_body_size = 4;
  for (const std::string_view body : {"abcd", "abcde"}) {
    TestEntropy entropy;
    Connection client = Connection::client("ws://a/", entropy, config);
    const std::string head =
        "HTTP/1.1 404 X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    CHECK(feed(client, head + std::string(body)) ==
          Records{refused(404, "abcd"), closed(Error::refused, 1006)});
  }
}

}  // namespace wolframite::test
