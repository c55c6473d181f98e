// A stream's life: its turns, its time, its end.
#include "wolframite/asio/detail/engine.hpp"

#include <algorithm>

#include "opening.hpp"
#include "wolframite/asio/detail/handler.hpp"
#include "wolframite/detail/stream_input.hpp"
#include "wolframite/detail/stream_opening.hpp"
#include "wolframite/detail/stream_output.hpp"

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
    : StreamRules(std::move(connection)), pool_(pool_of(executor)), executor_(std::move(executor)) {
  pool_.add(*this);
}

Engine::~Engine() {
  pool_.remove(*this);
  Operations operations;
  take_operations(operations);
  while (Operation* const operation = operations.pop_front()) operation->destroy();
  release_buffers();
  give_room_back();
}

// The execution context is being destroyed: nothing can be begun any more.
void Engine::stop() noexcept { stopped_ = true; }

void Engine::take_operations(Operations& into) noexcept {
  while (Operation* const operation = arrived_.pop_front()) into.push_back(*operation);
  arrivals_.take(into);
  if (reader_ != nullptr) into.push_back(*std::exchange(reader_, nullptr));
  if (opener_ != nullptr) into.push_back(*std::exchange(opener_, nullptr));
  while (Operation* const operation = waiters_) {
    withdraw(*operation);
    into.push_back(*operation);
  }
  while (Operation* const operation = done_.pop_front()) into.push_back(*operation);
}

const void* Engine::this_thread() noexcept {
  static thread_local const char thread = 0;
  return &thread;
}

// Those that were handed over before are on their way already, and this one goes with them.
void Engine::hand_over(Operation& operation) {
  if (stopped_) return operation.destroy();
  arrivals_.push(operation);
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  try {
    net::dispatch(executor_, Handler(shared_from_this(), [](Engine& engine) {
                    // What arrives from here on has another one come.
                    engine.woken_.exchange(false, std::memory_order_acq_rel);
                    engine.begin_arrived();
                  }));
  } catch (...) {
    woken_ = false;
    if (take_back(operation)) operation.destroy();
    throw;
  }
}

void Engine::begin_all_arrived() {
  arrivals_.take(arrived_);
  while (Operation* const operation = arrived_.pop_front()) operation->begin(*this);
}

// Returns false if it was begun.
bool Engine::take_back(Operation& operation) noexcept {
  Operations arrived;
  arrivals_.take(arrived);
  bool found = false;
  while (Operation* const each = arrived.pop_front()) {
    if (each == &operation) {
      found = true;
    } else {
      arrivals_.push(*each);
    }
  }
  return found;
}

void Engine::cancel(Operation& operation) {
  begin_arrived();
  if (operation.done) {
    if (&operation == reader_ && !operation.result) {
      // Its message was not taken, and stays for the next who asks.
      reader_->result = make_error_code(net::error::operation_aborted);
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
  begin_arrived();
  if (is_reader_waiting()) cancel(*reader_);
  if (opener_ != nullptr) cancel(*opener_);
  fail_waiters(make_error_code(net::error::operation_aborted));
  attend();
}

void Engine::abandon() noexcept {
  if (stopped_) return;
  begin_arrived();
  const std::error_code why = make_error_code(net::error::operation_aborted);
  if (is_reader_waiting()) {
    finish(*reader_, why);
  } else if (reader_ != nullptr) {
    reader_->result = why;  // the message that it was to be given dies here
  }
  let_go(why);
  if (!in_turn_) settle();
  if (!in_turn_ && !done_.empty()) attend();
}

void Engine::attend() {
  again_ = true;
  if (in_turn_ || posted_ || stopped_) return;
  posted_ = true;
  net::defer(executor_, Handler(shared_from_this(), [](Engine& engine) {
               engine.posted_ = false;
               const bool was_later = engine.later_;
               Turn turn(engine);
               if (was_later && engine.paused_) engine.go_on();
               if (was_later && engine.wants_input()) engine.read();
               turn.finish();
             }));
}

bool Engine::begin_turn() {
  if (in_turn_) return false;
  told_ = false;
  later_ = false;
  turn_of_.store(this_thread(), std::memory_order_relaxed);
  return in_turn_ = true;
}

void Engine::leave_turn(bool outer) noexcept {
  if (!outer) return;
  in_turn_ = false;
  turn_of_.store(nullptr, std::memory_order_relaxed);
  told_ = false;
  if (again_ || later_ || !done_.empty()) attend();
}

void Engine::finish_turn() {
  int budget = handlers_a_turn;
  int rounds = 0;
  begin_arrived();
  do {
    if (!call_handlers(budget)) return attend();
    again_ = false;
    settle();
    continue_opening();
  } while (!done_.empty() || (again_ && ++rounds < rounds_a_turn));
  stay_at_work();
}

// What is in flight below keeps the context running. Where an operation waits for something else,
// such as the application's answer to a request, it is this.
void Engine::stay_at_work() {
  const bool waits =
      is_reader_waiting() || opener_ != nullptr || (!orphaned_ && waiters_ != nullptr);
  const bool has_turn_coming = posted_ || later_ || again_ || !done_.empty();
  if (!waits || reading_ || writing_ || has_turn_coming) {
    work_.reset();
  } else if (!work_) {
    work_ = std::make_unique<Executor>(
        net::prefer(executor_, net::execution::outstanding_work.tracked));
  }
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
    if (!operation.result) reader_->message = *take_message();
    reader_ = nullptr;
  }
  operation.unlink();
  return true;
}

void Engine::settle() {
  if (!is_layer_open() && !read_all_ && !reading_ && !orphaned_ && !session_.is_terminated()) {
    read_failed(make_error_code(net::error::bad_descriptor));  // somebody else has closed it
  }
  discard_unrequested_messages();
  for (int i = 0; i < transfers_a_turn && can_write_now(); ++i) write();
  bool told = advance();
  if (can_write_now()) {  // what the time has brought: a ping, or a Close
    write();
    told = advance();  // some deadlines count from when that was written
  }
  if (!is_settled()) {
    serve_waiters();
    release_dropped_output();
    if (!writing_) end_sending();
    if (is_layer_open() && session_.is_terminated()) close_layer();
    if (orphaned_ && (aborted_ || !is_layer_open())) {
      if (is_layer_open()) close_layer();
      release_buffers();
      return set_alarm(std::nullopt);
    }
    if (can_write_now()) attend();
  }
  if (read_all_ && !eof_ && input_ == nullptr) input_ended();
  for (int i = 0; i < transfers_a_turn && !reading_ && !later_ && wants_input(); ++i) read();
  if (wants_input()) {
    if (later_ ? !in_turn_ : !reading_ || !told) attend();
  } else if (reading_ && !is_view_out()) {
    stop_waiting();
  }
  if (!is_layer_open()) set_alarm(std::nullopt);
  const bool news = news_;
  news_ = false;
  if (news) wake_reader();
}

bool Engine::can_write_now() const {
  return !writing_ && !write_failed_ && session_.wants_write() && is_layer_open();
}

Time Engine::read_clock() { return now_ = std::max(now_, std::chrono::steady_clock::now()); }

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

template class wolframite::StreamRules<wolframite::asio::detail::Engine,
                                       wolframite::asio::detail::Operation>;
