#include <memory>
#include <utility>
#include <vector>

#include "wolframite/handshake.hpp"
#include "wolframite/resolver.hpp"

namespace wolframite {
namespace {

/// Carries a ConnectPlan out on a loop, and resumes the coroutine that waits for it.
class Connecting final : private Timer {
 public:
  Connecting(Loop& loop, ConnectPlan plan, std::optional<Time> latest)
      : loop_(loop), plan_(std::move(plan)), latest_(latest) {}
  ~Connecting() {
    for (const auto& attempt : attempts_) attempt->give_up();
    if (is_armed()) loop_.timers().disarm(*this);
  }

  bool await_ready() {
    go_on();
    return done_;
  }
  void await_suspend(std::coroutine_handle<> frame) noexcept { frame_ = frame; }
  Result<Socket> await_resume() { return std::move(outcome_); }

 private:
  struct Attempt final : ConnectAttempt {
    explicit Attempt(Connecting& owner_) : owner(owner_) {}
    void connected(std::error_code why) override { owner.ended(*this, why); }
    void give_up() noexcept {
      if (!running) return;
      running = false;
      owner.loop_.abort_connect(*this);
      socket.close();
    }
    Connecting& owner;
    bool running = false;
  };

  void go_on() {
    while (!done_) {
      const Endpoint* const endpoint = plan_.next(loop_.now());
      if (endpoint == nullptr) break;
      begin(*endpoint);
    }
    if (done_) return;
    if (plan_.is_exhausted()) return finish(tl::unexpected(plan_.error()));
    std::optional<Time> due = plan_.deadline();
    if (latest_ && (!due || *latest_ < *due)) due = latest_;
    if (due) loop_.timers().arm(*this, *due);
  }

  void begin(const Endpoint& endpoint) {
    auto socket = Socket::open(endpoint.family());
    if (!socket) return plan_.failed(socket.error());
    attempts_.push_back(std::make_unique<Attempt>(*this));
    Attempt& attempt = *attempts_.back();
    attempt.socket = std::move(*socket);
    attempt.endpoint = endpoint;
    if (const std::error_code error = loop_.begin_connect(attempt)) {
      attempt.socket.close();
      return plan_.failed(error);
    }
    attempt.running = true;
  }

  void ended(Attempt& attempt, std::error_code why) {
    attempt.running = false;
    if (!why) {
      finish(std::move(attempt.socket));
    } else {
      attempt.socket.close();
      plan_.failed(why);
      go_on();
    }
    wake();
  }

  void fire() override {
    if (latest_ && *latest_ <= loop_.now()) {
      finish(tl::unexpected(std::make_error_code(std::errc::timed_out)));
    } else {
      go_on();
    }
    wake();
  }

  void finish(Result<Socket> outcome) {
    done_ = true;
    outcome_ = std::move(outcome);
    for (const auto& attempt : attempts_) attempt->give_up();
    if (is_armed()) loop_.timers().disarm(*this);
  }

  // The last thing done: the coroutine may destroy this.
  void wake() {
    if (done_ && frame_) loop_.resume(std::exchange(frame_, nullptr));
  }

  Loop& loop_;
  ConnectPlan plan_;
  std::optional<Time> latest_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  Result<Socket> outcome_;
  std::coroutine_handle<> frame_;
  bool done_ = false;
};

std::optional<Time> limit(const Loop& loop, const ConnectOptions& options) {
  if (options.connect_timeout.count() <= 0) return std::nullopt;
  return later(loop.now(), options.connect_timeout);
}

Task<Result<Socket>> connect_until(Loop& loop, std::vector<Endpoint> endpoints,
                                   std::optional<Time> latest, const ConnectOptions& options) {
  ConnectPlan plan(std::move(endpoints), options.attempt_delay);
  Result<Socket> socket = co_await Connecting(loop, std::move(plan), latest);
  if (socket && options.disable_nagle) {
    if (const std::error_code error = socket->disable_nagle()) co_return tl::unexpected(error);
  }
  co_return std::move(socket);
}

}  // namespace

Task<Result<Socket>> connect_socket(Loop& loop, std::vector<Endpoint> endpoints,
                                    ConnectOptions options) {
  co_return co_await connect_until(loop, std::move(endpoints), limit(loop, options), options);
}

Task<Result<Socket>> connect_socket(Loop& loop, Endpoint endpoint, ConnectOptions options) {
  std::vector<Endpoint> endpoints{endpoint};
  co_return co_await connect_until(loop, std::move(endpoints), limit(loop, options), options);
}

Task<Result<Socket>> connect_socket(Loop& loop, std::string host, std::uint16_t port,
                                    ConnectOptions options) {
  const std::optional<Time> latest = limit(loop, options);
  auto endpoints = co_await resolve(loop, std::move(host), port, latest);
  if (!endpoints) co_return tl::unexpected(endpoints.error());
  co_return co_await connect_until(loop, std::move(*endpoints), latest, options);
}

Task<Result<Client, ClientError>> connect(Loop& loop, ClientRequest request,
                                          ConnectOptions options) {
  std::error_code error = make_error_code(request.error());
  if (!error) error = make_error_code(options.config->check());
  if (!error) {
    const auto context = options.connector.context(request.url().secure);
    if (!context) error = context.error();
  }
  if (error) co_return tl::unexpected(ClientError{error, {}});
  Result<Socket> socket =
      co_await connect_socket(loop, request.url().host, request.url().port, options);
  if (!socket) co_return tl::unexpected(ClientError{socket.error(), {}});
  // Named, for g++ 12 destroys an aggregate that is made inside a co_await expression twice.
  ClientOptions further{options.config, options.connector};
  co_return co_await client(loop, std::move(request), std::move(*socket), std::move(further));
}

}  // namespace wolframite
