#include "recorder.hpp"

#include <variant>

#include "naive.hpp"

namespace wolframite::fuzz {
namespace {

std::string number(auto value) { return std::to_string(static_cast<unsigned>(value)); }

std::string fields_of(const Headers& headers) {
  std::string text;
  for (const Headers::Field& field : headers) {
    text.append(" [").append(field.name).append("=").append(field.value).append("]");
  }
  return text;
}

}  // namespace

std::string line_of_message(Kind kind, std::string_view payload) {
  return (kind == Kind::text ? "text " : "binary ") + std::string(payload);
}

std::string line_of_ping(std::string_view payload) { return "ping " + std::string(payload); }

std::string line_of_pong(std::string_view payload) { return "pong " + std::string(payload); }

std::string line_of_closing(CloseCode code, std::string_view reason) {
  return "closing " + number(code) + " " + std::string(reason);
}

std::string line_of_closed(std::error_code why, CloseCode code, std::string_view reason,
                           bool clean) {
  return (clean ? "closed cleanly " : "closed ") + number(code) + " " + std::string(reason) + ": " +
         why.message();
}

void Recorder::add(const Event& event) {
  REQUIRE(!closed_);
  std::visit([this](const auto& which) { told(which); }, event);
}

void Recorder::told(const Requested& event) {
  REQUIRE(!requested_ && !opened_);
  requested_ = true;
  const Request& request = event.request;
  lines_.push_back("requested " + request.method + " " + request.target +
                   fields_of(request.headers));
}

void Recorder::told(const Opened& event) {
  REQUIRE(!opened_ && !refused_);
  opened_ = true;
  lines_.push_back("opened " + event.agreed.subprotocol +
                   (event.response == nullptr ? "" : fields_of(event.response->headers)));
}

void Recorder::told(const Refused& event) {
  REQUIRE(!opened_ && !refused_);
  refused_ = true;
  const Response& response = event.response;
  lines_.push_back("refused " + number(response.status) + " " + response.reason +
                   fields_of(response.headers) + " " + response.body);
}

void Recorder::told(const Message& event) {
  REQUIRE(!refused_ && !closing_);
  REQUIRE(event.first == !in_message_);
  REQUIRE(event.first || event.kind == kind_);
  kind_ = event.kind;
  in_message_ = !event.last;
  pieces_.append(event.text());
  if (!event.last) return;
  REQUIRE(kind_ == Kind::binary || naive::judge_utf8(pieces_).is_valid());
  lines_.push_back(line_of_message(kind_, pieces_));
  messages_.push_back(lines_.back());
  pieces_.clear();
}

void Recorder::told(const Pinged& event) {
  REQUIRE(!closing_ && event.data.size() <= 125);
  lines_.push_back(line_of_ping(text_of(event.data)));
}

void Recorder::told(const Ponged& event) {
  REQUIRE(!closing_ && event.data.size() <= 125);
  lines_.push_back(line_of_pong(text_of(event.data)));
}

void Recorder::told(const Closing& event) {
  REQUIRE(!closing_ && event.reason.size() <= 123);
  REQUIRE(event.code == CloseCode::no_status || is_sendable(event.code));
  REQUIRE(naive::judge_utf8(event.reason).is_valid());
  closing_ = true;
  lines_.push_back(line_of_closing(event.code, event.reason));
}

void Recorder::told(const Closed& event) {
  // Both Closes may have gone, and the peer's have told an error.
  REQUIRE(event.clean == (!event.why || event.why == Error::closed_with_error));
  REQUIRE(!event.clean || closing_);
  // Of a message that was not finished either, no piece may hold a fault.
  REQUIRE(kind_ == Kind::binary || naive::judge_utf8(pieces_).fault == std::string_view::npos);
  closed_ = true;
  clean_ = event.clean;
  why_ = event.why;
  lines_.push_back(line_of_closed(event.why, event.code, event.reason, event.clean));
}

}  // namespace wolframite::fuzz
