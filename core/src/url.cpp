#include "wolframite/url.hpp"

#include <algorithm>
#include <optional>

#include "char_class.hpp"
#include "wolframite/headers.hpp"

namespace wolframite {

using detail::is_in;

namespace {

std::uint16_t default_port(bool secure) { return secure ? 443 : 80; }

unsigned hex_value(char digit) {
  return static_cast<unsigned>(
      is_in(digit, detail::char_digit) ? digit - '0' : detail::to_lower(digit) - 'a' + 10);
}

bool is_escape(std::string_view text, std::size_t at) {
  return text.size() - at >= 3 && text[at] == '%' && is_in(text[at + 1], detail::char_hex) &&
         is_in(text[at + 2], detail::char_hex);
}

// Whether `text` is of octets in `classes` and of percent-encoded ones.
bool is_encoded(std::string_view text, unsigned classes) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_in(text[at], classes)) continue;
    if (!is_escape(text, at)) return false;
    at += 2;
  }
  return true;
}

std::string decode(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_escape(text, at)) {
      decoded.push_back(text[at]);
      continue;
    }
    decoded.push_back(static_cast<char>(hex_value(text[at + 1]) << 4 | hex_value(text[at + 2])));
    at += 2;
  }
  return decoded;
}

bool is_ipv4(std::string_view text) {
  for (int part = 0;; ++part) {
    const std::size_t digits = detail::skip_class(text, 0, detail::char_digit);
    if (digits == 0 || digits > 3 || (digits > 1 && text[0] == '0')) return false;
    unsigned value = 0;
    for (const char digit : text.substr(0, digits)) value = value * 10 + hex_value(digit);
    if (value > 255) return false;
    text.remove_prefix(digits);
    if (part == 3) return text.empty();
    if (text.empty() || text.front() != '.') return false;
    text.remove_prefix(1);
  }
}

// RFC 3986 §3.2.2, without zone identifiers.
bool is_ipv6(std::string_view text) {
  int groups = 0;
  bool shortened = false;
  if (text.starts_with("::")) {
    shortened = true;
    text.remove_prefix(2);
    if (text.empty()) return true;
  }
  for (;;) {
    const std::size_t digits = detail::skip_class(text, 0, detail::char_hex);
    if (digits < text.size() && text[digits] == '.') {
      groups += 2;
      return is_ipv4(text) && (shortened ? groups < 8 : groups == 8);
    }
    if (digits == 0 || digits > 4) return false;
    ++groups;
    text.remove_prefix(digits);
    if (text.empty()) return shortened ? groups < 8 : groups == 8;
    if (text.front() != ':') return false;
    text.remove_prefix(1);
    if (!text.empty() && text.front() == ':') {
      if (shortened) return false;
      shortened = true;
      text.remove_prefix(1);
      if (text.empty()) return groups < 8;
    }
  }
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint32_t port = 0;
  for (const char digit : digits) {
    if (!is_in(digit, detail::char_digit)) return std::nullopt;
    port = port * 10 + hex_value(digit);
    if (port > 0xFFFF) return std::nullopt;
  }
  return static_cast<std::uint16_t>(port);
}

// authority = [ userinfo "@" ] host [ ":" port ]
Error parse_authority(std::string_view authority, Url& url) {
  const std::size_t at_sign = authority.find('@');
  if (at_sign != std::string_view::npos) {
    const std::string_view userinfo = authority.substr(0, at_sign);
    if (!is_encoded(userinfo, detail::char_user)) return Error::malformed_url;
    url.userinfo = decode(userinfo);
    authority.remove_prefix(at_sign + 1);
  }
  std::size_t host_size = 0;
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return Error::malformed_url;
    url.host = authority.substr(1, bracket - 1);
    if (!is_ipv6(url.host)) return Error::malformed_url;
    host_size = bracket + 1;
  } else {
    host_size = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, host_size);
  }
  std::transform(url.host.begin(), url.host.end(), url.host.begin(), detail::to_lower);
  std::string_view port = authority.substr(host_size);
  if (port.empty()) return Error::none;
  if (port.front() != ':') return Error::malformed_url;
  port.remove_prefix(1);
  if (port.empty()) return Error::none;
  const std::optional<std::uint16_t> number = parse_port(port);
  if (!number) return Error::invalid_port;
  url.port = *number;
  return Error::none;
}

}  // namespace

Url::Parsed Url::parse(std::string_view text) {
  Parsed parsed;
  Url& url = parsed.url;
  const std::string_view scheme = text.substr(0, text.find(':'));
  url.secure = equals_ignoring_case(scheme, "wss");
  url.port = default_port(url.secure);
  if (scheme.size() == text.size() || (!url.secure && !equals_ignoring_case(scheme, "ws"))) {
    parsed.error = Error::unsupported_url_scheme;
    return parsed;
  }
  std::string_view rest = text.substr(scheme.size() + 1);
  if (!rest.starts_with("//")) {
    parsed.error = Error::malformed_url;
    return parsed;
  }
  rest.remove_prefix(2);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  rest.remove_prefix(authority.size());
  parsed.error = parse_authority(authority, url);
  if (!rest.empty()) url.target = rest.starts_with('/') ? rest : std::string("/").append(rest);
  if (parsed.error == Error::none) parsed.error = url.check();
  return parsed;
}

Error Url::check() const {
  if (host.empty()) return Error::missing_host_name;
  const bool host_fits = host.find(':') != std::string::npos
                             ? is_ipv6(host)
                             : detail::skip_class(host, 0, detail::char_host) == host.size();
  if (!host_fits) return Error::malformed_url;
  if (port == 0) return Error::invalid_port;
  if (target.find('#') != std::string::npos) return Error::url_has_fragment;
  if (!target.starts_with('/') || !is_encoded(target, detail::char_pchar))
    return Error::malformed_url;
  // Basic credentials hold no control characters (RFC 7617 §2).
  const auto is_control = [](char octet) { return (octet >= 0 && octet < 0x20) || octet == 0x7F; };
  if (std::any_of(userinfo.begin(), userinfo.end(), is_control)) return Error::malformed_url;
  return Error::none;
}

std::string Url::host_header() const {
  std::string header;
  if (host.find(':') != std::string::npos) {
    header.append("[").append(host).append("]");
  } else {
    header = host;
  }
  if (port != default_port(secure)) header.append(":").append(std::to_string(port));
  return header;
}

}  // namespace wolframite
