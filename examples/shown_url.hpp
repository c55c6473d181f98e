// How a URL may be shown to people.
#pragma once

#include <string>
#include <string_view>

#include <wolframite/url.hpp>

/// The URL without its `user:password@`, for that is nothing to be printed or logged. What is no
/// URL is cut up to its last `@`, for where a password ends in it cannot be known.
inline std::string shown_url(std::string_view text) {
  const auto parsed = wolframite::Url::parse(text);
  if (parsed.error == wolframite::Error::none) {
    const wolframite::Url& url = parsed.url;
    return (url.secure ? "wss://" : "ws://") + url.host_header() + url.target;
  }
  const std::size_t at = text.rfind('@');
  return std::string(at == std::string_view::npos ? text : text.substr(at + 1));
}
