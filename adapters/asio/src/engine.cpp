// A stream's life: its turns, its time, its end.
#include "wolframite/asio/detail/engine.hpp"

#include <algorithm>

#include "opening.hpp"
#include "wolframite/asio/detail/handler.hpp"

namespace wolframite::asio::detail {
namespace {

// How many handlers a turn calls before it lets others have the executor.
constexpr int handlers_a_turn = 64;
// How many buffers' worth a turn reads or writes, if nobody has to be told meanwhile.
constexpr int transfers_a_turn = 8;
// How often a turn looks again although it has no handler to call.
constexpr int rounds_a_turn = 4;

}  // namespace

struct Engine::Alarm {
  explicit Alarm(const Executor& executor) : timer(executor) {}
  net::steady_timer timer;
  Time due = Time::max();  // max() while nothing is waited for
};

Pool& pool_of(const net::any_io_executor& executor) {
  return net::use_service<Pool>(net::query(executor, net::execution::context));
}

OperationMemory operation_memory(const net::any_io_executor& executor) {
  SharedMemory& memory = pool_of(executor).handlers();
  return {&memory, &memory};
}

Engine::Engine(Executor executor, Connection connection)
    : pool_(pool_of(executor)),
      executor_(std::move(executor)),
      session_(std::move(connection)),
      handshaking_(!session_.connection().is_open()) {
  pool_.add(*this);
}

Engine::~Engine() {
  pool_.remove(*this);
  Operations operations;
  take_operations(operations);
  while (Operation* const operation = operations.pop_front()) operation->destroy();
  release_input();
  if (room_ != nullptr) pool_.release(room_);
}

// The execution context is being destroyed: nothing can be begun any more.
void Engine::stop() noexcept { stopped_ = true; }

void Engine::take_operations(Operations& into) noexcept {
  if (reader_ != nullptr) into.push_back(*std::exchange(reader_, nullptr));
  if (opener_ != nullptr) into.push_back(*std::exchange(opener_, nullptr));
  while (Operation* const operation = waiters_.pop_front()) into.push_back(*operation);
  while (Operation* const operation = done_.pop_front()) into.push_back(*operation);
}

void Engine::cancel(Operation& operation) {
  if (operation.done) {
    if (&operation == reader_ && !operation.result) {
      // Its message stays for the next who asks.
      reader_->message.data = {};
      reader_->result = make_error_code(net::error::operation_aborted);
      handed_out_ = false;
    }
    return;
  }
  if (&operation == opener_) {
    opener_ = nullptr;
    opening_.reset();
  }
  finish(operation, make_error_code(net::error::operation_aborted));
  attend();
}

void Engine::cancel_all() {
  if (is_reader_waiting()) cancel(*reader_);
  if (opener_ != nullptr) cancel(*opener_);
  fail_waiters(make_error_code(net::error::operation_aborted));
  attend();
}

void Engine::abandon() noexcept {
  if (stopped_) return;
  // Worth lingering for is only a closing handshake, or the reason why there is no other.
  const bool ending = ended_ != nullptr || (!handshaking_ && !session_.connection().is_open());
  aborted_ = !ending || session_.connection().config().close_timeout.count() == 0;
  orphaned_ = true;
  if (is_reader_waiting()) {
    finish(*reader_, make_error_code(net::error::operation_aborted));
  } else if (reader_ != nullptr) {
    // The message that it was to be given dies here.
    reader_->result = make_error_code(net::error::operation_aborted);
    reader_->message.data = {};
  }
  fail_waiters(make_error_code(net::error::operation_aborted));
  release_input();
  if (!in_turn_) settle();
  if (!in_turn_ && !done_.empty()) attend();
}

void Engine::attend() {
  again_ = true;
  if (in_turn_ || posted_ || stopped_) return;
  posted_ = true;
  net::defer(executor_, Handler(shared_from_this(), [](Engine& engine) {
               engine.posted_ = false;
               Turn turn(engine);
               turn.finish();
             }));
}

bool Engine::begin_turn() {
  if (in_turn_) return false;
  told_ = false;
  later_ = false;
  return in_turn_ = true;
}

void Engine::leave_turn(bool outer) noexcept {
  if (!outer) return;
  in_turn_ = false;
  told_ = false;
  if (again_ || later_ || !done_.empty()) attend();
}

void Engine::finish_turn() {
  int budget = handlers_a_turn;
  int rounds = 0;
  do {
    if (!call_handlers(budget)) return attend();
    again_ = false;
    settle();
    continue_opening();
  } while (!done_.empty() || (again_ && ++rounds < rounds_a_turn));
}

// Returns false if there are too many of them.
bool Engine::call_handlers(int& budget) {
  continue_opening();
  while (Operation* const operation = done_.front()) {
    if (budget-- == 0) return false;
    if (release_done(*operation)) operation->complete();
  }
  return true;
}

bool Engine::release_done(Operation& operation) {
  if (!operation.done) return false;
  if (&operation == reader_) {
    if (closing_) keep_message();
    reader_ = nullptr;
  }
  operation.unlink();
  return true;
}

void Engine::settle() {
  if (!is_layer_open() && !eof_ && !reading_ && !orphaned_ && !session_.is_terminated()) {
    read_failed(make_error_code(net::error::bad_descriptor));  // somebody else has closed it
  }
  discard_unasked();
  const bool told = advance();
  for (int i = 0; i < transfers_a_turn && can_write(); ++i) write();
  serve_waiters();
  if (!shut_ && !writing_ && is_layer_open() && session_.wants_shutdown()) {
    shut_ = true;
    may_end() ? end() : shut_down();
  }
  if (is_layer_open() && session_.is_terminated()) close_layer();
  if (orphaned_ && (aborted_ || !is_layer_open())) {
    if (is_layer_open()) close_layer();
    release_input();
    return set_alarm(std::nullopt);
  }
  if (can_write()) attend();
  for (int i = 0; i < transfers_a_turn && !reading_ && !later_ && wants_input(); ++i) read();
  if (wants_input()) {
    if (later_ ? !in_turn_ : !reading_ || !told) attend();
  } else if (reading_ && !is_view_out()) {
    stop_waiting();
  }
  if (!is_layer_open()) set_alarm(std::nullopt);
  if (std::exchange(news_, false) && is_reader_waiting()) serve_reader();
}

bool Engine::may_end() {
  return buffer_ == nullptr && !is_view_out() && !eof_ && session_.may_close() && closes_at_once();
}

// Does not wait for the peer's end. Closing ends both sides.
void Engine::end() {
  tell_time();
  if (ended_ != nullptr) return;
  eof_ = true;
  if (take_in(false)) news_ = true;
}

bool Engine::can_write() {
  return !writing_ && !write_failed_ && session_.wants_write() && is_layer_open();
}

// Tells the time before input or a command, which are stamped with it. Stops just short of a
// deadline: the input may put that off. Ends a view.
void Engine::tell_time() {
  if (told_) return;
  told_ = true;
  Time now = now_ = std::max(now_, std::chrono::steady_clock::now());
  const std::optional<Time> due = session_.deadline();
  if (due && *due <= now && *due != at_once) now = *due - Time::duration(1);
  if (const auto event = session_.advance(now); event && handle(*event, false)) news_ = true;
}

// Lets the session act on the time. Not while a view is out, for that would end it; nor while there
// is input nobody asked for, for what the peer sent in time must not come too late. Returns whether
// it could.
bool Engine::advance() {
  const bool heard = std::exchange(heard_, false);
  if (is_view_out()) return true;
  std::optional<Time> due = session_.deadline();
  if (!due) {
    set_alarm(due);
    return true;
  }
  if (!heard && session_.wants_read() && is_layer_open() && has_unread()) return false;
  now_ = std::max(now_, std::chrono::steady_clock::now());
  // Twice, for the first call may be there only to set the clock.
  for (int round = 0; due && *due <= now_ && !news_ && round < 2; ++round) {
    if (const auto event = session_.advance(now_)) news_ = handle(*event, false);
    due = session_.deadline();
  }
  set_alarm(due);
  return true;
}

void Engine::set_alarm(std::optional<Time> due) {
  if (!due || !is_layer_open()) {
    if (alarm_ && alarm_->due != Time::max()) {
      alarm_->timer.cancel();
      alarm_->due = Time::max();
    }
    return;
  }
  if (!alarm_) alarm_ = std::make_unique<Alarm>(executor_);
  if (alarm_->due <= *due) return;  // a later deadline is looked up when this one has passed
  alarm_->due = *due;
  alarm_->timer.expires_at(*due);
  alarm_->timer.async_wait(Handler(shared_from_this(), [](Engine& engine, error_code error) {
    if (error) return;
    engine.alarm_->due = Time::max();
    Turn turn(engine);
    turn.finish();
  }));
}

}  // namespace wolframite::asio::detail
