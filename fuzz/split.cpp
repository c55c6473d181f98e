// Invariant: however the input is cut, and whatever spurious calls come between, a connection tells
// the same events and has the same output as with the input in one piece.
#include "support/check.hpp"
#include "support/counting_entropy.hpp"
#include "support/owner.hpp"

using namespace wolframite;
using namespace wolframite::fuzz;

namespace {

enum class Start { raw_server, raw_client, server, client, deflate_server, deflate_client };

struct Told {
  Lines events;
  std::string output;
};

Connection make(Start start, const Config& config, CountingEntropy& entropy) {
  if (start == Start::server) return Connection::server(config);
  if (start == Start::client) return Connection::client("wss://[2001:db8::1]/?a", entropy, config);
  const bool deflates = start == Start::deflate_server || start == Start::deflate_client;
  const bool serves = start == Start::raw_server || start == Start::deflate_server;
  Negotiated agreed;
  // Windows of the largest size only: with smaller ones, zlib lets a peer refer too far back where
  // that is in the same buffer still, so that whether it is found out depends on the cuts.
  agreed.deflate.enabled = deflates;
  return Connection::from_raw(serves ? Role::server : Role::client, &entropy, config, nullptr,
                              agreed);
}

Told play(Start start, const Config& config, std::string_view text, Cutter cutter, bool spurious) {
  CountingEntropy entropy;
  Recorder recorder;
  Connection connection = make(start, config, entropy);
  const auto advance = [&] {
    while (const auto event = connection.advance(Time(std::chrono::hours(1)))) recorder.add(*event);
  };
  const auto handle = [&](const Event& event) {
    if (!std::holds_alternative<Requested>(event)) return;
    if (connection.accept()) REQUIRE(!connection.refuse({.status = 404}));
  };
  advance();
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, cutter.next(text.size()));
    text.remove_prefix(piece.size());
    Cutter whole;
    receive_all(connection, piece, whole, recorder, handle);
    if (spurious) {
      receive_all(connection, "", whole, recorder, handle);
      advance();
    }
  }
  Told told;
  told.output = take_output(connection, cutter);
  receive_end(connection, recorder);
  told.events = recorder.lines();
  return told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader input(data, size);
  Config config = chosen_config(input);
  const Cutter cutter(input);
  const bool spurious = input.flag();
  const Start start = input.one_of({Start::raw_server, Start::raw_client, Start::server,
                                    Start::client, Start::deflate_server, Start::deflate_client});
  const std::string text = input.rest();
  const Told whole = play(start, config, text, {}, false);
  config.deliver_chunks = config.deliver_chunks != spurious;
  const Told cut = play(start, config, text, cutter, spurious);
  REQUIRE_SAME(cut.events, whole.events);
  REQUIRE_SAME({cut.output}, {whole.output});
  return 0;
}
