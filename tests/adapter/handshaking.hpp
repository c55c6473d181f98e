// A server's handshake under way, for the contract of streams.
#pragma once

#include "rig.hpp"

namespace wolframite::test {

inline Task<> accept_one(Loop& loop, Socket socket, AcceptOptions options, Outcome& outcome,
                         std::optional<WebSocketStream>& stream) {
  auto accepted = co_await accept(loop, std::move(socket), secured(std::move(options)));
  if (accepted) {
    stream.emplace(std::move(*accepted));
  } else {
    outcome.error = accepted.error();
  }
  outcome.done = true;
}

/// A server's handshake under way, and the client's bare socket.
struct Server {
  explicit Server(AcceptOptions options = {}, Transport transport = Transport::tcp) {
    auto [ours, theirs] = connected(transport);
    peer.emplace(loop, std::move(theirs), new_engine(Role::client));
    task = loop.spawn(accept_one(loop, std::move(ours), std::move(options), outcome, stream));
  }
  backend::Loop loop;
  std::optional<Peer> peer;
  Outcome outcome;
  std::optional<WebSocketStream> stream;
  TaskHandle task;
};

}  // namespace wolframite::test
