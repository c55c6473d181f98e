// How the generator gives up: with one line, and a status that the harness sees.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace load {

/// Ends the program because the server, or what it sent, is not what it should be.
[[noreturn]] inline void fail(const std::string& what) {
  std::fprintf(stderr, "echo_load: %s\n", what.c_str());
  std::exit(1);
}

/// Ends the program because a system call has failed.
[[noreturn]] inline void fail_errno(const std::string& what) {
  fail(what + ": " + std::strerror(errno));
}

}  // namespace load
