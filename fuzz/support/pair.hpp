// Two connections joined in memory, in virtual time, with everything that can happen to them.
#pragma once

#include <string>

#include "counting_entropy.hpp"
#include "owner.hpp"
#include "recorder.hpp"

namespace wolframite::fuzz {

/// One end, and what is on its way to it.
struct End {
  explicit End(Connection made) : connection(std::move(made)) {}

  Connection connection;
  Recorder recorder;
  std::string arriving;     ///< octets on the wire
  bool input_ends = false;  ///< the stream ends after those
  bool input_ended = false;
  Lines sent;              ///< messages that were queued whole
  std::string unfinished;  ///< fragments of a message so far
  Kind kind = Kind::binary;
};

/// A client and a server, and the link between them.
class Pair {
 public:
  explicit Pair(Reader& input);

  /// Lets one thing happen that the input chooses.
  void step();

  /// Lets both owners take their turns on a link that works, and close, until nothing happens any
  /// more; then cuts it.
  void settle();

  /// Both told `Closed`, and no call brings anything more.
  void check_over();

 private:
  void send(End& end);
  void send_on(End& end, Message message, SharedBytes buffer);
  void command(End& end);
  void handle(End& end, const Event& event, const SharedBytes& buffer = {});
  void transfer(End& from, End& to, std::size_t limit);
  void deliver(End& end, std::size_t limit);
  void advance(End& end);
  void cut();
  bool turn(End& end, End& peer);
  void check_bounds(const End& end) const;
  void check_messages(const End& from, const End& to) const;

  Reader& input_;
  Config config_;
  Cutter reads_;
  Cutter writes_;
  CountingEntropy entropy_;
  Time now_{};
  bool corrupted_ = false;
  int pieces_seen_ = 0;  // messages or pieces that came to the server
  End client_;
  End server_;
};

}  // namespace wolframite::fuzz
