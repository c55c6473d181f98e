// The opening handshake of both roles (RFC 6455 §4).
#include <utility>

#include "connection_state.hpp"
#include "deflate_negotiation.hpp"
#include "handshake.hpp"
#include "wolframite/connection.hpp"

namespace wolframite {

namespace {

constexpr int switching_protocols = 101;

/// Feeds what the parser wants of `in`, and takes that from its front.
template <typename Parser>
auto feed(Parser& parser, Bytes& in) {
  ConstBytes rest = in;
  const auto result = parser.receive(rest);
  in = in.last(rest.size());
  return result;
}

}  // namespace

// Server

std::optional<Event> Connection::receive_request(Bytes& in) {
  if (const Error error = feed(opening_->head, in); error != Error::none) return fail(error);
  if (!opening_->head.is_complete()) return std::nullopt;
  opening_->request = opening_->head.take_request();
  if (const Error error = detail::check_request(opening_->request); error != Error::none) {
    return fail(error);
  }
  phase_ = Phase::awaiting_answer;
  return Requested{opening_->request};
}

std::error_code Connection::accept(const Accept& with) {
  if (phase_ != Phase::awaiting_answer) return Error::no_request;
  if (const Error error = detail::check_accept(opening_->request, with); error != Error::none) {
    return error;
  }
  Negotiated agreed;
  agreed.subprotocol = with.subprotocol;
  agreed.deflate =
      detail::choose_deflate(opening_->request.headers, config().deflate, agreed.extensions);
  std::string text;
  const Error error = detail::write_accept(text, opening_->request, with, agreed.extensions);
  if (error != Error::none) return error;
  if (!queue_text(text)) return Error::out_of_memory;
  opening_->agreed = std::move(agreed);
  start_open();
  opened_pending_ = true;
  return {};
}

std::error_code Connection::refuse(const Response& response) {
  if (phase_ != Phase::awaiting_answer) return Error::no_request;
  if (const Error error = detail::check_refusal(response); error != Error::none) return error;
  std::string text;
  detail::write_refusal(text, response, opening_->head.is_head_request());
  if (!queue_text(text)) return Error::out_of_memory;
  view_ = View::opening;
  const bool is_upgrade = opening_->request.is_upgrade();
  end(is_upgrade ? Error::refused : Error::plain_http, CloseCode::abnormal).due = true;
  enter(Phase::closing);
  return {};
}

// Client

std::optional<Event> Connection::receive_response(Bytes& in) {
  Opening& opening = *opening_;
  for (;;) {
    const std::size_t before = in.size();
    if (const Error error = feed(opening.head, in); error != Error::none) return fail(error);
    opening.head_size_left -= before - in.size();
    if (!opening.head.is_complete()) return std::nullopt;
    opening.response = opening.head.take_response();
    const int status = opening.response.status;
    if (status >= 200 || status == switching_protocols) break;
    // An interim response; the next one follows (RFC 9110 §15.2).
    opening.head =
        HttpHead(HttpHead::Start::response, {opening.head_size_left, config().max_headers});
  }
  if (opening.response.status != switching_protocols) {
    opening.body.emplace(opening.response, config().max_refusal_body_size);
    phase_ = Phase::refusal_body;
    return receive_refusal_body(in);
  }
  // An upgrade is of HTTP/1.1 (RFC 9110 §7.8).
  if (opening.head.version_minor() == 0) return fail(Error::version_not_http_1_1);
  const Error error = detail::check_response(
      opening.response, {opening.asked_subprotocols, opening.requires_subprotocol},
      opening.expected_accept, config().deflate, opening.agreed);
  if (error != Error::none) return fail(error);
  start_open();
  view_ = View::opening;
  return Opened{opening.agreed, &opening.response};
}

std::optional<Event> Connection::receive_refusal_body(Bytes& in) {
  if (!feed(*opening_->body, in)) return std::nullopt;
  return give_refused();
}

Event Connection::give_refused() {
  opening_->response.body = opening_->body->take();
  view_ = View::opening;
  output_.drop();
  end(Error::refused, CloseCode::abnormal).due = true;
  enter(Phase::over);
  return Refused{opening_->response};
}

void Connection::start_open() {
  enter(Phase::open);
  deflate_ = opening_->agreed.deflate;
  heard_at_ = now_;
  message_at_ = now_;
}

/// Returns whether there was memory.
bool Connection::queue_text(std::string_view text) {
  start_writing();
  return output_.append(bytes_of(text), *memory_);
}

}  // namespace wolframite
