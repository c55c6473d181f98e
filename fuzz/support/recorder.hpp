// What a connection told, kept free of any lifetime.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "check.hpp"
#include "wolframite/event.hpp"

namespace wolframite::fuzz {

// One line an event, for connections and naive references alike.
std::string line_of_message(Kind kind, std::string_view payload);
std::string line_of_ping(std::string_view payload);
std::string line_of_pong(std::string_view payload);
std::string line_of_closing(CloseCode code, std::string_view reason);
std::string line_of_closed(std::error_code why, CloseCode code, std::string_view reason,
                           bool clean);

/// Writes down events, pieces of messages merged, and insists on what holds for every connection:
/// events come in an order that makes sense, `Closed` is the last, and text is UTF-8.
class Recorder {
 public:
  void add(const Event& event);

  [[nodiscard]] const Lines& lines() const { return lines_; }
  [[nodiscard]] const Lines& messages() const { return messages_; }  ///< those of the lines
  [[nodiscard]] bool has_requested() const { return requested_; }
  [[nodiscard]] bool has_opened() const { return opened_; }
  [[nodiscard]] bool has_refused() const { return refused_; }
  [[nodiscard]] bool has_closed() const { return closed_; }
  [[nodiscard]] bool is_clean() const { return clean_; }
  [[nodiscard]] std::error_code why() const { return why_; }

 private:
  void told(const Requested& event);
  void told(const Opened& event);
  void told(const Refused& event);
  void told(const Message& event);
  void told(const Pinged& event);
  void told(const Ponged& event);
  void told(const Closing& event);
  void told(const Closed& event);

  Lines lines_;
  Lines messages_;
  std::string pieces_;  // of a message that is not complete
  Kind kind_ = Kind::binary;
  bool in_message_ = false;
  bool requested_ = false;
  bool opened_ = false;
  bool refused_ = false;
  bool closing_ = false;
  bool closed_ = false;
  bool clean_ = false;
  std::error_code why_;
};

}  // namespace wolframite::fuzz
