// Invariant: no opening handshake, however hostile, opens a connection it should not, costs more
// than its octets, or carries what its owner did not mean to send.
#include <doctest/doctest.h>

#include <set>

#include "support.hpp"

namespace wolframite::test {
namespace {

/// What a server makes of `input` when its owner accepts whatever reaches it.
struct Served {
  Records events;
  std::string output;
};

Served serve(std::string_view input, Config config = {}) {
  Connection server = Connection::server(std::move(config));
  Served served;
  feed(server, input, served.events);
  if (!served.events.empty() && served.events.back().type == Record::Type::requested) {
    if (server.accept()) CHECK_FALSE(server.refuse({.status = 200}));
    feed(server, "", served.events);
  }
  served.output = take_output(server);
  return served;
}

void check_refused(std::string_view input, Error why, std::string_view status, Config config = {}) {
  INFO(in_quotes(input.substr(0, 150)));
  const Served served = serve(input, std::move(config));
  CHECK(served.events == Records{failed(why)});
  // A complete response: a status, a length that is true, and the end of the connection.
  CHECK(served.output.starts_with(std::string("HTTP/1.1 ").append(status).append(" ")));
  CHECK(served.output.find("\r\nConnection: close") != std::string::npos);
  const std::size_t end = served.output.find("\r\n\r\n");
  REQUIRE(end != std::string::npos);
  const std::size_t body = served.output.size() - end - 4;
  CHECK(served.output.find("\r\nContent-Length: " + std::to_string(body) + "\r\n") !=
        std::string::npos);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// What a client makes of an answer, `make(request)`.
template <typename Make>
Records answer(Make make, const ClientRequest& request = "ws://example.org/", Config config = {},
               CountingResource* memory = nullptr) {
  TestEntropy entropy;
  Connection client = Connection::client(request, entropy, std::move(config), memory);
  Records events;
  feed(client, make(take_output(client)), events);
  return events;
}

}  // namespace

TEST_CASE("SEC-12 keys come from the entropy that was lent, and no two connections share them") {
  std::set<std::string> keys;
  TestEntropy entropy;
  for (int i = 0; i < 20; ++i) {
    Connection client = Connection::client("ws://a/", entropy);
    const std::string request = take_output(client);
    CHECK(is_valid_key(key_in(request)));
    CHECK(keys.insert(key_in(request)).second);
    feed(client, upgrade_response(request));
    for (int message = 0; message < 5; ++message) {
      CHECK_FALSE(client.send(Kind::text, bytes_of("x")));
      CHECK(keys.insert(take_output(client).substr(2, 4)).second);
    }
  }
  // The same octets in, the same keys out: there is no other source.
  TestEntropy one(5);
  TestEntropy two(5);
  Connection first = Connection::client("ws://a/", one);
  Connection second = Connection::client("ws://a/", two);
  CHECK(take_output(first) == take_output(second));
}

TEST_CASE("SEC-19 a request dripped by octets opens, if it is in time") {
  const std::string request = upgrade_request("X: " + std::string(300, 'x') + "\r\n");
  Connection server = Connection::server();
  Records events;
  for (std::size_t i = 0; i < request.size(); ++i) {
    CHECK(tell(server, at(std::chrono::milliseconds(50 * i))).empty());
    feed(server, std::string_view(request).substr(i, 1), events);
  }
  CHECK(events == Records{requested("/chat")});
  CHECK_FALSE(server.accept());
}

TEST_CASE("SEC-19 a request dripped beyond its time ends") {
  const std::string request = upgrade_request("X: " + std::string(2000, 'x') + "\r\n");
  Connection server = Connection::server();
  std::size_t taken = 0;
  Records events;
  for (; events.empty() && taken < request.size(); ++taken) {
    for (const Record& record : tell(server, at(std::chrono::milliseconds(50 * taken))))
      events.push_back(record);
    feed(server, std::string_view(request).substr(taken, 1), events);
  }
  CHECK(events == Records{failed(Error::handshake_timeout)});
  CHECK(taken == 30'000 / 50 + 1);
  CHECK(take_output(server).starts_with("HTTP/1.1 408 "));
}

TEST_CASE("SEC-19 without a deadline a drip takes as long as it takes") {
  Config config;
  config.handshake_timeout = 0s;
  const std::string request = upgrade_request();
  Connection server = Connection::server(config);
  Records events;
  for (std::size_t i = 0; i < request.size(); ++i) {
    CHECK(tell(server, at(1h * i)).empty());
    feed(server, std::string_view(request).substr(i, 1), events);
  }
  CHECK(events == Records{requested("/chat")});
}

TEST_CASE("SEC-20 oversized heads are refused") {
  const std::size_t limit = Config{}.max_head_size;
  check_refused(upgrade_request("X: " + std::string(limit, 'x') + "\r\n"), Error::head_too_big,
                "431");
  check_refused("GET /" + std::string(limit, 'x'), Error::head_too_big, "431");
  check_refused(std::string(limit + 1, 'G'), Error::head_too_big, "431");
  check_refused(upgrade_request("X:" + std::string(limit, ' ') + "\r\n"), Error::head_too_big,
                "431");
  check_refused(upgrade_request(std::string(limit, 'n')), Error::head_too_big, "431");
  std::string many;
  for (int i = 0; i < 119; ++i) many += "X: y\r\n";
  CHECK(serve(upgrade_request(many)).events == Records{requested("/chat"), opened()});
  check_refused(upgrade_request(many + "X: y\r\n"), Error::too_many_headers, "431");
}

TEST_CASE("SEC-20 a head at its limit opens, by octets too, in memory that follows it") {
  const std::size_t limit = Config{}.max_head_size;
  const std::size_t room = limit - upgrade_request("X: \r\n").size();
  const std::string request = upgrade_request("X: " + std::string(room, 'x') + "\r\n");
  CHECK(request.size() == limit);
  CHECK(serve(request).events == Records{requested("/chat"), opened()});
  Connection server = Connection::server();
  Records events;
  feed_by_octets(server, request, events);
  CHECK(events == Records{requested("/chat")});
}

TEST_CASE("SEC-21 what could smuggle a request is refused with a complete response") {
  const std::string good = upgrade_request();
  check_refused(upgrade_request("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
                Error::unexpected_body, "400");
  check_refused(upgrade_request("Transfer-Encoding: chunked\r\n"), Error::unexpected_body, "400");
  check_refused(upgrade_request("Content-Length: 5\r\n"), Error::unexpected_body, "400");
  check_refused(upgrade_request("Content-Length: 0\r\nContent-Length: 0\r\n"),
                Error::unexpected_body, "400");
  check_refused(upgrade_request("X: a\r\n folded\r\n"), Error::malformed_header, "400");
  check_refused(upgrade_request("X: a\r\n\tfolded\r\n"), Error::malformed_header, "400");
  check_refused(upgrade_request("X: a\nY: b\r\n"), Error::malformed_header, "400");
  check_refused(upgrade_request("X: a\rY: b\r\n"), Error::malformed_header, "400");
  check_refused(upgrade_request("X: a\0b\r\n"s), Error::malformed_header, "400");
  check_refused(upgrade_request("X : a\r\n"), Error::malformed_header, "400");
  check_refused(upgrade_request(": a\r\n"), Error::malformed_header, "400");
  check_refused(upgrade_request("X\r\n"), Error::malformed_header, "400");
  check_refused(replaced(good, "GET /chat", "GET  /chat"), Error::malformed_request_line, "400");
  check_refused(replaced(good, "\r\n", "\n"), Error::malformed_request_line, "400");
  check_refused(upgrade_request("Host: other.org\r\n"), Error::duplicate_header, "400");
  check_refused(upgrade_request("Sec-WebSocket-Key: " + std::string(sample_key) + "\r\n"),
                Error::duplicate_header, "400");
  check_refused(upgrade_request("Sec-WebSocket-Version: 13\r\n"), Error::duplicate_header, "400");
}

TEST_CASE("SEC-21 nothing is taken while the owner decides, and a refusal discards it") {
  for (const bool plain : {false, true}) {
    const std::string first = plain ? "GET /a HTTP/1.1\r\nHost: a\r\n\r\n" : upgrade_request();
    const std::string second = "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    for (std::size_t cut = 0; cut <= second.size(); ++cut) {
      Connection server = Connection::server();
      std::string early = first + second.substr(0, cut);
      std::string late = second.substr(cut);
      Records events;
      Bytes in = writable(early);
      while (const auto event = server.receive(in)) events.push_back(to_record(*event));
      CHECK(text_of(in) == second.substr(0, cut));
      CHECK_FALSE(server.receive(in));
      CHECK(in.size() == cut);
      CHECK_FALSE(server.refuse({.status = 403, .body = "no"}));
      for (Bytes part : {in, writable(late)}) {
        while (const auto event = server.receive(part)) events.push_back(to_record(*event));
        CHECK(part.empty());
      }
      CHECK(events == Records{requested(plain ? "/a" : "/chat"),
                              closed(plain ? Error::plain_http : Error::refused, 1006)});
      const std::string answer = take_output(server);
      CHECK(answer.starts_with("HTTP/1.1 403 "));
      CHECK(answer.ends_with("\r\n\r\nno"));
      CHECK(answer.find("HTTP/1.1", 1) == std::string::npos);
      CHECK(server.wants_shutdown());
    }
  }
}

TEST_CASE("SEC-21 a request smuggled behind an upgrade is no frame") {
  Connection server = Connection::server();
  std::string input = upgrade_request() + "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
  Bytes in = writable(input);
  REQUIRE(server.receive(in));
  CHECK_FALSE(server.accept());
  CHECK(feed(server, text_of(in)) == Records{opened(), failed(Error::reserved_bits_set)});
}

TEST_CASE("SEC-22 line ends and NUL in what the owner gives are misuse and send nothing") {
  for (const std::string& bad : {"a\r\nX: y"s, "a\nb"s, "a\rb"s, "a\0b"s}) {
    TestEntropy entropy;
    const std::vector<ClientRequest> requests{
        ClientRequest("ws://a/").header("X", bad), ClientRequest("ws://a/").header(bad, "x"),
        ClientRequest("ws://a/").subprotocol(bad), ClientRequest("ws://a/" + bad),
        ClientRequest("ws://" + bad + "/"),        ClientRequest("ws://" + bad + "@a/")};
    for (const ClientRequest& request : requests) {
      CHECK(request.error() != Error::none);
      Connection client = Connection::client(request, entropy);
      CHECK_FALSE(client.wants_write());
    }
    Url by_hand;
    by_hand.host = "a";
    by_hand.target = "/" + bad;
    Connection client = Connection::client(ClientRequest(by_hand), entropy);
    CHECK_FALSE(client.wants_write());

    Connection server = Connection::server();
    feed(server, upgrade_request("Sec-WebSocket-Protocol: a\r\n"));
    CHECK(server.accept({.subprotocol = bad}) == Error::subprotocol_not_requested);
    CHECK(server.accept({.headers = {{"X", bad}}}) == Error::invalid_header);
    CHECK(server.accept({.headers = {{bad, "x"}}}) == Error::invalid_header);
    CHECK(server.refuse({.status = 400, .reason = bad}) == Error::invalid_header);
    CHECK(server.refuse({.status = 400, .headers = {{"X", bad}}}) == Error::invalid_header);
    CHECK_FALSE(server.wants_write());
    CHECK_FALSE(server.accept());
  }
}

TEST_CASE("SEC-23 lists as long as the head allows are read") {
  const std::size_t room = Config{}.max_head_size - 1000;
  const auto repeated = [&](std::string_view part) {
    std::string list;
    while (list.size() + part.size() < room) list.append(part);
    return list;
  };
  for (const std::string_view part : {",", " ,", "a,", "a;b,", "a;b=\"c\",", "a ; b = c ,", "\t"}) {
    INFO(part);
    // Whatever the verdict, each is one of those that the grammar allows, and is reached.
    const Served extensions =
        serve(upgrade_request("Sec-WebSocket-Extensions: x," + repeated(part) + "\r\n"));
    CHECK(extensions.events == Records{requested("/chat"), opened()});
    CHECK(serve(replaced(upgrade_request(), "Connection: ", "Connection: " + repeated("a,")))
              .events == Records{requested("/chat"), opened()});
  }
  check_refused(upgrade_request("Sec-WebSocket-Extensions: x;y=\"" + repeated("\\a") + "\r\n"),
                Error::malformed_extensions, "400");
  check_refused(upgrade_request("Sec-WebSocket-Protocol: " + repeated("a,") + "\r\n"),
                Error::malformed_subprotocols, "400");
  std::string distinct;
  for (int i = 0; distinct.size() < room; ++i) distinct += "p" + std::to_string(i) + ",";
  CHECK(serve(upgrade_request("Sec-WebSocket-Protocol: " + distinct + "\r\n")).events ==
        Records{requested("/chat"), opened()});
}

TEST_CASE("SEC-24 a client opens for no answer but the right one") {
  const auto good = [](const std::string& request) { return upgrade_response(request); };
  CHECK(answer(good) == Records{opened()});
  const auto change = [](std::string_view from, std::string_view to) {
    return
        [=](const std::string& request) { return replaced(upgrade_response(request), from, to); };
  };
  const auto with = [](std::string_view headers) {
    return [=](const std::string& request) { return upgrade_response(request, headers); };
  };
  CHECK(answer([](const std::string&) { return upgrade_response(upgrade_request()); }) ==
        Records{failed(Error::accept_mismatch)});
  CHECK(answer(change("Sec-WebSocket-Accept", "X-Accept")) ==
        Records{failed(Error::missing_accept)});
  CHECK(answer(change("Connection: Upgrade", "Connection: keep-alive")) ==
        Records{failed(Error::missing_connection_upgrade)});
  CHECK(answer(change("Upgrade: websocket", "Upgrade: h2c")) ==
        Records{failed(Error::missing_upgrade)});
  CHECK(answer(with("Sec-WebSocket-Accept: x\r\n")) == Records{failed(Error::duplicate_header)});
  CHECK(answer(with("Sec-WebSocket-Extensions: permessage-deflate\r\n")) ==
        Records{failed(Error::unrequested_extension)});
  CHECK(answer(with("Sec-WebSocket-Extensions: ;;\r\n")) ==
        Records{failed(Error::malformed_extensions)});
  CHECK(answer(with("Sec-WebSocket-Protocol: a\r\n")) ==
        Records{failed(Error::unrequested_subprotocol)});
  const ClientRequest asking = ClientRequest("ws://a/").subprotocol("a").subprotocol("b");
  CHECK(answer(good, asking) == Records{failed(Error::missing_subprotocol)});
  CHECK(answer(with("Sec-WebSocket-Protocol: b\r\n"), asking) == Records{opened("b")});
  CHECK(answer(with("Sec-WebSocket-Protocol: a, b\r\n"), asking) ==
        Records{failed(Error::unrequested_subprotocol)});
  CHECK(answer(with("Sec-WebSocket-Protocol: A\r\n"), asking) ==
        Records{failed(Error::unrequested_subprotocol)});
  CHECK(answer(with("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n"), asking) ==
        Records{failed(Error::duplicate_header)});
  CHECK(answer(change("101 Switching Protocols\r\n", "200 OK\r\nContent-Length: 0\r\n")) ==
        Records{refused(200), closed(Error::refused, 1006)});
}

TEST_CASE("SEC-24 endless interim responses are bounded by the head limit") {
  const auto endless = [](const std::string&) {
    std::string text;
    while (text.size() < 2 * Config{}.max_head_size) text += "HTTP/1.1 102 Processing\r\n\r\n";
    return text;
  };
  CHECK(answer(endless) == Records{failed(Error::head_too_big)});
}

TEST_CASE("SEC-24 endless bodies are cut at their limit") {
  for (const std::string_view framing :
       {"", "Content-Length: 999999999999\r\n", "Transfer-Encoding: chunked\r\n"}) {
    const Records events = answer([&](const std::string&) {
      std::string text = std::string("HTTP/1.1 500 X\r\n").append(framing).append("\r\n");
      if (framing.starts_with("T")) text += "FFFFFFFFFF\r\n";
      return text + std::string(200'000, 'b');
    });
    CHECK(events ==
          Records{refused(500, std::string(64 * 1024, 'b')), closed(Error::refused, 1006)});
  }
}

TEST_CASE("SEC-31 a redirect is a refusal like any other, and nothing is sent again") {
  TestEntropy entropy;
  Connection client = Connection::client("ws://user:secret@example.org/", entropy);
  CHECK(take_output(client).find("\r\nAuthorization: Basic ") != std::string::npos);
  const std::string redirect =
      "HTTP/1.1 302 Found\r\nLocation: ws://elsewhere.org/\r\nContent-Length: 0\r\n\r\n";
  CHECK(feed(client, redirect) == Records{refused(302), closed(Error::refused, 1006)});
  CHECK_FALSE(client.wants_write());
  CHECK(client.is_terminated());
}

TEST_CASE("SEC-32 random heads never do more than end the handshake") {
  const std::string request = upgrade_request("Sec-WebSocket-Protocol: a\r\n");
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Random random(seed);
    std::string input = request;
    for (std::size_t i = 0; i < 1 + random.below(3); ++i)
      input[random.below(input.size())] = random.octets(1)[0];
    Connection server = Connection::server();
    Records events;
    feed(server, input, events);
    if (!events.empty() && events.back().type == Record::Type::requested && server.accept()) {
      CHECK_FALSE(server.refuse({.status = 400}));
    }
    feed_eof(server, events);
    INFO("seed ", seed);
    REQUIRE(events.count(Record::Type::closed) == 1);
    REQUIRE(events.back().type == Record::Type::closed);
    const std::string output = take_output(server);
    REQUIRE((output.empty() || output.starts_with("HTTP/1.1 ")));
    REQUIRE(server.is_terminated());
  }
}

}  // namespace wolframite::test
