#include "wolframite/asio/detail/connecting.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "wolframite/connect_plan.hpp"

namespace wolframite::asio::detail {
namespace {

using net::ip::tcp;

tcp::endpoint to_asio(const Endpoint& endpoint) {
  tcp::endpoint converted;
  converted.resize(endpoint.size());
  std::memcpy(converted.data(), endpoint.data(), endpoint.size());
  return converted;
}

/// Carries a ConnectPlan out.
class Attempts final : public Connecting, public std::enable_shared_from_this<Attempts> {
 public:
  Attempts(const net::any_io_executor& executor, const ConnectOptions& options, Done done)
      : executor_(executor),
        attempt_delay_(options.attempt_delay),
        disable_nagle_(options.disable_nagle),
        resolver_(executor),
        timer_(executor),
        done_(std::move(done)) {
    if (options.connect_timeout.count() > 0) {
      latest_ = later(std::chrono::steady_clock::now(), options.connect_timeout);
    }
  }

  void resolve(const std::string& host, std::uint16_t port) {
    if (const auto address = Endpoint::ip(host, port)) return try_all({*address});
    resolver_.async_resolve(
        host, std::to_string(port), tcp::resolver::numeric_service,
        [self = shared_from_this()](error_code error, const tcp::resolver::results_type& found) {
          if (self->done_ == nullptr) return;
          if (error) return self->finish(error);
          std::vector<Endpoint> endpoints;
          for (const auto& each : found) {
            const tcp::endpoint endpoint = each.endpoint();
            endpoints.emplace_back(endpoint.data(), static_cast<socklen_t>(endpoint.size()));
          }
          self->try_all(std::move(endpoints));
        });
    set_timer();
  }

  void try_all(std::vector<Endpoint> endpoints) {
    plan_.emplace(std::move(endpoints), attempt_delay_);
    go_on();
  }

  void cancel() override { finish(make_error_code(net::error::operation_aborted)); }

 private:
  void go_on() {
    while (done_) {
      const Endpoint* const endpoint = plan_->next(std::chrono::steady_clock::now());
      if (endpoint == nullptr) break;
      begin(*endpoint);
    }
    if (!done_) return;
    if (plan_->is_exhausted()) return finish(plan_->error());
    set_timer();
  }

  void begin(const Endpoint& endpoint) {
    const tcp::endpoint address = to_asio(endpoint);
    auto socket = std::make_shared<tcp::socket>(executor_);
    error_code error;
    static_cast<void>(socket->open(address.protocol(), error));
    if (error) return plan_->failed(error);
    sockets_.push_back(socket);
    socket->async_connect(address, [self = shared_from_this(), socket](error_code why) {
      self->ended(*socket, why);
    });
  }

  void ended(tcp::socket& socket, error_code why) {
    if (!done_) return;
    if (!why && disable_nagle_) {
      static_cast<void>(socket.set_option(tcp::no_delay(true), why));
    }
    if (!why) {
      winner_.emplace(std::move(socket));
      return finish({});
    }
    error_code ignored;
    static_cast<void>(socket.close(ignored));
    plan_->failed(why);
    go_on();
  }

  void set_timer() {
    std::optional<Time> due = plan_ ? plan_->deadline() : std::nullopt;
    if (latest_) due = due ? std::min(*due, *latest_) : *latest_;
    if (!due) return;
    timer_.expires_at(*due);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (error || !self->done_) return;
      if (self->latest_ && *self->latest_ <= std::chrono::steady_clock::now()) {
        return self->finish(make_error_code(net::error::timed_out));
      }
      if (self->plan_) self->go_on();
    });
  }

  // Tells the outcome from a handler of its own: this may be the initiating function.
  void finish(std::error_code error) {
    if (!done_) return;
    static_cast<void>(timer_.cancel());
    resolver_.cancel();
    for (const auto& each : sockets_) {
      error_code ignored;
      static_cast<void>(each->close(ignored));
    }
    sockets_.clear();
    net::post(executor_, [self = shared_from_this(), done = std::exchange(done_, nullptr), error] {
      done(error, self->winner_ ? std::move(*self->winner_) : tcp::socket(self->executor_));
    });
  }

  net::any_io_executor executor_;
  std::chrono::milliseconds attempt_delay_;
  bool disable_nagle_;
  tcp::resolver resolver_;
  net::steady_timer timer_;
  Done done_;
  std::optional<Time> latest_;
  std::optional<ConnectPlan> plan_;
  std::vector<std::shared_ptr<tcp::socket>> sockets_;
  std::optional<tcp::socket> winner_;
};

}  // namespace

std::shared_ptr<Connecting> Connecting::to_host(const net::any_io_executor& executor,
                                                std::string host, std::uint16_t port,
                                                const ConnectOptions& options, Done done) {
  auto attempts = std::make_shared<Attempts>(executor, options, std::move(done));
  attempts->resolve(host, port);
  return attempts;
}

std::shared_ptr<Connecting> Connecting::to_endpoints(const net::any_io_executor& executor,
                                                     std::vector<Endpoint> endpoints,
                                                     const ConnectOptions& options, Done done) {
  auto attempts = std::make_shared<Attempts>(executor, options, std::move(done));
  attempts->try_all(std::move(endpoints));
  return attempts;
}

void begin_connect(const net::any_io_executor& executor,
                   Owned<ClientOperation<tcp::socket>> operation, ClientRequest request,
                   ConnectOptions options) {
  using Asked = Owned<ClientOperation<tcp::socket>>;
  // Shared with a function that must be copyable, and kept here in case that comes to nothing.
  const auto opening = std::make_shared<Asked>(std::move(operation));
  const std::error_code failed = error_of([&] {
    // Not even resolved if it cannot be asked for.
    const std::error_code fault =
        begin_client(executor, request, options.config, &options.connector).fault;
    const std::string host = request.url().host;
    const std::uint16_t port = request.url().port;
    Connecting::Done done = [executor, opening, fault, request = std::move(request), options](
                                std::error_code error, tcp::socket socket) {
      if (*opening == nullptr) return;  // told already that it failed
      if (error || fault) {
        (*opening)->result = fault ? fault : error;
        return opening->release()->complete();
      }
      open_over(
          executor, std::move(*opening), std::move(socket),
          [&] { return begin_client(executor, request, options.config, &options.connector); },
          open_client);
    };
    const auto connecting =
        fault ? Connecting::to_endpoints(executor, {}, options, std::move(done))
              : Connecting::to_host(executor, host, port, options, std::move(done));
    (*opening)->owner = connecting.get();
  });
  if (!failed) return;
  (*opening)->result = failed;
  net::post(executor, [opening] { opening->release()->complete(); });
}

}  // namespace wolframite::asio::detail
