// Invariant: every interleaving of what two ends can do around a close leads each of them to
// exactly one Closed.
#include <doctest/doctest.h>

#include "link.hpp"

namespace wolframite::test {
namespace {

enum class Step : std::uint8_t { close, send, ping, deliver, eof, time_out, block, count };

constexpr std::size_t steps = 2 * static_cast<std::size_t>(Step::count);

// The order in which each end's owner takes turns is part of the interleaving, so nothing but
// `deliver` and the steps themselves move bytes.
bool take(Link& link, std::size_t choice) {
  End& end = choice % 2 == 0 ? link.client : link.server;
  if (end.released) return false;
  switch (static_cast<Step>(choice / 2)) {
    case Step::close:
      if (end.connection.close(CloseCode::going_away, "c")) return false;
      break;
    case Step::send:
      if (end.connection.send(Kind::text, bytes_of("m"))) return false;
      break;
    case Step::ping:
      if (end.connection.ping()) return false;
      break;
    case Step::deliver:
      if (link.peer_of(end).wire.empty()) return false;
      link.turn(end);
      return true;
    case Step::eof:
      link.eof(end);
      break;
    case Step::time_out:
      if (!link.time_out(end)) return false;
      break;
    case Step::block:
      end.blocked = !end.blocked;
      break;
    case Step::count:
      return false;
  }
  link.write(end);
  return true;
}

std::string describe_path(const std::vector<std::size_t>& path) {
  constexpr std::array names{"close", "send", "ping", "deliver", "eof", "time_out", "block"};
  std::string text;
  for (const std::size_t choice : path) {
    text.append(choice % 2 == 0 ? " client:" : " server:").append(names[choice / 2]);
  }
  return text;
}

struct Exploration {
  std::size_t ends = 0;
  std::size_t clean = 0;

  /// Replays `path`, and then lets both ends run to the end. Returns false if its last step was
  /// none.
  bool try_path(const std::vector<std::size_t>& path) {
    ZeroEntropy entropy;
    Link link(Connection::from_raw(Role::client, &entropy),
              Connection::from_raw(Role::server, nullptr));
    for (const std::size_t choice : path) {
      if (!take(link, choice)) return false;
    }
    link.client.blocked = false;
    link.server.blocked = false;
    // Someone has to begin, where nobody did.
    (void)link.client.connection.close();
    const bool ran = link.run();
    ++ends;
    for (const End* end : {&link.client, &link.server}) {
      const bool one = end->events.count(Record::Type::closed) == 1 &&
                       end->events.back().type == Record::Type::closed;
      const bool over = end->connection.is_terminated() && end->released;
      if (!ran || !one || !over) {
        INFO("path", describe_path(path));
        CHECK(ran);
        CHECK(one);
        CHECK(over);
        CHECK(end->events == Records{});
        return false;
      }
      clean += end->events.back().clean;
    }
    return true;
  }

  void explore(std::vector<std::size_t>& path, std::size_t depth) {
    for (std::size_t choice = 0; choice < steps; ++choice) {
      path.push_back(choice);
      if (try_path(path) && path.size() < depth) explore(path, depth);
      path.pop_back();
    }
  }
};

}  // namespace

TEST_CASE("all interleavings around a close end in one Closed on each side") {
#if defined(WOLFRAMITE_SCRIBBLE)
  constexpr std::size_t depth = 4;
#else
  constexpr std::size_t depth = 6;
#endif
  Exploration exploration;
  std::vector<std::size_t> path;
  exploration.explore(path, depth);
  MESSAGE("depth ", depth, ": ", exploration.ends, " interleavings");
  CHECK(exploration.ends > 1000);
  CHECK(exploration.clean > 1000);
}

}  // namespace wolframite::test
