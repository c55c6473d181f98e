// Events as values: copied out of the connection's buffers, compared, and printed as the lines that
// transcripts are written in.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "error_name.hpp"
#include "wolframite/event.hpp"

namespace wolframite::test {

/// One event. Members that its kind does not have keep their default.
struct Record {
  enum class Type : std::uint8_t {
    requested,
    opened,
    refused,
    text,
    binary,
    pinged,
    ponged,
    closing,
    closed
  };
  Type type;
  std::string data{};  ///< payload, reason, target, subprotocol or body
  unsigned code = 0;   ///< close code or HTTP status
  std::error_code why{};
  bool clean = false;
  bool first = true;
  bool last = true;

  bool operator==(const Record&) const = default;
};

inline Record requested(std::string target) { return {Record::Type::requested, std::move(target)}; }
inline Record opened(std::string subprotocol = {}) {
  return {Record::Type::opened, std::move(subprotocol)};
}
inline Record refused(unsigned status, std::string body = {}) {
  return {Record::Type::refused, std::move(body), status};
}
inline Record text(std::string payload) { return {Record::Type::text, std::move(payload)}; }
inline Record binary(std::string payload) { return {Record::Type::binary, std::move(payload)}; }
inline Record piece(Kind kind, std::string payload, bool first, bool last) {
  Record record = kind == Kind::text ? text(std::move(payload)) : binary(std::move(payload));
  record.first = first;
  record.last = last;
  return record;
}
inline Record pinged(std::string payload = {}) {
  return {Record::Type::pinged, std::move(payload)};
}
inline Record ponged(std::string payload = {}) {
  return {Record::Type::ponged, std::move(payload)};
}
inline Record closing(unsigned code, std::string reason = {}) {
  return {Record::Type::closing, std::move(reason), code};
}
/// A closing handshake that was completed.
inline Record closed(unsigned code, std::string reason = {}) {
  return {Record::Type::closed, std::move(reason), code, {}, true};
}
/// One that was completed, for an error that the peer has told.
inline Record closed_with_error(unsigned code, std::string reason = {}) {
  return {Record::Type::closed, std::move(reason), code, Error::closed_with_error, true};
}
/// Any other end.
inline Record closed(std::error_code why, unsigned code) {
  return {Record::Type::closed, {}, code, why, false};
}
/// The end of a connection on which the peer broke a rule.
inline Record failed(Error why) { return closed(why, static_cast<unsigned>(close_code_for(why))); }

inline Record to_record(const Event& event) {
  struct Visitor {
    Record operator()(const Requested& e) const { return requested(e.request.target); }
    Record operator()(const Opened& e) const { return opened(e.agreed.subprotocol); }
    Record operator()(const Refused& e) const {
      return refused(static_cast<unsigned>(e.response.status), e.response.body);
    }
    Record operator()(const Message& e) const {
      return piece(e.kind, std::string(e.text()), e.first, e.last);
    }
    Record operator()(const Pinged& e) const { return pinged(std::string(text_of(e.data))); }
    Record operator()(const Ponged& e) const { return ponged(std::string(text_of(e.data))); }
    Record operator()(const Closing& e) const {
      return closing(static_cast<unsigned>(e.code), std::string(e.reason));
    }
    Record operator()(const Closed& e) const {
      return {Record::Type::closed, std::string(e.reason), static_cast<unsigned>(e.code), e.why,
              e.clean};
    }
  };
  return std::visit(Visitor{}, event);
}

/// Text in quotes with everything but printable ASCII as \xNN; the middle of a long one is left
/// out.
inline std::string in_quotes(std::string_view text) {
  std::string line = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.size() > 200 && i == 64) {
      line.append("...(").append(std::to_string(text.size())).append(" octets)...");
      i = text.size() - 16;
    }
    const auto value = static_cast<unsigned char>(text[i]);
    if (value >= 0x20 && value < 0x7F && value != '"' && value != '\\') {
      line.push_back(text[i]);
    } else if (value == '"' || value == '\\') {
      line.append({'\\', text[i]});
    } else {
      line.append({'\\', 'x', "0123456789ABCDEF"[value >> 4U], "0123456789ABCDEF"[value & 0xFU]});
    }
  }
  return line.append("\"");
}

inline std::string to_line(const Record& record) {
  const std::string data = in_quotes(record.data);
  const std::string code = std::to_string(record.code);
  const std::string piece = record.first && record.last ? ""
                            : record.first              ? " first"
                            : record.last               ? " last"
                                                        : " middle";
  switch (record.type) {
    case Record::Type::requested:
      return "requested " + data;
    case Record::Type::opened:
      return record.data.empty() ? "opened" : "opened " + data;
    case Record::Type::refused:
      return "refused " + code + " " + data;
    case Record::Type::text:
      return "text" + piece + " " + data;
    case Record::Type::binary:
      return "binary" + piece + " " + data;
    case Record::Type::pinged:
      return "pinged " + data;
    case Record::Type::ponged:
      return "ponged " + data;
    case Record::Type::closing:
      return "closing " + code + " " + data;
    case Record::Type::closed:
      break;
  }
  const std::string end = record.clean ? "clean" : name_of(record.why);
  return "closed " + end + " " + code + (record.data.empty() ? "" : " " + data);
}

inline std::ostream& operator<<(std::ostream& out, const Record& record) {
  return out << to_line(record);
}

/// Events in their order.
struct Records : std::vector<Record> {
  using std::vector<Record>::vector;

  [[nodiscard]] std::size_t count(Record::Type type) const {
    std::size_t found = 0;
    for (const Record& record : *this) found += record.type == type;
    return found;
  }
};

inline std::ostream& operator<<(std::ostream& out, const Records& records) {
  out << records.size() << " events";
  for (const Record& record : records) out << "\n    " << record;
  return out;
}

/// The same with the pieces of each message joined. One cut off by the end of the connection is
/// left out: how much of it was handed out before depends on how it was cut.
inline Records merged(const Records& records) {
  Records whole;
  Record message{Record::Type::text};
  for (const Record& record : records) {
    if (record.type != Record::Type::text && record.type != Record::Type::binary) {
      whole.push_back(record);
      continue;
    }
    if (record.first)
      message =
          piece(record.type == Record::Type::text ? Kind::text : Kind::binary, {}, true, true);
    message.data.append(record.data);
    if (record.last) whole.push_back(message);
  }
  return whole;
}

}  // namespace wolframite::test
