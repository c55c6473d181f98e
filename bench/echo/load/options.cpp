#include "options.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace load {
namespace {

[[noreturn]] void explain() {
  std::fprintf(stderr, R"(usage: echo_load MODE --port P [--pid PID] [OPTION...]
Loads the WebSocket server at 127.0.0.1:P and prints one line of JSON.
  echo        messages that come back, all octets of which are compared
  handshakes  connections opened, closed and opened again
  idle        the server's memory for connections that have echoed one message and wait
  broadcast   messages that each go to all connections
  --connections N   1 unless told      --size N    octets of a message, 16
  --seconds S       1; what is measured, without warming up
  --depth N         messages on their way on each connection, 1
  --tls             over TLS           --deflate   compressed, without context takeover
With the server's PID also the CPU time that it took.
)");
  std::exit(2);
}

}  // namespace

Options parse_options(int argc, char** argv) {
  if (argc < 2) explain();
  Options options;
  options.mode = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--tls") {
      options.tls = true;
    } else if (name == "--deflate") {
      options.deflate = true;
    } else {
      if (++i == argc) explain();
      const char* const value = argv[i];
      const std::uint64_t number = std::strtoull(value, nullptr, 10);
      if (name == "--port") {
        options.port = static_cast<std::uint16_t>(number);
      } else if (name == "--pid") {
        options.pid = number;
      } else if (name == "--connections") {
        options.connections = number;
      } else if (name == "--size") {
        options.size = number;
      } else if (name == "--depth") {
        options.depth = number;
      } else if (name == "--seconds") {
        options.seconds = std::strtod(value, nullptr);
      } else {
        explain();
      }
    }
  }
  if (options.port == 0 || options.connections == 0 || options.depth == 0) explain();
  return options;
}

}  // namespace load
