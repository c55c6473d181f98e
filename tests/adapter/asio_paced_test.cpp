// What is lent to a layer stays as it is until the layer's handler is called, and so does the
// layer; it is closed all the same, on every path, also while it still writes.
#include <array>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "asio_rig.hpp"

namespace wolframite::test {
namespace {

namespace ws = wolframite::asio;

/// A layer whose writes end when the test says so, closed or not, as a rate limiter's may.
class Paced {
 public:
  using executor_type = net::any_io_executor;

  struct State {
    explicit State(executor_type on) : executor(std::move(on)) {}

    /// Whether what was lent is still what it was.
    [[nodiscard]] bool is_as_lent() const { return copy_of(lent) == as_lent; }
    [[nodiscard]] static std::string copy_of(const std::vector<net::const_buffer>& buffers) {
      std::string octets;
      for (const net::const_buffer& each : buffers) {
        octets.append(static_cast<const char*>(each.data()), each.size());
      }
      return octets;
    }

    executor_type executor;
    std::function<void(error_code, std::size_t)> reader, writer;
    std::vector<net::const_buffer> lent;
    std::string as_lent;
    int layers = 0;  // that exist
    std::promise<void> closed;
    bool is_closed = false;
  };

  explicit Paced(std::shared_ptr<State> state) : state_(std::move(state)) { ++state_->layers; }
  Paced(Paced&& other) noexcept : state_(other.state_) { ++state_->layers; }
  Paced& operator=(Paced&&) = delete;
  ~Paced() { --state_->layers; }

  [[nodiscard]] executor_type get_executor() const { return state_->executor; }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers&, Token&& token) {
    return net::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler) { state_->reader = kept(std::move(handler)); }, token);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return net::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          CHECK(state_->writer == nullptr);
          state_->lent.assign(net::buffer_sequence_begin(from), net::buffer_sequence_end(from));
          state_->as_lent = State::copy_of(state_->lent);
          state_->writer = kept(std::move(handler));
        },
        token, buffers);
  }
  void close() {
    if (std::exchange(state_->is_closed, true)) return;
    state_->closed.set_value();
    if (state_->reader == nullptr) return;
    net::post(state_->executor, [reader = std::exchange(state_->reader, nullptr)] {
      reader(net::error::operation_aborted, 0);
    });
  }

 private:
  template <class Handler>
  static std::function<void(error_code, std::size_t)> kept(Handler handler) {
    return [shared = std::make_shared<Handler>(std::move(handler))](
               error_code error, std::size_t size) { (*shared)(error, size); };
  }

  std::shared_ptr<State> state_;
};

using PacedStream = ws::WebSocketStream<Paced>;

/// A stream that writes, and whose layer takes its time.
struct Writing {
  explicit Writing(Config config = {}) {
    stream = opened(Paced(state), Role::server, config);
    stream.async_send(std::string(5000, 'x'), net::detached);
    settle(context);
    REQUIRE(state->as_lent.size() > 5000);
  }
  /// The layer ends its write, or fails at it, and all of the stream goes unless its handle is
  /// left.
  void end_write(error_code error) {
    CHECK(state->is_closed);
    CHECK(state->layers == 1);
    CHECK(state->is_as_lent());
    const auto writer = std::exchange(state->writer, nullptr);
    writer(error, error ? 0 : state->as_lent.size());
    settle(context);
    CHECK(state->writer == nullptr);
  }

  net::io_context context;
  std::shared_ptr<Paced::State> state = std::make_shared<Paced::State>(context.get_executor());
  PacedStream stream;
};

const std::array outcomes{error_code(), error_code(net::error::operation_aborted)};

TEST_CASE("the handle is destroyed while the layer writes") {
  for (const error_code& outcome : outcomes) {
    Writing test;
    error_code error;
    test.stream.async_next([&](error_code why, Message) { error = why; });
    settle(test.context);
    test.stream = PacedStream();
    settle(test.context);
    CHECK(error == net::error::operation_aborted);
    test.end_write(outcome);
    CHECK(test.state->layers == 0);
  }
}

TEST_CASE("closing is given up while the layer writes: what it writes stays") {
  for (const error_code& outcome : outcomes) {
    for (const bool dropped : {false, true}) {
      Writing test({.close_timeout = 10ms});
      test.stream.async_close(net::detached);
      settle(test.context);
      if (dropped) test.stream = PacedStream();
      run_until(test.context, [&] { return test.state->is_closed; });
      settle(test.context);
      test.end_write(outcome);
      test.stream = PacedStream();
      settle(test.context);
      CHECK(test.state->layers == 0);
    }
  }
}

TEST_CASE("reading fails while the layer writes: what it writes stays") {
  Writing test;
  error_code error;
  test.stream.async_next([&](error_code why, Message) { error = why; });
  settle(test.context);
  std::exchange(test.state->reader, nullptr)(net::error::connection_reset, 0);
  run_until(test.context, [&] { return !!error; });
  CHECK(test.state->is_as_lent());
  test.stream = PacedStream();
  settle(test.context);
  test.end_write(net::error::broken_pipe);
  CHECK(test.state->layers == 0);
}

TEST_CASE("a context is destroyed while the layer writes") {
  auto state = std::shared_ptr<Paced::State>();
  {
    Writing test;
    state = test.state;
    test.stream.async_next([](error_code, Message) { CHECK(false); });
    settle(test.context);
    CHECK(state->is_as_lent());
    // As a layer's own operations do when their context goes.
    test.stream = PacedStream();
    state->reader = nullptr;
    state->writer = nullptr;
  }
  CHECK(state->layers == 0);
}

TEST_CASE("closing is given up on one thread while the layer reads what it writes on another") {
  net::io_context context{2};
  auto work = net::make_work_guard(context);
  const net::any_io_executor strand = net::make_strand(context);
  auto state = std::make_shared<Paced::State>(strand);
  PacedStream stream;
  std::promise<void> begun;
  net::post(strand, [&] {
    stream = opened(Paced(state), Role::server, Config{.close_timeout = 10ms});
    stream.async_send(std::string(100'000, 'x'), net::detached);
    stream.async_close(net::detached);
    net::post(strand, [&] { net::post(strand, [&] { begun.set_value(); }); });
  });
  std::array<std::thread, 2> threads;
  for (std::thread& each : threads) each = std::thread([&] { context.run(); });
  begun.get_future().get();
  state->closed.get_future().get();
  CHECK(state->is_as_lent());
  net::post(strand, [&] {
    std::exchange(state->writer, nullptr)(net::error::operation_aborted, 0);
    stream = PacedStream();
    net::post(strand, [&] { work.reset(); });
  });
  for (std::thread& each : threads) each.join();
  context.restart();
  context.run();
  CHECK(state->layers == 0);
}

/// A layer that forwards to a socket, and has no more than `Closed` adds.
struct Forwarding {
  using executor_type = tcp::socket::executor_type;
  explicit Forwarding(tcp::socket s) : socket(std::move(s)) {}
  [[nodiscard]] executor_type get_executor() { return socket.get_executor(); }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return socket.async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return socket.async_write_some(buffers, std::forward<Token>(token));
  }
  tcp::socket socket;
};
struct ByFunction : Forwarding {
  using Forwarding::Forwarding;
  friend void wolframite_close(ByFunction& layer) { layer.socket.close(); }
};
struct ByItself : Forwarding {
  using Forwarding::Forwarding;
  void close() { socket.close(); }
};
struct Below : Forwarding {
  using Forwarding::Forwarding;
  [[nodiscard]] auto& lowest_layer() { return socket.lowest_layer(); }
};
struct Unreadable : ByItself {
  using ByItself::ByItself;
  void async_read_some() = delete;
};
struct Unwritable : ByItself {
  using ByItself::ByItself;
  void async_write_some() = delete;
};
struct Homeless : ByItself {
  using ByItself::ByItself;
  void get_executor() = delete;
};

static_assert(ws::Layer<ByFunction> && ws::Layer<ByItself> && ws::Layer<Below>);
static_assert(ws::Layer<Paced> && ws::Layer<tcp::socket>);
static_assert(ws::ReadStream<Forwarding> && ws::WriteStream<Forwarding>);
static_assert(!ws::Closable<Forwarding> && !ws::Layer<Forwarding>);
static_assert(!ws::ReadStream<Unreadable> && !ws::Layer<Unreadable>);
static_assert(!ws::WriteStream<Unwritable> && !ws::Layer<Unwritable>);
static_assert(!ws::HasExecutor<Homeless> && !ws::Layer<Homeless>);

TEST_CASE_TEMPLATE("a layer is closed with its stream, however it is closed", Layer, ByFunction,
                   ByItself, Below) {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  error_code error;
  {
    auto stream = opened(Layer(std::move(left)), Role::server);
    stream.async_next([&](error_code why, Message) { error = why; });
    settle(context);
  }
  context.restart();
  context.run();
  CHECK(error == net::error::operation_aborted);
  CHECK(ws::detail::pool_of(context.get_executor()).streams() == 0);
  char octet = 0;
  error_code end;
  right.read_some(net::buffer(&octet, 1), end);
  CHECK(end == net::error::eof);
}

}  // namespace
}  // namespace wolframite::test
