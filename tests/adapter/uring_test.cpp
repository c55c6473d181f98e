// However small its queues are and however few buffers the kernel has, the io_uring loop loses and
// delays nothing; it gives everything back; and it says what is missing where it cannot work.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <iterator>
#include <thread>

#include "flood.hpp"

namespace wolframite::test {
namespace {

// Many streams talk at once: more results than fit the queue, more sends than it takes, more
// receives than buffers.
TEST_CASE("SEC-29 queues of two and one buffer are enough") {
  for (const bool plain : {false, true}) {
    uring::Loop loop(
        {.submissions = 2, .completions = 4, .buffers = 1, .max_buffers = 4, .plain = plain});
    std::vector<Peer> peers;
    for (int i = 0; i < 100; ++i) {
      Pair pair = open_pair(loop, Role::server, Transport::local);
      peers.push_back(std::move(pair.peer));
      loop.spawn(echo(std::move(pair.stream)));
    }
    for (std::size_t round = 0; round < 5; ++round) {
      for (std::size_t i = 0; i < peers.size(); ++i) {
        peers[i].send(
            client_frame(final_text, std::to_string(i) + std::string(round * 10'000, 'x')));
      }
      for (std::size_t i = 0; i < peers.size(); ++i) {
        const std::string text = std::to_string(i) + std::string(round * 10'000, 'x');
        const std::string frame = header(final_text, text.size()) + text;
        CHECK(peers[i].receive(frame.size()) == frame);
      }
    }
    if (!loop.is_plain()) {
      CHECK(loop.buffer_shortages() > 0);
      CHECK(loop.posted_buffers() <= 4);
    }
    for (Peer& peer : peers) peer.close();
    turn_until(loop, [&] { return loop.task_count() == 0 && loop.stream_count() == 0; });
    CHECK(loop.buffers().lent() == 0);
    CHECK(loop.requests() == 0);
  }
}

TEST_CASE(
    "SEC-29 streams that hold on to what they received do not leave the others without buffers") {
  uring::Loop loop({.buffers = 2, .max_buffers = 2});
  std::vector<Pair> holding;
  for (int i = 0; i < 20; ++i) {
    holding.push_back(open_pair(loop, Role::server, Transport::local));
    auto take_one = [](WebSocketStream& stream) -> Task<> { CHECK(co_await stream.next()); };
    TaskHandle task = loop.spawn(take_one(holding.back().stream));
    holding.back().peer.send(client_frame(final_text, "held"));
    turn_until(loop, [&] { return task.done(); });
  }
  CHECK(loop.buffers().lent() == 20);
  Pair pair = open_pair(loop);
  loop.spawn(echo(std::move(pair.stream)));
  pair.peer.send(client_frame(final_text, "served"));
  CHECK(pair.peer.receive(8) == header(final_text, 6) + "served");
}

// Where buffers are few, whoever is fed takes all of them; the others keep their place.
TEST_CASE("SEC-29 many that flood are all served, and so is one that says little") {
  for (const unsigned buffers : {1U, 4U, 64U}) {
    uring::Loop loop({.buffers = buffers, .max_buffers = buffers});
    check_that_all_are_served(loop);
  }
}

TEST_CASE("the kernel has few buffers while each brings a lot, and more once they bring little") {
  uring::Loop loop;
  {
    Flooded flooded(loop, 4);
    turn_until(loop, [&] { return loop.posted_buffers() <= 4; });
  }
  std::vector<Peer> peers;
  for (int i = 0; i < 200; ++i) {
    Pair pair = open_pair(loop);
    peers.push_back(std::move(pair.peer));
    loop.spawn(echo(std::move(pair.stream)));
  }
  while (loop.posted_buffers() < 16) {
    for (Peer& peer : peers) peer.send(client_frame(final_text, "little"));
    for (Peer& peer : peers) CHECK(peer.receive(8) == server_frame(final_text, "little"));
  }
}

TEST_CASE("a stream that ends while it waits for a buffer is waited for by nobody") {
  uring::Loop loop({.buffers = 1, .max_buffers = 1});
  Flooded flooded(loop, 2);
  for (int i = 0; i < 50; ++i) {
    Pair pair = open_pair(loop);
    const TaskHandle task = loop.spawn(echo(std::move(pair.stream)));
    for (int j = 0; j < 3; ++j) pair.peer.send(client_frame(final_text, "gone"));
    const auto shortages = loop.buffer_shortages();
    turn_until(loop, [&] { return loop.buffer_shortages() > shortages + 3; });
    TaskHandle(task).cancel();
  }
  flooded.stop();
  turn_until(loop, [&] { return loop.task_count() == 0 && loop.stream_count() == 0; });
  CHECK(loop.requests() == 0);
  CHECK(loop.buffers().lent() == 0);
}

TEST_CASE("a stream that nobody reads keeps a little, and loses nothing") {
  uring::Loop loop({.buffer_size = 4096});
  Pair pair = open_pair(loop, Role::server, Transport::local);
  std::string sent;
  for (int i = 0; i < 20'000; ++i) {
    const std::string frame = client_frame(final_text, std::to_string(i));
    if (::send(pair.peer.socket().fd(), frame.data(), frame.size(), MSG_NOSIGNAL) < 0) break;
    sent += std::to_string(i);
    if (i % 50 == 0) loop.run_once(0ms);
  }
  settle(loop);
  // It stops once it has enough; what was on its way by then may have filled a few buffers more.
  CHECK(loop.memory().counters().in_use + loop.buffers().lent() > 0);
  CHECK(loop.buffers().lent() <= 40);
  CHECK(loop.requests() == 0);
  pair.peer.finish();
  Outcome outcome;
  TaskHandle task = loop.spawn(read_all(pair.stream, outcome));
  turn_until(loop, [&] { return task.done(); });
  std::string received;
  for (const std::string& message : outcome.messages) received += message;
  CHECK(received == sent);
}

TEST_CASE("SEC-28 a few bytes that nobody reads hold a few bytes, on each of many streams") {
  uring::Loop loop;
  if (loop.is_plain()) return;  // then they stay in the kernel
  std::vector<Pair> pairs;
  for (int i = 0; i < 100; ++i) pairs.push_back(open_pair(loop, Role::server, Transport::local));
  settle(loop);
  const std::size_t before = loop.memory().counters().in_use;
  for (int piece = 0; piece < 5; ++piece) {
    for (Pair& pair : pairs) pair.peer.send(client_frame(final_text, std::to_string(piece)));
    settle(loop);
  }
  CHECK(loop.buffers().lent() == 0);
  CHECK(loop.memory().counters().in_use - before <= pairs.size() * 256);
  for (Pair& pair : pairs) pair.peer.finish();
  for (Pair& pair : pairs) {
    Outcome outcome;
    run(loop, read_all(pair.stream, outcome));
    CHECK(outcome.messages == std::vector{"0"s, "1"s, "2"s, "3"s, "4"s});
  }
  CHECK(loop.memory().counters().in_use == before);
}

TEST_CASE("a size of buffers that cannot be used is refused, other numbers are made to fit") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{80}, ~std::size_t{0}}) {
    std::error_code error;
    try {
      uring::Loop loop({.buffer_size = size});
    } catch (const std::system_error& caught) {
      error = caught.code();
    }
    CHECK(error == std::errc::invalid_argument);
  }
  uring::Loop least({.submissions = 0, .completions = 0, .buffer_size = 1024, .buffers = 0});
  Pair pair = open_pair(least);
  least.spawn(echo(std::move(pair.stream)));
  pair.peer.send(client_frame(final_text, "least"));
  CHECK(pair.peer.receive(7) == server_frame(final_text, "least"));
}

// What one stream receives makes another send, which ends by its own peer's doing in that turn.
TEST_CASE("SEC-26 a stream that ends while it is to send is sent for no more") {
  auto drain = [](WebSocketStream stream, WebSocketStream*& at) -> Task<> {
    at = &stream;
    while (const auto message = co_await stream.next()) {
    }
    at = nullptr;
  };
  auto pass_on = [](WebSocketStream stream, WebSocketStream*& to) -> Task<> {
    while (auto message = co_await stream.next()) {
      if (to != nullptr) static_cast<void>(co_await to->send(message->kind, message->data));
    }
  };
  uring::Loop loop;
  Pair from = open_pair(loop, Role::server, Transport::local);
  Pair into = open_pair(loop, Role::server, Transport::local);
  WebSocketStream* receiver = nullptr;
  loop.spawn(drain(std::move(into.stream), receiver));
  loop.spawn(pass_on(std::move(from.stream), receiver));
  settle(loop);
  const std::string large = client_frame(final_binary, std::string(200'000, 'x'));
  const std::size_t most = large.size() - 10;
  from.peer.send(large.substr(0, most));
  settle(loop);
  from.peer.send(large.substr(most) + client_frame(final_binary, "one more"));
  into.peer.finish();
  turn_until(loop, [&] { return receiver == nullptr; });
  from.peer.close();
  turn_until(loop, [&] { return loop.task_count() == 0 && loop.stream_count() == 0; });
  CHECK(loop.requests() == 0);
}

TEST_CASE("what came before it was asked for is given without suspending") {
  uring::Loop loop({.buffer_size = 4096});
  Pair pair = open_pair(loop);
  const std::string text(3000, 'x');  // does not share a buffer
  for (int i = 0; i < 2; ++i) pair.peer.send(client_frame(final_text, text));
  settle(loop);
  if (!loop.is_plain()) {
    CHECK(loop.buffers().lent() == 2);
    for (int i = 0; i < 2; ++i) {
      auto next = pair.stream.next();
      REQUIRE(next.await_ready());
      const auto message = next.await_resume();
      REQUIRE(message);
      CHECK(text_of(message->data) == text);
    }
    CHECK_FALSE(pair.stream.next().await_ready());
  }
  // More still comes.
  loop.spawn(echo(std::move(pair.stream)));
  pair.peer.send(client_frame(final_text, text));
  CHECK(pair.peer.receive_until(text).ends_with(server_frame(final_text, text)));
}

TEST_CASE("who waits for room goes on in the turn that makes it") {
  uring::Loop loop;
  if (loop.is_plain()) return;  // then it is told that there may be room, and writes first
  Pair pair = open_pair(loop, Role::server, Transport::local);
  auto wait = [](WebSocketStream& stream) -> Task<> { CHECK_FALSE(co_await stream.ready()); };
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(pair.stream.feed(Kind::binary, std::vector<std::byte>(8U << 20U)));
    const TaskHandle task = loop.spawn(wait(pair.stream));
    turn_until(loop, [&] {
      static_cast<void>(pair.peer.receive_now());
      return pair.stream.pending_output() == 0;
    });
    CHECK(task.done());
  }
}

TEST_CASE("a loop gives large blocks back once they were not used for a while") {
  uring::Loop loop;
  constexpr std::size_t large = 1U << 20U;
  const auto use = [&] { loop.memory().deallocate(loop.memory().allocate(large), large); };
  use();
  loop.run_once(0ms);
  CHECK(loop.deadline());
  use();
  loop.timers().fire(loop.now() + 11s);
  CHECK(loop.memory().large_cached() >= large);  // they were used meanwhile
  loop.run_once(0ms);
  loop.timers().fire(loop.now() + 11s);
  CHECK(loop.memory().large_cached() == 0);
  loop.run_once(0ms);
  CHECK_FALSE(loop.deadline());
}

TEST_CASE("a loop may be made, run and destroyed by different threads") {
  auto loop = std::make_unique<uring::Loop>(uring::LoopOptions{.submissions = 4});
  std::vector<Peer> peers;
  for (int i = 0; i < 20; ++i) {
    Pair pair = open_pair(*loop, Role::server, Transport::local);
    peers.push_back(std::move(pair.peer));
    loop->spawn(echo(std::move(pair.stream)));
  }
  auto listener = listen(*loop);
  loop->spawn(serve_echo(*loop, *listener));
  peers.front().send(client_frame(final_text, "ring"));
  std::thread runner([&] {
    while (peers.front().receive_now().empty()) loop->run_once(1ms);
  });
  runner.join();
  listener.reset();
  loop.reset();
  for (std::size_t i = 1; i < peers.size(); ++i) {
    // The kernel ends the requests of a thread that is gone in its own time.
    pollfd watched{peers[i].socket().fd(), POLLIN, 0};
    CHECK(::poll(&watched, 1, -1) == 1);
    CHECK(peers[i].receive_now().empty());
    CHECK(peers[i].ended());
  }
}

TEST_CASE("a loop that is destroyed waits until the kernel has let go of what it was sending") {
  uring::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::local);
  auto flood = [](WebSocketStream stream) -> Task<> {
    const std::string text(100'000, 'x');
    while (!co_await stream.send(text)) {
    }
  };
  loop.spawn(flood(std::move(pair.stream)));
  settle(loop);
  CHECK(loop.requests() == 2);  // it is blocked: one sends, one receives
}

TEST_CASE(
    "SEC-26 a stream that is dropped while a send is blocked goes once the kernel has let go") {
  uring::Loop loop;
  Pair pair = open_pair(loop, Role::server, Transport::local);
  auto flood = [](WebSocketStream stream) -> Task<> {
    const std::string text(100'000, 'x');
    while (!co_await stream.send(text)) {
    }
  };
  TaskHandle task = loop.spawn(flood(std::move(pair.stream)));
  settle(loop);
  task.cancel();
  loop.run();
  CHECK(loop.stream_count() == 0);
  CHECK(loop.requests() == 0);
  CHECK(loop.memory().counters().in_use == 0);
}

TEST_CASE("what was queued when the handle is dropped is sent once, in order") {
  uring::Loop loop;
  Pair pair = open_pair(loop);
  auto send_and_leave = [](WebSocketStream stream) -> Task<> {
    CHECK_FALSE(stream.feed(Kind::text, bytes_of("first")));
    [[maybe_unused]] auto flushing = stream.flush();
    CHECK_FALSE(stream.feed(Kind::text, bytes_of("second")));
    co_return;
  };
  loop.spawn(send_and_leave(std::move(pair.stream)));
  CHECK(pair.peer.receive_all() ==
        header(final_text, 5) + "first" + header(final_text, 6) + "second");
}

TEST_CASE("sockets that were accepted ahead are closed with their listener") {
  uring::Loop loop;
  auto listener = listen(loop);
  const Endpoint endpoint = listener->local_endpoint();
  auto accept_one = [](uring::Listener& on) -> Task<> { CHECK(co_await on.accept()); };
  TaskHandle task = loop.spawn(accept_one(*listener));
  std::vector<Socket> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(*Socket::open(AF_INET));
    ::connect(clients.back().fd(), endpoint.data(), endpoint.size());
  }
  turn_until(loop, [&] { return task.done(); });
  settle(loop);
  listener.reset();
  settle(loop);
  CHECK(loop.requests() == 0);
  for (Socket& client : clients) {
    Peer peer(loop, std::move(client));
    CHECK(peer.receive_all().empty());
  }
  Socket late = *Socket::open(AF_INET);
  ::connect(late.fd(), endpoint.data(), endpoint.size());
  Peer refused(loop, std::move(late));
  refused.receive_all();
  CHECK(refused.error() == ECONNREFUSED);
}

// Makes the system call fail in a child, as container runtimes do, and returns what the loop says
// to it there.
std::string without_io_uring(int error) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
    std::string said = "nothing";
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      said = "no filter";
    } else {
      try {
        uring::Loop loop;
      } catch (const std::system_error& caught) {
        said = std::to_string(caught.code().value()) + ' ' + caught.what();
      }
    }
    const ssize_t written = ::write(ends[1], said.data(), said.size());
    ::_exit(written > 0 ? 0 : 1);
  }
  ::close(ends[1]);
  char said[512] = {};
  const ssize_t size = ::read(ends[0], said, sizeof said - 1);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return size > 0 ? said : "";
}

TEST_CASE("without io_uring the error says so, and what to take instead") {
  for (const int error : {EPERM, ENOSYS}) {
    const std::string said = without_io_uring(error);
    CHECK(said.starts_with(std::to_string(error) + " io_uring_setup"));
    CHECK(said.find("epoll::Loop") != std::string::npos);
  }
}

}  // namespace
}  // namespace wolframite::test
