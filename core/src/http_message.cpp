#include "wolframite/http_message.hpp"

#include <algorithm>
#include <array>

#include "header_list.hpp"

namespace wolframite {

bool Request::is_upgrade() const {
  if (version_minor == 0) return false;
  return headers.has_token("Upgrade", "websocket") || headers.count("Sec-WebSocket-Key") != 0;
}

std::vector<std::string_view> Request::subprotocols() const {
  std::vector<std::string_view> names;
  for (const Headers::Field& field : headers) {
    if (!equals_ignoring_case(field.name, "Sec-WebSocket-Protocol")) continue;
    detail::ListElements list(field.value);
    while (const auto name = list.next()) names.push_back(*name);
  }
  return names;
}

bool Request::offers_subprotocol(std::string_view name) const {
  for (const Headers::Field& field : headers) {
    if (!equals_ignoring_case(field.name, "Sec-WebSocket-Protocol")) continue;
    detail::ListElements list(field.value);
    while (const auto offered = list.next()) {
      if (*offered == name) return true;
    }
  }
  return false;
}

std::string_view reason_phrase(int status) {
  struct Entry {
    int status;
    std::string_view phrase;
  };
  static constexpr std::array entries = std::to_array<Entry>({
      {100, "Continue"},
      {101, "Switching Protocols"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {203, "Non-Authoritative Information"},
      {204, "No Content"},
      {205, "Reset Content"},
      {206, "Partial Content"},
      {300, "Multiple Choices"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {305, "Use Proxy"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {402, "Payment Required"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {407, "Proxy Authentication Required"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Content"},
      {426, "Upgrade Required"},
      {428, "Precondition Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
      {511, "Network Authentication Required"},
  });
  const auto* const entry = std::find_if(entries.begin(), entries.end(),
                                         [status](const Entry& e) { return e.status == status; });
  return entry == entries.end() ? std::string_view("Unknown") : entry->phrase;
}

}  // namespace wolframite
