// In steady state messages cost no allocation but those that a handler's own allocator makes, and
// an idle stream holds no buffer.
#include <asio/bind_allocator.hpp>
#include <cstdint>
#include <memory>
#include <new>
#include <string>

#include "allocations.hpp"
#include "asio_rig.hpp"
#include "wire.hpp"

namespace wolframite::test {
namespace {

/// Counts what it hands out, and takes it from one block that it has.
struct Counters {
  int made = 0, alive = 0;
};
template <class T>
class Counting {
 public:
  using value_type = T;
  explicit Counting(Counters& counters) : counters_(&counters) {}
  template <class U>
  Counting(const Counting<U>& other) : counters_(other.counters_) {}

  T* allocate(std::size_t count) {
    ++counters_->made;
    ++counters_->alive;
    return static_cast<T*>(::operator new(count * sizeof(T)));
  }
  void deallocate(T* block, std::size_t) {
    --counters_->alive;
    ::operator delete(block);
  }
  bool operator==(const Counting& other) const { return counters_ == other.counters_; }

 private:
  template <class>
  friend class Counting;
  Counters* counters_;
};

/// Sends and receives in turn, for ever.
class Talker {
 public:
  Talker(TcpStream stream, std::string text) : stream_(std::move(stream)), text_(std::move(text)) {}
  void talk() {
    for (int i = 0; i < 4; ++i) {
      stream_.async_send(text_, [](error_code error) { CHECK_FALSE(error); });
    }
    read(4);
  }
  [[nodiscard]] int rounds() const { return rounds_; }

 private:
  void read(int left) {
    stream_.async_next([this, left](error_code error, Message) {
      if (error) return;
      if (left > 1) return read(left - 1);
      ++rounds_;
      talk();
    });
  }
  TcpStream stream_;
  std::string text_;
  int rounds_ = 0;
};

TEST_CASE("no allocation for a message in steady state") {
  for (const std::size_t size : {16UL, 512UL, 16'384UL, 60'000UL}) {
    CAPTURE(size);
    net::io_context context{1};
    Joined<tcp::socket> ends = joined(context);
    TcpStream& server = ends.server;
    TcpStream& client = ends.client;
    start_echo(std::move(server));
    Talker talker(std::move(client), std::string(size, 'x'));
    talker.talk();
    int rounds = 50;
    const auto talk = [&] {
      run_until(context, [&] { return talker.rounds() >= rounds; });
      rounds = talker.rounds() + 200;
    };
    talk();
    CHECK(comes_to_allocate_nothing(talk));
  }
}

TEST_CASE("no allocation where senders wait") {
  net::io_context context{1};
  Joined<tcp::socket> ends = joined(context, Config{.write_buffer_size = 2000});
  TcpStream& server = ends.server;
  TcpStream& client = ends.client;
  const std::string text(1000, 'x');
  int sent = 0, received = 0;
  struct Send {
    TcpStream& stream;
    const std::string& text;
    int& sent;
    void operator()(error_code error) {
      if (error) return;
      ++sent;
      stream.async_send(text, Send(*this));
    }
  };
  struct Receive {
    TcpStream& stream;
    int& received;
    void operator()(error_code error, Message) {
      if (error) return;
      ++received;
      stream.async_next(Receive(*this));
    }
  };
  client.async_send(text, Send{client, text, sent});
  server.async_next(Receive{server, received});
  const auto exchange = [&] {
    const int enough = received + 5000;
    run_until(context, [&] { return received > enough; });
  };
  exchange();
  CHECK(comes_to_allocate_nothing(exchange));
}

TEST_CASE("an operation lives in its handler's allocator, and is freed before that is called") {
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  TcpStream& server = ends.server;
  TcpStream& client = ends.client;
  Counters counters;
  bool received = false, sent = false;
  server.async_next(net::bind_allocator(Counting<void*>(counters), [&](error_code, Message) {
    CHECK(counters.alive == 0);
    received = true;
  }));
  CHECK(counters.made == 1);
  CHECK(counters.alive == 1);
  run_until(context, [&] {
    if (!sent) client.async_send("x", [](error_code) {});
    return sent = true;
  });
  run_until(context, [&] { return received; });
  CHECK(counters.made == 1);
}

TEST_CASE("an operation is aligned as its handler asks") {
  struct alignas(128) Aligned {
    bool& called;
    void operator()(error_code, Message) {
      CHECK(reinterpret_cast<std::uintptr_t>(this) % alignof(Aligned) == 0);
      called = true;
    }
  };
  net::io_context context;
  Joined<tcp::socket> ends = joined(context);
  for (int i = 0; i < 5; ++i) {
    bool called = false;
    ends.server.async_next(Aligned{called});
    ends.client.async_send("x", [](error_code) {});
    run_until(context, [&] { return called; });
  }
}

TEST_CASE("an idle stream holds no buffer and no memory of its session") {
  net::io_context context;
  auto& pool = wolframite::asio::detail::pool_of(context.get_executor());
  Joined<tcp::socket> ends = joined(context);
  TcpStream& server = ends.server;
  TcpStream& client = ends.client;
  start_echo(std::move(server));
  for (const std::size_t size : {1UL, 70'000UL, 1'000'000UL}) {
    bool done = false;
    const std::string text(size, 'x');
    client.async_send(text, [](error_code) {});
    client.async_next([&](error_code, Message) { done = true; });
    run_until(context, [&] { return done; });
    client.async_next([](error_code, Message) {});  // ends the view of the last one
    settle(context);
    client.cancel();
    settle(context);
    CHECK(pool.lent() == 0);
    CHECK(pool.memory().counters().in_use == 0);
    CHECK(pool.streams() == 2);
  }
}

TEST_CASE("large blocks are kept while streams have use for them, and go when streams end") {
  net::io_context context;
  auto& pool = wolframite::asio::detail::pool_of(context.get_executor());
  const std::string text(4'000'000, 'x');
  const auto exchange = [&](Joined<tcp::socket>& ends) {
    bool done = false;
    ends.client.async_send(text, [](error_code) {});
    ends.server.async_next([&](error_code, Message) { done = true; });
    run_until(context, [&] { return done; });
    ends.server.async_next([](error_code, Message) {});  // ends the view
    ends.server.cancel();
    settle(context);
  };
  auto first = std::make_unique<Joined<tcp::socket>>(joined(context));
  Joined<tcp::socket> second = joined(context);
  exchange(*first);
  exchange(second);
  CHECK(pool.memory().large_cached() > 0);
  first->client = TcpStream();  // the first to end since they were used
  settle(context);
  CHECK(pool.memory().large_cached() > 0);
  first.reset();
  settle(context);
  CHECK(pool.memory().large_cached() == 0);

  exchange(second);
  CHECK(pool.memory().large_cached() > 0);
  second = {};
  settle(context);
  CHECK(pool.streams() == 0);
  CHECK(pool.memory().large_cached() == 0);
}

}  // namespace
}  // namespace wolframite::test
