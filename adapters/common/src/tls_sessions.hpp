/// @file
/// The sessions that a client can resume.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "openssl_pointers.hpp"

namespace wolframite {

/// The newest sessions of each host, within bounds. Safe for many threads.
class TlsSessions {
 public:
  void put(std::string host, SessionPointer session);

  /// The newest session of `host`, or null. One of TLS 1.3 is given once only, so that an observer
  /// cannot link connections by it (RFC 8446 appendix C.4).
  [[nodiscard]] SessionPointer take(const std::string& host);

 private:
  static constexpr std::size_t max_hosts = 256;
  static constexpr std::size_t max_sessions = 4;  // a server may send some with each connection

  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<SessionPointer>> hosts_;
};

}  // namespace wolframite
