#include "opening.hpp"

#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "failure.hpp"

namespace load {
namespace {

void wait_for(const Transport& transport, short events) {
  pollfd waited{transport.fd(), events, 0};
  constexpr int patience = 20'000;  // milliseconds
  if (::poll(&waited, 1, patience) <= 0) fail("the server does not answer");
}

}  // namespace

Target::Target(const Options& options) : port_(options.port), deflate_(options.deflate) {
  if (options.tls) tls_.emplace();
  request_ =
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n";
  if (deflate_) {
    request_ +=
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
        "client_no_context_takeover\r\n";
  }
  request_ += "\r\n";
}

bool Target::accepts(std::string_view answer) const {
  if (!answer.ends_with("\r\n\r\n")) {
    if (answer.size() > 8192) fail("the server answers without end");
    return false;
  }
  std::string lower(answer);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char octet) { return static_cast<char>(std::tolower(octet)); });
  const bool has_key = answer.find("BACScCJPNqyz+UBoqMH89VmURoA=") != answer.npos;
  if (!answer.starts_with("HTTP/1.1 101") || !has_key)
    fail("the server refuses: " + std::string(answer));
  const bool compresses = lower.find("permessage-deflate") != lower.npos;
  if (compresses != deflate_) fail(deflate_ ? "the server does not compress" : "it compresses");
  if (deflate_ && lower.find("server_no_context_takeover") == lower.npos)
    fail("the server keeps its context");
  return true;
}

Transport Target::open() const {
  Transport transport = connect();
  write_all(transport, request_);
  std::string answer;
  std::array<char, 4096> room;
  while (!accepts(answer)) {
    const auto size = transport.read(room);
    if (!size) {
      wait_for_input(transport);
    } else if (*size == 0) {
      fail("the server hangs up while it is asked for an upgrade");
    } else {
      answer.append(room.data(), *size);
    }
  }
  return transport;
}

std::vector<Transport> Target::open(std::size_t count) const {
  raise_descriptor_limit();
  std::vector<Transport> transports;
  transports.reserve(count);
  for (std::size_t i = 0; i < count; ++i) transports.push_back(open());
  return transports;
}

void wait_for_input(const Transport& transport) { wait_for(transport, POLLIN); }

void write_all(Transport& transport, std::string_view bytes) {
  while (!bytes.empty()) {
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    if (const auto size = transport.write({&part, 1})) {
      bytes.remove_prefix(*size);
    } else {
      // Within a handshake of TLS it is input that a write waits for.
      wait_for(transport, transport.short_read_is_last() ? POLLOUT : POLLIN);
    }
  }
}

std::string read_exactly(Transport& transport, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const auto more = transport.read(std::span(bytes).subspan(got));
    if (!more) {
      wait_for_input(transport);
    } else if (*more == 0) {
      fail("the server hangs up");
    } else {
      got += *more;
    }
  }
  return bytes;
}

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace load
