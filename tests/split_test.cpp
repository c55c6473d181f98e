// Invariant: whatever way the input is cut, a connection gives the same events and the same output.
#include <doctest/doctest.h>

#include "input_cases.hpp"

namespace wolframite::test {
namespace {

struct Outcome {
  Records events;
  std::string output;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << outcome.events << "\n  output " << in_quotes(outcome.output);
}

Outcome run(const InputCase& input, const std::vector<std::size_t>& cuts, bool chunks = false) {
  Config config = input.config;
  config.deliver_chunks = chunks;
  TestEntropy entropy;
  Connection connection = Connection::from_raw(input.role, &entropy, config);
  Records events;
  feed(connection, input.input, cuts, events);
  return {chunks ? merged(events) : events, take_output(connection)};
}

std::vector<std::size_t> every_index(std::size_t size) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < size; ++i) cuts.push_back(i);
  return cuts;
}

void check_every_cut(const InputCase& input) {
  INFO(input.name, ": ", to_hex(input.input.substr(0, 100)));
  const Outcome whole = run(input, {});
  CHECK(whole.events == input.events);
  const std::vector<std::size_t> octets = every_index(input.input.size());
  CHECK(run(input, octets) == whole);
  CHECK(run(input, {}, true) == whole);
  CHECK(run(input, octets, true) == whole);
  for (std::size_t cut = 0; cut <= input.input.size(); ++cut) {
    const Outcome in_two = run(input, {cut});
    const Outcome in_pieces = run(input, {cut}, true);
    if (in_two == whole && in_pieces == whole) continue;
    INFO("cut at ", cut);
    CHECK(in_two == whole);
    CHECK(in_pieces == whole);
  }
  Random random(input.input.size());
  for (int round = 0; round < 20; ++round) {
    std::vector<std::size_t> cuts;
    for (std::size_t i = 0; i < input.input.size(); ++i) {
      if (random.one_in(5)) cuts.push_back(i);
      if (random.one_in(20)) cuts.push_back(i);  // an empty piece
    }
    CHECK(run(input, cuts) == whole);
  }
}

}  // namespace

TEST_CASE("valid frames mean the same however they are cut") {
  for (const Role role : {Role::server, Role::client}) {
    for (const InputCase& input : valid_frame_cases(role)) check_every_cut(input);
  }
}

TEST_CASE("invalid frames fail the same way however they are cut") {
  for (const Role role : {Role::server, Role::client}) {
    for (const InputCase& input : invalid_frame_cases(role)) check_every_cut(input);
  }
}

TEST_CASE("a server's handshake means the same however the request is cut") {
  struct Case {
    std::string name, input;
    Records events;
  };
  const std::string request =
      upgrade_request("Sec-WebSocket-Protocol: a, b\r\nX-Long: " + std::string(200, 'x') + "\r\n");
  std::string lower = request;
  lower.replace(lower.find("websocket"), 9, "WebSocket");
  const auto without = [&](std::string_view name) {
    std::string cut = upgrade_request();
    const std::size_t begin = cut.find(name);
    return cut.erase(begin, cut.find("\r\n", begin) + 2 - begin);
  };
  const Records opens{requested("/chat"), opened("b")};
  const std::vector<Case> cases{
      {"good", request, opens},
      {"good in other case", lower, opens},
      {"an empty line first", "\r\n" + request, opens},
      {"no host", without("Host"), {failed(Error::missing_host)}},
      {"no key", without("Sec-WebSocket-Key"), {failed(Error::missing_key)}},
      {"no version", without("Sec-WebSocket-Version"), {failed(Error::missing_version)}},
      {"no connection", without("Connection"), {failed(Error::missing_connection_upgrade)}},
      {"no upgrade", without("Upgrade"), {failed(Error::missing_upgrade)}},
      {"a fold", upgrade_request("X: a\r\n b\r\n"), {failed(Error::malformed_header)}},
      {"a bare LF", upgrade_request("X: a\n"), {failed(Error::malformed_header)}},
      {"garbage",
       "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03",
       {failed(Error::malformed_request_line)}},
      {"HTTP/1.2", "GET / HTTP/1.2\r\n\r\n", {failed(Error::version_not_http_1_1)}},
      {"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", {failed(Error::method_not_get)}},
      {"HEAD in HTTP/2.0", "HEAD / HTTP/2.0\r\n\r\n", {failed(Error::version_not_http_1_1)}},
      {"a frame behind it",
       request + client_frame(final_text, "early"),
       {requested("/chat"), opened("b"), text("early")}},
      {"another request behind it",
       request + "GET / HTTP/1.1\r\n",
       {requested("/chat"), opened("b"), failed(Error::reserved_bits_set)}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    // The owner answers at once, or when all has come.
    const auto answer = [&](const std::vector<std::size_t>& cuts, bool at_once = true) {
      Connection server = Connection::server();
      Outcome outcome;
      std::vector<std::byte> kept;
      const auto receive = [&](std::string_view part) {
        kept.insert(kept.end(), bytes_of(part).begin(), bytes_of(part).end());
        Bytes in(kept);
        while (const auto event = server.receive(in)) {
          outcome.events.push_back(to_record(*event));
          const bool asks = std::holds_alternative<Requested>(*event);
          if (asks && at_once) CHECK_FALSE(server.accept({.subprotocol = "b"}));
        }
        kept.erase(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(in.size()));
      };
      std::size_t from = 0;
      for (const std::size_t cut : cuts) {
        receive(std::string_view(c.input).substr(from, cut - from));
        from = cut;
      }
      receive(std::string_view(c.input).substr(from));
      if (!at_once && outcome.events == Records{requested("/chat")}) {
        CHECK_FALSE(server.accept({.subprotocol = "b"}));
      }
      receive("");
      CHECK(kept.empty());
      outcome.output = take_output(server);
      return outcome;
    };
    const Outcome whole = answer({});
    CHECK(whole.events == c.events);
    CHECK(whole.output.starts_with("HTTP/1.1 "));
    for (const bool at_once : {true, false}) {
      CHECK(answer(every_index(c.input.size()), at_once) == whole);
      for (std::size_t cut = 0; cut <= c.input.size(); ++cut) {
        const Outcome in_two = answer({cut}, at_once);
        if (in_two == whole) continue;
        INFO("cut at ", cut);
        CHECK(in_two == whole);
      }
    }
  }
}

TEST_CASE("a client's handshake means the same however the response and what follows are cut") {
  struct Case {
    std::string name, input;
    Records events;
  };
  TestEntropy sample_entropy;
  Connection sample = Connection::client("ws://example.org/", sample_entropy);
  const std::string request = take_output(sample);
  const std::string good = upgrade_response(request);
  std::string wrong = good;
  wrong[wrong.find("Sec-WebSocket-Accept: ") + 22] ^= 1;
  const std::vector<Case> cases{
      {"good", good, {opened()}},
      {"frames at once",
       good + server_frame(final_text, "hi") + server_frame(ping_frame, "p") +
           server_frame(close_frame),
       {opened(), text("hi"), pinged("p"), closing(1005)}},
      {"a violation at once",
       good + client_frame(final_text, "hi"),
       {opened(), failed(Error::masked_frame_from_server)}},
      {"interim responses",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + good,
       {opened()}},
      {"wrong key", wrong + server_frame(final_text, "hi"), {failed(Error::accept_mismatch)}},
      {"refused without body",
       "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
       {refused(404), closed(Error::refused, 1006)}},
      {"refused in HTTP/1.0, with a folded line",
       "HTTP/1.0 403 No\r\nX: a\r\n  b\r\nContent-Length:\r\n 5\r\n\r\nno waymore",
       {refused(403, "no wa"), closed(Error::refused, 1006)}},
      {"refused with body",
       "HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nno waymore",
       {refused(403, "no wa"), closed(Error::refused, 1006)}},
      {"refused in chunks",
       "HTTP/1.1 503 Busy\r\nTransfer-Encoding: "
       "chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\nrest",
       {refused(503, "abcde"), closed(Error::refused, 1006)}},
      {"an HTTP/2 server",
       hex("00 00 12 04 00 00 00 00 00"),
       {failed(Error::malformed_status_line)}},
      {"a bare LF",
       "HTTP/1.1 101 X\nUpgrade: websocket\r\n\r\n",
       {failed(Error::malformed_status_line)}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const auto answer = [&](const std::vector<std::size_t>& cuts) {
      TestEntropy entropy;
      Connection client = Connection::client("ws://example.org/", entropy);
      CHECK(take_output(client) == request);
      Outcome outcome;
      feed(client, c.input, cuts, outcome.events);
      outcome.output = take_output(client);
      return outcome;
    };
    const Outcome whole = answer({});
    CHECK(whole.events == c.events);
    CHECK(answer(every_index(c.input.size())) == whole);
    for (std::size_t cut = 0; cut <= c.input.size(); ++cut) {
      const Outcome in_two = answer({cut});
      if (in_two == whole) continue;
      INFO("cut at ", cut);
      CHECK(in_two == whole);
    }
  }
}

TEST_CASE("bytes read beyond the handshake mean the same as those received after it") {
  for (const Role role : {Role::server, Role::client}) {
    for (const InputCase& input : valid_frame_cases(role)) {
      INFO(input.name);
      for (std::size_t cut = 0; cut <= input.input.size(); ++cut) {
        TestEntropy entropy;
        Connection connection = Connection::from_partially_read(
            bytes_of(std::string_view(input.input).substr(0, cut)), role, &entropy, input.config);
        Records events;
        feed(connection, input.input.substr(cut), events);
        if (events != input.events) {
          INFO("cut at ", cut);
          CHECK(events == input.events);
        }
      }
    }
  }
}

}  // namespace wolframite::test
