#include "wolframite/client_request.hpp"

#include <algorithm>

#include "handshake.hpp"

namespace wolframite {

ClientRequest::ClientRequest(std::string_view url) {
  Url::Parsed parsed = Url::parse(url);
  url_ = std::move(parsed.url);
  error_ = parsed.error;
}

ClientRequest& ClientRequest::header(std::string_view name, std::string_view value) & {
  const Error error = detail::is_handshake_header(name) ? Error::reserved_header
                      : is_valid_header(name, value)    ? Error::none
                                                        : Error::invalid_header;
  if (error == Error::none) {
    headers_.append(name, value);
  } else if (error_ == Error::none) {
    error_ = error;
  }
  return *this;
}

ClientRequest ClientRequest::header(std::string_view name, std::string_view value) && {
  return std::move(header(name, value));
}

ClientRequest& ClientRequest::subprotocol(std::string_view name) & {
  const bool fits = is_token(name) && std::find(subprotocols_.begin(), subprotocols_.end(), name) ==
                                          subprotocols_.end();
  if (fits) {
    subprotocols_.emplace_back(name);
  } else if (error_ == Error::none) {
    error_ = Error::invalid_subprotocol;
  }
  return *this;
}

ClientRequest ClientRequest::subprotocol(std::string_view name) && {
  return std::move(subprotocol(name));
}

}  // namespace wolframite
