// Two connections joined in virtual time: a wire each way with latency, random cuts and partial
// writes, links that break, writers that block, and a clock that jumps from one instant at which
// something happens to the next.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "support.hpp"

namespace wolframite::test {

/// One end: a connection, what its owner was told, and the wire to the other end.
///
///     connection.output() --> partial writes --> wire, each packet due at an instant --> the
///     peer's receive()
struct End {
  explicit End(Connection made) : connection(std::move(made)) {}

  struct Packet {
    Time due;
    std::string bytes;  ///< none: the end of the stream
  };

  Connection connection;
  Records events;
  std::deque<Packet> wire;
  std::function<void(End&, const Event&)> on_event;  ///< may give commands
  bool blocked = false;                              ///< the kernel takes no more
  bool shut = false;                                 ///< this end has ended its stream
  bool released = false;                             ///< this end has closed its socket
  std::size_t most_pending = 0;
};

struct LinkOptions {
  std::chrono::milliseconds latency{0};
  bool cuts = false;  ///< write and deliver in random pieces
};

class Link {
 public:
  Link(Connection from_client, Connection from_server, std::uint64_t seed = 0,
       LinkOptions options = {})
      : client(std::move(from_client)),
        server(std::move(from_server)),
        random_(seed),
        options_(options) {
    server.on_event = [](End& end, const Event& event) {
      if (std::holds_alternative<Requested>(event)) CHECK_FALSE(end.connection.accept());
    };
  }

  End client;
  End server;

  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] End& peer_of(const End& end) { return &end == &client ? server : client; }

  /// One turn of `end`'s owner, as `Connection` describes it.
  void turn(End& end) {
    if (end.released) return;
    while (const auto event = end.connection.advance(now_)) tell(end, *event);
    deliver(end, "");
    while (!peer_of(end).wire.empty() && peer_of(end).wire.front().due <= now_ && !end.released) {
      End::Packet& packet = peer_of(end).wire.front();
      if (packet.bytes.empty()) {
        peer_of(end).wire.pop_front();
        eof(end);
        continue;
      }
      const std::size_t size =
          options_.cuts ? 1 + random_.below(packet.bytes.size()) : packet.bytes.size();
      const std::string bytes = packet.bytes.substr(0, size);
      packet.bytes.erase(0, size);
      if (packet.bytes.empty()) peer_of(end).wire.pop_front();
      deliver(end, bytes);
    }
    write(end);
  }

  /// Tells `end` that its stream is over: in order, or by a reset.
  void eof(End& end, std::error_code why = {}) {
    while (const auto event = end.connection.receive_eof(why)) tell(end, *event);
    finish(end);
  }

  /// Breaks the link: all that is under way is lost, and both ends are told.
  void reset() {
    const std::error_code why = std::make_error_code(std::errc::connection_reset);
    for (End* end : {&client, &server}) {
      end->wire.clear();
      end->shut = true;
      eof(*end, why);
    }
  }

  /// Writes what the kernel takes.
  void write(End& end) {
    end.most_pending = std::max(end.most_pending, end.connection.pending_output());
    std::array<ConstBytes, 3> gather;
    while (!end.blocked && !end.shut) {
      const std::size_t used = end.connection.output(gather);
      if (used == 0) break;
      std::string bytes;
      for (const ConstBytes segment : std::span(gather).first(used)) bytes.append(text_of(segment));
      if (options_.cuts) bytes.resize(1 + random_.below(bytes.size()));
      end.connection.consume(bytes.size());
      if (!peer_of(end).released) end.wire.push_back({now_ + options_.latency, bytes});
    }
    finish(end);
  }

  /// The next instant at which something happens.
  [[nodiscard]] std::optional<Time> next() const {
    std::optional<Time> soonest;
    const auto consider = [&](Time time) { soonest = std::min(soonest.value_or(time), time); };
    for (const auto& [from, to] : {std::pair(&client, &server), std::pair(&server, &client)}) {
      if (to->released) continue;
      if (const auto deadline = to->connection.deadline()) consider(std::max(*deadline, now_));
      if (!from->wire.empty()) consider(std::max(from->wire.front().due, now_));
    }
    return soonest;
  }

  /// Lets both ends take their turns until nothing more happens, or `until`. Returns false if that
  /// takes for ever.
  bool run(std::optional<Time> until = std::nullopt) {
    for (int turns = 0; turns < 100'000; ++turns) {
      turn(client);
      turn(server);
      const auto time = next();
      if (!time || (until && *time > *until)) {
        if (until) now_ = std::max(now_, *until);
        return true;
      }
      now_ = std::max(now_, *time);
    }
    return false;
  }

  /// Jumps to the deadline of `end`, if it has one, and tells it the time.
  bool time_out(End& end) {
    const auto deadline = end.connection.deadline();
    if (!deadline || end.released) return false;
    now_ = std::max(now_, *deadline);
    while (const auto event = end.connection.advance(now_)) tell(end, *event);
    finish(end);
    return true;
  }

 private:
  void tell(End& end, const Event& event) {
    end.events.push_back(to_record(event));
    if (end.on_event) end.on_event(end, event);
  }

  void deliver(End& end, std::string_view bytes) {
    std::vector<std::byte> buffer(bytes_of(bytes).begin(), bytes_of(bytes).end());
    Bytes in(buffer);
    while (const auto event = end.connection.receive(in)) tell(end, *event);
    CHECK(in.empty());
  }

  void finish(End& end) {
    if (end.connection.wants_shutdown() && !std::exchange(end.shut, true)) {
      end.wire.push_back({now_ + options_.latency, {}});
    }
    if (end.connection.is_terminated()) {
      end.released = true;
      peer_of(end).wire.clear();
    }
  }

  Time now_ = at(std::chrono::milliseconds(0));
  Random random_;
  LinkOptions options_;
};

}  // namespace wolframite::test
