// The command line that the peers have in common with our own servers.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace peer {

struct Options {
  std::uint16_t port = 0;
  bool broadcasts = false;
  bool deflate = false;
  std::string certificate{};  // PEM files; empty without TLS
  std::string key{};
};

/// Reads the options. `--version` prints what the server is made with, and ends the program.
[[nodiscard]] inline Options parse_options(int argc, char** argv, const std::string& version) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--broadcast") {
      options.broadcasts = true;
    } else if (name == "--deflate") {
      options.deflate = true;
    } else if (name == "--port" && i + 1 < argc) {
      options.port = static_cast<std::uint16_t>(std::strtoul(argv[++i], nullptr, 10));
    } else if (name == "--cert" && i + 1 < argc) {
      options.certificate = argv[++i];
    } else if (name == "--key" && i + 1 < argc) {
      options.key = argv[++i];
    } else if (name == "--version") {
      std::printf("%s\n", version.c_str());
      std::exit(0);
    } else {
      std::fprintf(stderr, "%s: unknown argument %s\n", argv[0], argv[i]);
      std::exit(2);
    }
  }
  return options;
}

inline void tell_port(int port) {
  std::printf("%d\n", port);
  std::fflush(stdout);
}

}  // namespace peer
