#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "engine.hpp"

namespace wolframite::uring {

/// Accepts with one request that goes on, and keeps a few sockets that came before they were asked
/// for.
class Acceptor final : public Listener {
 public:
  Acceptor(Loop& loop, Socket socket, Endpoint local) : Listener(loop, std::move(socket), local) {}
  ~Acceptor() override;

 private:
  class AcceptRequest;

  [[nodiscard]] Engine& engine() const { return *static_cast<Loop&>(loop_).engine_; }
  [[nodiscard]] bool try_accept() override;
  void on_accepted(int result);

  AcceptRequest* request_ = nullptr;  // under way
  std::vector<Socket> ready_;         // from taken_ on, those nobody has asked for yet
  std::size_t taken_ = 0;
};

}  // namespace wolframite::uring
