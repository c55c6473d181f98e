// Either end opens a stream or learns why not: the answer goes out whole, and a failed attempt
// leaves nothing behind.
#include <sys/socket.h>
#include <unistd.h>

#include "handshaking.hpp"
#include "wolframite/resolver.hpp"

namespace wolframite::test {
namespace {

struct Connected {
  std::optional<Client> client;
  ClientError error;
  bool done = false;
};

Task<> connect_to(Loop& loop, ClientRequest request, Connected& result,
                  ConnectOptions options = {}) {
  auto made = co_await connect(loop, std::move(request), secured(std::move(options)));
  if (made) {
    result.client.emplace(std::move(*made));
  } else {
    result.error = std::move(made.error());
  }
  result.done = true;
}

std::string url(const backend::Listener& listener, std::string_view host = "127.0.0.1") {
  return scheme() + std::string(host) + ":" + std::to_string(listener.port()) + "/chat";
}

TEST_CASE("accept answers an upgrade and gives the stream") {
  Server server;
  server.peer->send(upgrade_request());
  const std::string head = server.peer->receive_until("\r\n\r\n");
  CHECK(head.find("HTTP/1.1 101 ") == 0);
  turn_until(server.loop, [&] { return server.outcome.done; });
  REQUIRE(server.stream);
  CHECK_FALSE(server.stream->holds_buffer());
  Outcome outcome;
  server.loop.spawn(read_all(*server.stream, outcome));
  server.peer->send(client_frame(final_text, "hi"));
  turn_until(server.loop, [&] { return !outcome.messages.empty(); });
  CHECK(outcome.messages.front() == "hi");
}

TEST_CASE("SEC-30 on_request sees the request, and chooses subprotocol and headers") {
  std::string origin, target;
  AcceptOptions options;
  options.on_request = [&](const Request& request) -> Answer {
    origin = request.headers.find("Origin").value_or("none");
    target = request.target;
    Accept accept;
    if (request.offers_subprotocol("chat.2")) accept.subprotocol = "chat.2";
    accept.headers.append("Set-Cookie", "a=b");
    return accept;
  };
  Server server(options);
  server.peer->send(
      upgrade_request("Origin: https://example.org\r\nSec-WebSocket-Protocol: chat.1, chat.2\r\n"));
  const std::string head = server.peer->receive_until("\r\n\r\n");
  CHECK(head.find("Sec-WebSocket-Protocol: chat.2\r\n") != std::string::npos);
  CHECK(head.find("Set-Cookie: a=b\r\n") != std::string::npos);
  CHECK(origin == "https://example.org");
  CHECK(target == "/chat");
  turn_until(server.loop, [&] { return server.outcome.done; });
  CHECK(server.stream);
}

TEST_CASE("an upgrade is refused with a body of any size") {
  AcceptOptions options;
  options.on_request = [](const Request&) -> Answer {
    return Response{403, {}, {}, std::string(3'000'000, 'n')};
  };
  Server server(options);
  server.peer->send(upgrade_request());
  const std::string answer = server.peer->receive_all();
  CHECK(answer.find("HTTP/1.1 403 Forbidden\r\n") == 0);
  CHECK(answer.size() > 3'000'000);
  CHECK(answer.find("Content-Length: 3000000\r\n") != std::string::npos);
  CHECK(server.peer->error() == 0);
}

TEST_CASE("SEC-21 a malformed request is answered 400 and closed") {
  Server server;
  server.peer->send("GET / HTTP/1.1\r\nHost : x\r\n\r\n");
  const std::string answer = server.peer->receive_all();
  CHECK(answer.find("HTTP/1.1 400 ") == 0);
  CHECK(server.outcome.error == ErrorClass::handshake);
}

TEST_CASE("an answer that cannot be sent is an error here and a 500 there") {
  AcceptOptions options;
  options.on_request = [](const Request&) -> Answer { return Accept{"not asked for", {}}; };
  Server server(options);
  server.peer->send(upgrade_request());
  CHECK(server.peer->receive_all().find("HTTP/1.1 500 ") == 0);
  CHECK(server.outcome.error == ErrorClass::misuse);
}

TEST_CASE("SEC-27 the client leaves at every point of the request") {
  const std::string request = upgrade_request();
  for (std::size_t cut = 0; cut < request.size(); cut += 7) {
    for (const bool reset : {false, true}) {
      Server server;
      server.peer->send(request.substr(0, cut));
      settle(server.loop);
      if (reset) {
        server.peer->reset();
      } else {
        server.peer->close();
      }
      turn_until(server.loop, [&] { return server.outcome.done; });
      CHECK(server.outcome.error);
      CHECK_FALSE(server.stream);
    }
  }
}

TEST_CASE("SEC-26 the upgrade is answered after the peer has left") {
  AcceptOptions options;
  Peer* peer = nullptr;
  backend::Loop* loop = nullptr;
  options.on_request_async = [&](const Request&) -> Task<Answer> {
    peer->reset();
    co_await loop->sleep(1ms);
    co_return Accept{};
  };
  Server server(options);
  peer = &*server.peer;
  loop = &server.loop;
  server.peer->send(upgrade_request());
  turn_until(server.loop, [&] { return server.outcome.done; });
  Outcome outcome;
  if (server.stream) run(server.loop, read_all(*server.stream, outcome));
  CHECK((server.outcome.error || outcome.why));
}

TEST_CASE("SEC-26 a handshake is cancelled") {
  for (const std::size_t sent : {std::size_t{0}, std::size_t{20}}) {
    Server server;
    server.peer->send(upgrade_request().substr(0, sent));
    settle(server.loop);
    server.task.cancel();
    server.peer->receive_all();
    CHECK(server.peer->ended());
    turn_until(server.loop, [&] { return server.loop.stream_count() == 0; });
  }
}

TEST_CASE("connect and accept agree on a stream, subprotocol and headers") {
  backend::Loop loop;
  auto listener = listen(loop);
  AcceptOptions options;
  options.on_request = [](const Request& request) -> Answer {
    Accept accept;
    accept.subprotocol = "two";
    accept.headers.append("X-Token", request.headers.find("X-Token").value_or("none"));
    return accept;
  };
  loop.spawn(serve_echo(loop, *listener, options));
  Connected result;
  run(loop, connect_to(loop,
                       ClientRequest(url(*listener))
                           .subprotocol("one")
                           .subprotocol("two")
                           .header("X-Token", "t"),
                       result));
  REQUIRE(result.client);
  CHECK(result.client->response.status == 101);
  CHECK(result.client->response.headers.find("Sec-WebSocket-Protocol") == "two");
  CHECK(result.client->response.headers.find("X-Token") == "t");
  auto talk = [](WebSocketStream& stream) -> Task<> {
    CHECK_FALSE(co_await stream.send("over the wire"));
    auto message = co_await stream.next();
    REQUIRE(message);
    CHECK(message->text() == "over the wire");
    CHECK_FALSE(co_await stream.close());
  };
  run(loop, talk(result.client->stream));
}

TEST_CASE("a refused client gets the response: status, headers and body") {
  backend::Loop loop;
  auto listener = listen(loop);
  AcceptOptions options;
  options.on_request = [](const Request&) -> Answer {
    Response response{401, {}, {}, "who are you?"};
    response.headers.append("WWW-Authenticate", "Basic");
    return response;
  };
  loop.spawn(serve_echo(loop, *listener, options));
  Connected result;
  run(loop, connect_to(loop, url(*listener), result));
  CHECK_FALSE(result.client);
  CHECK(result.error.why == Error::refused);
  REQUIRE(result.error.response);
  CHECK(result.error.response->status == 401);
  CHECK(result.error.response->headers.find("WWW-Authenticate") == "Basic");
  CHECK(result.error.response->body == "who are you?");
}

TEST_CASE("SEC-31 a redirect is a refusal, and nothing is sent to where it leads") {
  backend::Loop loop;
  auto listener = listen(loop);
  auto elsewhere = listen(loop);
  AcceptOptions options;
  std::string credentials;
  options.on_request = [&](const Request& request) -> Answer {
    credentials = request.headers.find("Authorization").value_or("none");
    return Response{302, {}, {{"Location", url(*elsewhere)}}, {}};
  };
  loop.spawn(serve_echo(loop, *listener, options));
  bool visited = false;
  auto watch = [](backend::Listener& on, bool& seen) -> Task<> {
    seen = (co_await on.accept()).has_value();
  };
  TaskHandle watching = loop.spawn(watch(*elsewhere, visited));
  Connected result;
  run(loop, connect_to(loop, url(*listener, "user:secret@127.0.0.1"), result));
  CHECK(result.error.why == Error::refused);
  REQUIRE(result.error.response);
  CHECK(result.error.response->status == 302);
  CHECK(credentials.starts_with("Basic "));
  settle(loop);
  CHECK_FALSE(visited);
  watching.cancel();
}

TEST_CASE("what cannot be connected to is an error, and nothing is sent") {
  backend::Loop loop;
  std::uint16_t free_port = 0;
  { free_port = listen(loop)->port(); }
  Connected nobody, faulty, secure, inconsistent, unresolvable;
  run(loop, connect_to(loop, "ws://127.0.0.1:" + std::to_string(free_port), nobody));
  CHECK(nobody.error.why == std::errc::connection_refused);
  CHECK_FALSE(nobody.error.response);
  run(loop, connect_to(loop, "http://example.org/", faulty));
  CHECK(faulty.error.why == Error::unsupported_url_scheme);
  ConnectOptions options;
  options.config = Config{.max_message_size = 0};
  run(loop, connect_to(loop, "ws://127.0.0.1:1", inconsistent, options));
  CHECK(inconsistent.error.why == Error::invalid_config);
  run(loop, connect_to(loop, "ws://host.invalid/", unresolvable));
  CHECK(unresolvable.error.why);
}

TEST_CASE("SEC-27 a server that leaves during the handshake") {
  backend::Loop loop;
  auto [ours, theirs] = connected();
  Connected result;
  auto ask = [](Loop& on, Socket socket, Connected& into) -> Task<> {
    auto made =
        co_await client(on, scheme() + "example.org/", std::move(socket), secured(ClientOptions{}));
    if (!made) into.error = made.error();
    into.done = true;
  };
  loop.spawn(ask(loop, std::move(ours), result));
  Peer peer(loop, std::move(theirs), new_engine(Role::server));
  const std::string request = peer.receive_until("\r\n\r\n");
  CHECK(request.find("GET / HTTP/1.1\r\n") == 0);
  CHECK(request.find("\r\nHost: example.org\r\n") != std::string::npos);
  peer.send("HTTP/1.1 101 Swi");
  peer.close();
  turn_until(loop, [&] { return result.done; });
  CHECK(result.error.why == ErrorClass::handshake);
}

TEST_CASE("SEC-40 a refusal is told however its body ends") {
  enum class End { late, cut, reset };
  for (const End end : {End::late, End::cut, End::reset}) {
    backend::Loop loop;
    auto [ours, theirs] = connected();
    Connected result;
    ClientError& error = result.error;
    auto ask = [&](Socket socket) -> Task<> {
      ClientOptions options;
      if (end == End::late) options.config = Config{.handshake_timeout = 200ms};
      auto made =
          co_await client(loop, scheme() + "example.org/", std::move(socket), secured(options));
      if (!made) error = std::move(made.error());
      result.done = true;
    };
    loop.spawn(ask(std::move(ours)));
    Peer peer(loop, std::move(theirs), new_engine(Role::server));
    peer.receive_until("\r\n\r\n");
    peer.send("HTTP/1.0 503 Busy\r\nContent-Length: 100\r\n\r\nno");
    settle(loop);
    if (end == End::cut) peer.close();
    if (end == End::reset) peer.reset();
    turn_until(loop, [&] { return result.done; });
    CHECK(error.why == Error::refused);
    REQUIRE(error.response);
    CHECK(error.response->status == 503);
    CHECK(error.response->body == "no");
  }
}

TEST_CASE("a host of two addresses, only one of which answers (RFC 8305)") {
  backend::Loop loop;
  // localhost is 127.0.0.1 and perhaps ::1; each alone must be found.
  for (const char* address : {"127.0.0.1", "::1"}) {
    auto listener = backend::Listener::bind(loop, address, 0);
    if (!listener) {
      MESSAGE("no ", std::string(address), " on this machine: ", listener.error().message());
      continue;
    }
    Result<std::vector<Endpoint>> found;
    auto look_up = [](Loop& on, std::uint16_t port, Result<std::vector<Endpoint>>& into) -> Task<> {
      into = co_await resolve(on, "localhost", port);
    };
    run(loop, look_up(loop, (*listener)->port(), found));
    REQUIRE(found);
    if (std::find(found->begin(), found->end(), (*listener)->local_endpoint()) == found->end()) {
      MESSAGE("localhost is not ", std::string(address), " on this machine");
      continue;
    }
    TaskHandle server = loop.spawn(serve_echo(loop, **listener));
    Connected result;
    run(loop, connect_to(loop, url(**listener, "localhost"), result));
    CHECK(result.client);
    server.cancel();
  }
}

TEST_CASE(
    "the address that answers is found behind ones that refuse and one that is silent (RFC 8305)") {
  backend::Loop loop;
  auto listener = listen(loop);
  const Endpoint good = listener->local_endpoint();
  std::uint16_t closed_port = 0;
  { closed_port = listen(loop)->port(); }
  // A listener whose backlog is full answers nobody.
  auto silent = backend::Listener::bind(loop, "127.0.0.1", 0, {.backlog = 0});
  REQUIRE(silent);
  std::vector<Socket> crowd;
  for (int i = 0; i < 8; ++i) {
    auto socket = Socket::open(AF_INET);
    REQUIRE(socket);
    const Endpoint& where = (*silent)->local_endpoint();
    static_cast<void>(::connect(socket->fd(), where.data(), where.size()));
    crowd.push_back(std::move(*socket));
  }
  auto connect_one_of = [](Loop& on, std::vector<Endpoint> endpoints,
                           Result<Socket>& into) -> Task<> {
    into = co_await connect_socket(on, std::move(endpoints), ConnectOptions{.attempt_delay = 1ms});
  };
  const Endpoint refuses = *Endpoint::ip("127.0.0.1", closed_port);
  const Endpoint refuses_v6 = *Endpoint::ip("::1", closed_port);
  const Endpoint hangs = (*silent)->local_endpoint();
  for (const auto& endpoints :
       std::vector<std::vector<Endpoint>>{{good},
                                          {refuses, good},
                                          {refuses_v6, good},
                                          {good, refuses_v6},
                                          {hangs, good},
                                          {refuses_v6, hangs, refuses, good}}) {
    Result<Socket> socket = tl::unexpected(std::error_code{});
    run(loop, connect_one_of(loop, endpoints, socket));
    REQUIRE(socket);
    CHECK(*socket->remote_endpoint() == good);
  }
  Result<Socket> none = Socket();
  run(loop, connect_one_of(loop, {refuses_v6, refuses}, none));
  CHECK(none.error() == std::errc::connection_refused);
  run(loop, connect_one_of(loop, {}, none));
  CHECK(none.error() == std::errc::address_not_available);
}

TEST_CASE("connecting is given up at its time limit, and can be cancelled") {
  backend::Loop loop;
  // A listener whose backlog is full answers nobody.
  auto silent = backend::Listener::bind(loop, "127.0.0.1", 0, {.backlog = 0});
  REQUIRE(silent);
  std::vector<Socket> crowd;
  const Endpoint endpoint = (*silent)->local_endpoint();
  for (int i = 0; i < 8; ++i) {
    auto socket = Socket::open(AF_INET);
    REQUIRE(socket);
    static_cast<void>(::connect(socket->fd(), endpoint.data(), endpoint.size()));
    crowd.push_back(std::move(*socket));
  }
  Connected late;
  run(loop, connect_to(loop, url(**silent), late, ConnectOptions{.connect_timeout = 1ms}));
  CHECK(late.error.why == std::errc::timed_out);
  Connected never;
  TaskHandle task = loop.spawn(connect_to(loop, url(**silent), never));
  settle(loop);
  CHECK_FALSE(never.done);
  task.cancel();
  CHECK(loop.task_count() == 0);
}

TEST_CASE("Unix sockets: listen on a path, connect, talk") {
  backend::Loop loop;
  const std::string path = "/tmp/wolframite-test-" + std::to_string(::getpid()) + ".sock";
  {
    auto listener = backend::Listener::bind_unix(loop, path);
    REQUIRE(listener);
    CHECK(backend::Listener::bind_unix(loop, path).error() == std::errc::address_in_use);
    TaskHandle server = loop.spawn(serve_echo(loop, **listener));
    auto talk = [](Loop& on, std::string where, bool& done) -> Task<> {
      auto socket = co_await connect_socket(on, *Endpoint::unix_path(where));
      REQUIRE(socket);
      auto made = co_await client(on, scheme() + "localhost/", std::move(*socket),
                                  secured(ClientOptions{}));
      REQUIRE(made);
      CHECK_FALSE(co_await made->stream.send("local"));
      auto message = co_await made->stream.next();
      REQUIRE(message);
      CHECK(message->text() == "local");
      CHECK_FALSE(co_await made->stream.close());
      done = true;
    };
    bool done = false;
    run(loop, talk(loop, path, done));
    CHECK(done);
    server.cancel();
  }
  CHECK(::access(path.c_str(), F_OK) != 0);
}

}  // namespace
}  // namespace wolframite::test
