// What the generator is asked to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace load {

struct Options {
  std::string mode;  ///< echo, handshakes, idle or broadcast
  std::uint16_t port = 0;
  std::uint64_t pid = 0;  ///< of the server, whose use of CPU and memory is read; 0 leaves that out
  std::size_t connections = 1;
  std::size_t size = 16;  ///< octets of a message
  std::size_t depth = 1;  ///< messages on their way, a connection
  double seconds = 1;
  bool tls = false;
  bool deflate = false;
};

/// Reads the command line. Ends the program, with the usage, if it makes no sense.
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace load
