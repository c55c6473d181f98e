#pragma once

#include "wolframite/epoll.hpp"

namespace wolframite::epoll {

/// Accepts with plain calls, when epoll tells that somebody waits.
class Acceptor final : public Listener, private EventSource {
 public:
  Acceptor(Loop& loop, Socket socket, Endpoint local) : Listener(loop, std::move(socket), local) {}
  ~Acceptor() override;

  [[nodiscard]] std::error_code begin();

 private:
  [[nodiscard]] Loop& epoll_loop() const { return static_cast<Loop&>(loop_); }
  void on_events(std::uint32_t events) override;
  [[nodiscard]] bool try_accept() override;

  bool readable_ = false;
  Time turn_{};  // when accepted_in_turn_ was begun to count
  int accepted_in_turn_ = 0;
};

}  // namespace wolframite::epoll
