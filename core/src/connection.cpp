// Life of a connection: how it starts, which state receives, how it ends.
#include "wolframite/connection.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "connection_state.hpp"
#include "deflate_negotiation.hpp"
#include "handshake.hpp"
#include "wolframite/accept_key.hpp"

namespace wolframite {

Connection::Connection(Role role, Phase phase, Entropy* entropy, SharedConfig config,
                       std::pmr::memory_resource* memory)
    : config_(std::move(config)),
      memory_(memory == nullptr ? std::pmr::get_default_resource() : memory),
      entropy_(entropy),
      role_(role),
      phase_(phase),
      has_timers_(this->config().idle_timeout.count() > 0 ||
                  this->config().message_timeout.count() > 0 ||
                  this->config().ping_interval.count() > 0) {}

Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Connection Connection::server(SharedConfig config, std::pmr::memory_resource* memory) {
  Connection made(Role::server, Phase::request_head, nullptr, std::move(config), memory);
  made.opening_ = std::make_unique<Opening>(made.config(), HttpHead::Start::request);
  return made;
}

Connection Connection::client(const ClientRequest& request, Entropy& entropy, SharedConfig config,
                              std::pmr::memory_resource* memory) {
  Connection made(Role::client, Phase::response_head, &entropy, std::move(config), memory);
  if (request.error() != Error::none) {
    made.end(request.error(), CloseCode::abnormal).due = true;
    made.enter(Phase::over);
    return made;
  }
  std::array<std::byte, 16> nonce;
  entropy.fill(nonce);
  const std::string key = format_key(nonce);
  std::string expected_accept = derive_accept_key(key);
  if (expected_accept.empty()) {
    made.end(Error::no_sha1, CloseCode::abnormal).due = true;
    made.enter(Phase::over);
    return made;
  }
  made.opening_ = std::make_unique<Opening>(made.config(), HttpHead::Start::response);
  made.opening_->expected_accept = std::move(expected_accept);
  made.opening_->asked_subprotocols = request.subprotocols();
  made.opening_->requires_subprotocol = request.requires_subprotocol();
  const std::string text =
      detail::format_request(request, key, detail::offer_deflate(made.config().deflate));
  if (!made.queue_text(text)) {
    made.end(Error::out_of_memory, CloseCode::abnormal).due = true;
    made.enter(Phase::over);
  }
  return made;
}

Connection Connection::from_raw(Role role, Entropy* entropy, SharedConfig config,
                                std::pmr::memory_resource* memory, const Negotiated& agreed) {
  Connection made(role, Phase::open, entropy, std::move(config), memory);
  made.deflate_ = agreed.deflate;
  made.deflate_.enabled = agreed.deflate.enabled && is_deflate_available();
  return made;
}

Connection Connection::from_partially_read(ConstBytes part, Role role, Entropy* entropy,
                                           SharedConfig config, std::pmr::memory_resource* memory,
                                           const Negotiated& agreed) {
  Connection made = from_raw(role, entropy, std::move(config), memory, agreed);
  if (!part.empty()) {
    made.opening_ = std::make_unique<Opening>(made.config(), HttpHead::Start::request);
    made.opening_->early.assign(part.begin(), part.end());
  }
  return made;
}

std::optional<Event> Connection::receive_eof(std::error_code why) {
  auto event = next_event_at_eof(why);
  tell(event);
  return event;
}

std::optional<Event> Connection::next_event_at_eof(std::error_code why) {
  release_view();
  if (auto event = waiting_event()) return event;
  switch (phase_) {
    case Phase::over:
      return std::nullopt;
    case Phase::open:
      if (opening_ != nullptr) {
        if (auto event = receive_early()) return event;
      }
      break;
    case Phase::refusal_body:  // the answer is there, however its body ends
      return give_refused();
    default:
      break;
  }
  // What was queued is still written, for a peer that only closed its sending side.
  const bool opened = phase_ >= Phase::open;
  if (why || !opened) drop_output(why);
  if (!ending_.begun) {
    if (!why) why = opened ? Error::connection_reset : Error::handshake_incomplete;
    end(why, CloseCode::abnormal);
  }
  phase_ = Phase::over;
  ending_.due = true;
  return waiting_event();
}

/// What has to be told before anything else is looked at.
std::optional<Event> Connection::waiting_event() {
  if (opened_pending_) {
    opened_pending_ = false;
    view_ = View::opening;
    return Opened{opening_->agreed, role_ == Role::client ? &opening_->response : nullptr};
  }
  if (ending_.due && !closed_given_) return give_closed();
  return std::nullopt;
}

std::optional<Event> Connection::receive_early() {
  Opening& opening = *opening_;
  Bytes rest = Bytes(opening.early).subspan(opening.early_taken);
  auto event = receive_frames(rest);
  opening.early_taken = opening.early.size() - rest.size();
  consumed_ = {};
  if (!event && !is_closing()) opening_.reset();  // else a view may be kept that points into it
  return event;
}

/// After both Close frames the server ends the stream first (RFC 6455 §7.1.1); after a failure,
/// whoever saw it.
bool Connection::ends_first() const {
  return phase_ == Phase::over || role_ == Role::server || !close_received_;
}

detail::Assembly Connection::take_view() {
  consumed_ = {};
  if (view_ != View::message) return {};
  view_ = View::none;
  return std::move(assembly_);
}

void Connection::drop_view() {
  switch (std::exchange(view_, View::none)) {
    case View::none:
      break;
    case View::message:
      assembly_.clear();
      break;
    case View::control:
      control_.clear();
      break;
    case View::opening:
      opening_.reset();
      break;
  }
}

Event Connection::fail(Error why) {
  begin_failure(why);
  return give_closed();
}

/// All that a failure does but to be told.
void Connection::begin_failure(Error why) {
  const CloseCode code = close_code_for(why);
  const bool closing_already = close_sent_;
  if (phase_ == Phase::request_head || phase_ == Phase::awaiting_answer) {
    std::string text;
    detail::write_refusal(text, detail::response_for(why), opening_->head.is_head_request());
    static_cast<void>(queue_text(text));  // the end tells more than the answer does
    // A request that waits for its answer lives until the owner gives it one, if in vain.
    if (phase_ == Phase::request_head) view_ = View::opening;
  } else if (phase_ == Phase::open && !close_sent_) {
    const std::string_view reason = describe(why);
    queue_last_close({code, reason.substr(0, CloseFrame::max_reason)});
  }
  // A client that is not open yet has nothing to say: its stream can go at once.
  const bool answered = role_ == Role::server || phase_ == Phase::open;
  if (!answered) discard_output();
  clear_unseen();
  end(why, code).due = true;
  const Time since = since_;
  enter(answered ? Phase::closing : Phase::over);
  if (closing_already) since_ = since;
}

/// Gives back what parts of messages there are, save what the last event's view points into.
void Connection::clear_unseen() {
  if (view_ != View::message) assembly_.clear();
  if (view_ != View::control) control_.clear();
}

std::optional<Event> Connection::abort(std::error_code why) {
  auto event = end_at_once(why);
  tell(event);
  return event;
}

std::optional<Event> Connection::end_at_once(std::error_code why) {
  drop_output(why);
  if (phase_ == Phase::over) return std::nullopt;
  if (!ending_.begun) end(why, CloseCode::abnormal);
  clear_unseen();
  opened_pending_ = false;
  ending_.due = true;
  enter(Phase::over);
  return waiting_event();
}

Connection::Ending& Connection::end(std::error_code why, CloseCode code, std::string_view reason) {
  assert(reason.size() <= CloseFrame::max_reason);
  ending_.begun = true;
  end_why_ = why;
  ending_.code = code;
  close_reason_.clear();
  if (reason.empty()) return ending_;
  // An end needs no memory: without any the reason is left out.
  std::byte* const room = close_reason_.extend(reason.size(), 0, *memory_);
  if (room != nullptr) std::memcpy(room, reason.data(), reason.size());
  return ending_;
}

/// Drops what is still queued. If our Close is among it, it never left, and the end is not a clean
/// one.
void Connection::drop_output(std::error_code why) {
  if (output_waits() && ending_.begun) {
    ending_.cut = true;
    if (!end_why_) end_why_ = why;
  }
  discard_output();
}

/// Has nothing to show any more.
void Connection::discard_output() {
  output_.drop();
  kept_close_ = 0;
}

/// What a Close with this code from the peer means. That of its answer to ours is our own.
std::error_code Connection::judge_close(CloseCode code) const {
  const bool is_usual =
      code == CloseCode::normal || code == CloseCode::going_away || code == CloseCode::no_status;
  const bool is_answer = close_sent_ && code == sent_code_;
  return is_usual || is_answer ? std::error_code() : make_error_code(Error::closed_with_error);
}

std::error_code Connection::why_closed() const { return end_why_; }

std::string_view Connection::close_reason() const { return text_of(close_reason_.bytes()); }

Event Connection::give_closed() {
  closed_given_ = true;
  const bool completed = !end_why_ || end_why_ == Error::closed_with_error;
  return Closed{end_why_, ending_.code, close_reason(),
                close_received_ && completed && !ending_.cut};
}

void Connection::enter(Phase phase) {
  phase_ = phase;
  if (phase > Phase::open) codec_.reset();  // no message comes or goes any more
  since_ = now_;
}

}  // namespace wolframite
