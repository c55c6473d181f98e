// A load for WebSocket servers, made with bare epoll and frames that are built beforehand, so that
// what is measured is the server. It knows nothing of the library.
#include <csignal>
#include <cstdio>

#include "failure.hpp"
#include "modes.hpp"

int main(int argc, char** argv) {
  const load::Options options = load::parse_options(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (options.mode == "echo") {
    load::measure_echo(options);
  } else if (options.mode == "handshakes") {
    load::measure_handshakes(options);
  } else if (options.mode == "idle") {
    load::measure_idle(options);
  } else if (options.mode == "broadcast") {
    load::measure_broadcast(options);
  } else {
    load::fail("there is no mode " + options.mode);
  }
}
