#include "wolframite/asio/detail/accepting.hpp"

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <new>

namespace wolframite::asio::detail {

using net::ip::tcp;

// Errors that are not known to pass are told: to try again for ever would be worse.
AcceptFailure classify_accept(const error_code& error) {
  if (error == net::error::would_block || error == net::error::try_again) {
    return AcceptFailure::none_there;
  }
  if (error.category() != net::error::get_system_category()) return AcceptFailure::acceptor;
  // Asio's own category, of old, does not say which `std::errc` its codes are.
  const std::error_code system(error.value(), std::system_category());
  const auto is_any_of = [&](std::initializer_list<std::errc> list) {
    return std::find(list.begin(), list.end(), system) != list.end();
  };
  if (is_any_of({std::errc::too_many_files_open, std::errc::too_many_files_open_in_system,
                 std::errc::no_buffer_space, std::errc::not_enough_memory,
                 std::errc::no_space_on_device})) {
    return AcceptFailure::shortage;
  }
  // What accept(2) tells of the new connection's network, and where a firewall forbids that one.
  if (is_any_of({std::errc::connection_aborted, std::errc::connection_reset,
                 std::errc::protocol_error, std::errc::interrupted,
                 std::errc::operation_not_permitted, std::errc::timed_out, std::errc::network_down,
                 std::errc::network_unreachable, std::errc::host_unreachable,
                 std::errc::no_protocol_option})) {
    return AcceptFailure::connection;
  }
#ifdef __linux__
  if (error.value() == EHOSTDOWN || error.value() == ENONET) return AcceptFailure::connection;
#endif
  return AcceptFailure::acceptor;
}

/// Calls `serve`. Destroyed without that, with its execution context, it takes with it what waits:
/// a handler that owns the acceptor it waits on would otherwise keep itself alive for ever.
class Accepting::Wake {
 public:
  explicit Wake(std::shared_ptr<Accepting> accepting) : accepting_(std::move(accepting)) {}
  Wake(Wake&&) noexcept = default;
  Wake& operator=(Wake&&) = delete;
  ~Wake() {
    if (accepting_) accepting_->drop_waiting();
  }
  void operator()(error_code error = {}) {
    const std::shared_ptr<Accepting> accepting = std::move(accepting_);
    accepting->serve(error);
  }

 private:
  std::shared_ptr<Accepting> accepting_;
};

Accepting::Accepting(tcp::acceptor acceptor)
    : executor_(acceptor.get_executor()), acceptor_(std::move(acceptor)), timer_(executor_) {
  acceptor_.non_blocking(true);
  // Told, and not waited after.
  acceptor_.set_option(net::socket_base::enable_connection_aborted(true));
}

void Accepting::accept(Owned<SocketOperation> operation) {
  schedule();
  operation->owner = this;
  waiting_.push_back(*operation.release());
}

void Accepting::schedule() {
  if (scheduled_) return;
  Wake wake(shared_from_this());
  if (backing_off_) {
    timer_.expires_after(back_off);
    timer_.async_wait(std::move(wake));
  } else if (ready_ || !acceptor_.is_open()) {
    net::post(executor_, std::move(wake));
  } else {
    acceptor_.async_wait(tcp::acceptor::wait_read, std::move(wake));
  }
  scheduled_ = true;
}

// Accepts one connection a time: others have the executor in between.
void Accepting::serve(error_code error) {
  scheduled_ = false;
  backing_off_ = false;
  if (std::exchange(called_off_, false)) error = {};
  if (closed_) error = net::error::operation_aborted;
  if (waiting_.empty()) return;
  auto& operation = static_cast<SocketOperation&>(*waiting_.front());
  if (!error) error = try_accept(operation);
  if (error) {
    const AcceptFailure failure = judge(error);
    if (failure != AcceptFailure::acceptor) return schedule();
  }
  waiting_.pop_front();
  operation.result = error;
  if (!waiting_.empty()) schedule();
  operation.complete();
}

error_code Accepting::try_accept(SocketOperation& operation) {
  error_code error;
  try {
    tcp::socket socket(operation.peer);
    static_cast<void>(acceptor_.accept(socket, error));
    if (error) return error;
    error_code ignored;
    static_cast<void>(socket.set_option(tcp::no_delay(true), ignored));
    operation.socket.emplace(std::move(socket));
  } catch (const std::bad_alloc&) {
    return net::error::no_memory;
  }
  failures_ = 0;
  ready_ = true;
  return {};
}

// Notes when to try again.
AcceptFailure Accepting::judge(const error_code& error) {
  AcceptFailure failure = classify_accept(error);
  ready_ = failure == AcceptFailure::connection || failure == AcceptFailure::shortage;
  if (failure == AcceptFailure::connection && ++failures_ > failures_in_a_row) {
    failure = AcceptFailure::shortage;
  }
  if (failure != AcceptFailure::shortage) return failure;
  ++shortages_;
  backing_off_ = true;
  return failure;
}

void Accepting::cancel(Operation& operation) {
  if (operation.done) return;
  operation.unlink();
  if (waiting_.empty()) call_off();
  finish_later(operation, make_error_code(net::error::operation_aborted));
}

void Accepting::cancel_all() {
  while (Operation* const operation = waiting_.front()) cancel(*operation);
}

// Whoever waits has had `serve` scheduled, which comes at once and tells it.
void Accepting::close() noexcept {
  closed_ = true;
  error_code ignored;
  static_cast<void>(timer_.cancel());
  static_cast<void>(acceptor_.close(ignored));
}

// The handler's place is not inside of what cancels it.
void Accepting::finish_later(Operation& operation, std::error_code result) {
  operation.done = true;
  operation.result = result;
  net::post(executor_,
            [owned = Owned<Operation>(&operation)]() mutable { owned.release()->complete(); });
}

void Accepting::call_off() noexcept {
  if (!scheduled_) return;
  called_off_ = true;
  error_code ignored;
  static_cast<void>(timer_.cancel());
  static_cast<void>(acceptor_.cancel(ignored));
}

void Accepting::drop_waiting() noexcept {
  while (Operation* const operation = waiting_.pop_front()) operation->destroy();
}

}  // namespace wolframite::asio::detail
