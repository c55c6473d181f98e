// Plain HTTP is answered as it asks, and what lies behind a request waits for its answer, however
// TCP cuts it.
#include "handshaking.hpp"

namespace wolframite::test {
namespace {

/// Accepts upgrades, and answers plain HTTP with 200; at once, or after some turns of the loop.
AcceptOptions answering(backend::Loop*& loop, bool late, int& asked) {
  AcceptOptions options;
  const auto decide = [&asked](const Request& request) -> Answer {
    ++asked;
    if (!request.is_upgrade()) return Response{200, {}, {}, "healthy\n"};
    return Accept{};
  };
  if (late) {
    options.on_request_async = [&loop, decide](const Request& request) -> Task<Answer> {
      for (int i = 0; i < 5; ++i) co_await loop->sleep(1ms);
      co_return decide(request);
    };
  } else {
    options.on_request = decide;
  }
  return options;
}

TEST_CASE("frames sent before the answer come after it, however they are cut") {
  const std::string request = upgrade_request();
  const std::string frames = client_frame(final_text, "early") + client_frame(final_text, "bird");
  const std::string both = request + frames;
  for (const bool late : {false, true}) {
    for (const std::size_t cut : {std::size_t{1}, request.size() - 1, request.size(),
                                  request.size() + 1, both.size() - 1, both.size()}) {
      backend::Loop* loop = nullptr;
      int asked = 0;
      Server server(answering(loop, late, asked));
      loop = &server.loop;
      server.peer->send(both.substr(0, cut));
      settle(server.loop);
      server.peer->send(both.substr(cut));
      turn_until(server.loop, [&] { return server.outcome.done; });
      REQUIRE(server.stream);
      Outcome outcome;
      server.loop.spawn(read_all(*server.stream, outcome));
      turn_until(server.loop, [&] { return outcome.messages.size() == 2; });
      CHECK(outcome.messages.front() == "early");
      CHECK(outcome.messages.back() == "bird");
      CHECK(asked == 1);
      CHECK(server.peer->receive_until("\r\n\r\n").find("HTTP/1.1 101 ") == 0);
    }
  }
}

TEST_CASE("SEC-21 of pipelined requests the first is answered, and no other is asked about") {
  const std::string request = "GET /health HTTP/1.1\r\nHost: example.org\r\n\r\n";
  const std::string both = request + request;
  for (const bool late : {false, true}) {
    for (const std::size_t cut :
         {std::size_t{1}, request.size() - 1, request.size(), request.size() + 1, both.size()}) {
      backend::Loop* loop = nullptr;
      int asked = 0;
      Server server(answering(loop, late, asked));
      loop = &server.loop;
      server.peer->send(both.substr(0, cut));
      if (late) settle(server.loop);
      server.peer->send(both.substr(cut));
      const std::string answer = server.peer->receive_all();
      CHECK(answer.find("HTTP/1.1 200 OK\r\n") == 0);
      CHECK(answer.find("HTTP/1.1", 1) == std::string::npos);
      CHECK(answer.ends_with("\r\n\r\nhealthy\n"));
      CHECK(server.peer->error() == 0);
      turn_until(server.loop, [&] { return server.outcome.done; });
      CHECK(server.outcome.error == Error::plain_http);
      CHECK(asked == 1);
    }
  }
}

TEST_CASE("SEC-41 HTTP/1.0, HEAD and OPTIONS are answered as they ask") {
  for (const std::string head :
       {"OPTIONS / HTTP/1.0\r\n", "GET / HTTP/1.0\r\n", "HEAD / HTTP/1.0\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n"}) {
    for (const bool cares : {true, false}) {
      backend::Loop* loop = nullptr;
      int asked = 0;
      Server server(cares ? answering(loop, false, asked) : AcceptOptions{});
      server.peer->send(head + "\r\n");
      const std::string answer = server.peer->receive_all();
      CHECK(answer.find(cares ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 426 ") == 0);
      CHECK(answer.find("\r\nContent-Length: ") != std::string::npos);
      CHECK(answer.ends_with("\r\n\r\n") == head.starts_with("HEAD"));
      turn_until(server.loop, [&] { return server.outcome.done; });
      CHECK(server.outcome.error == Error::plain_http);
    }
  }
}

TEST_CASE("a health check is answered 200, in full and before the end") {
  AcceptOptions options;
  options.on_request = [](const Request& request) -> Answer {
    if (!request.is_upgrade()) return Response{200, {}, {}, "healthy\n"};
    return Accept{};
  };
  Server server(options);
  server.peer->send("GET /health HTTP/1.1\r\nHost: example.org\r\n\r\n");
  const std::string answer = server.peer->receive_all();
  CHECK(answer.find("HTTP/1.1 200 OK\r\n") == 0);
  CHECK(answer.find("\r\n\r\nhealthy\n") != std::string::npos);
  CHECK(server.peer->error() == 0);
  CHECK(server.outcome.error == Error::plain_http);
  server.peer->close();
  turn_until(server.loop, [&] { return server.loop.stream_count() == 0; });
}

TEST_CASE("plain HTTP gets 426 where nobody cares for it, even if the callback accepts") {
  for (const bool callback : {false, true}) {
    AcceptOptions options;
    if (callback) options.on_request = [](const Request&) -> Answer { return Accept{}; };
    Server server(options);
    server.peer->send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    const std::string answer = server.peer->receive_all();
    CHECK(answer.find("HTTP/1.1 426 ") == 0);
    CHECK(answer.find("Sec-WebSocket-Version: 13\r\n") != std::string::npos);
    CHECK(server.outcome.error == Error::plain_http);
  }
}

}  // namespace
}  // namespace wolframite::test
