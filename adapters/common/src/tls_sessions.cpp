#include "tls_sessions.hpp"

#include <utility>

namespace wolframite {

void TlsSessions::put(std::string host, SessionPointer session) {
  const std::lock_guard lock(mutex_);
  // Which host gives way matters little: the loss is one full handshake.
  if (hosts_.size() == max_hosts && !hosts_.contains(host)) hosts_.erase(hosts_.begin());
  auto& sessions = hosts_[std::move(host)];
  if (sessions.size() == max_sessions) sessions.erase(sessions.begin());
  sessions.push_back(std::move(session));
}

SessionPointer TlsSessions::take(const std::string& host) {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return nullptr;
  auto& sessions = found->second;
  SessionPointer session;
  while (session == nullptr && !sessions.empty()) {
    session = std::move(sessions.back());
    sessions.pop_back();
    if (SSL_SESSION_is_resumable(session.get()) == 0) session.reset();
  }
  if (session != nullptr && SSL_SESSION_get_protocol_version(session.get()) < TLS1_3_VERSION) {
    SSL_SESSION_up_ref(session.get());
    sessions.emplace_back(session.get());
  }
  if (sessions.empty()) hosts_.erase(found);
  return session;
}

}  // namespace wolframite
