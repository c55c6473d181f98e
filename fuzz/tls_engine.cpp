// Invariant: whatever is done to the records on their way, a TLS engine of either role delivers
// only what its peer has written, in order and from the start, and never goes on after an error.
#include "wolframite/tls_engine.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/check.hpp"
#include "support/reader.hpp"
#include "tls_pair.hpp"

using namespace wolframite;
using namespace wolframite::fuzz;

namespace {

// Made once: what a fuzzer mutates is what comes after.
struct Contexts {
  TlsContext client = test::client_context();
  TlsContext server = test::server_context();
  TlsContext strict_server = [] {
    TlsServerOptions options = test::server_options();
    options.client_certificates = ClientCertificates::request;
    options.client_authorities = {test::Authority::trusted().certificate()};
    options.min_version = TlsVersion::tls_1_3;
    options.rekey_after = 2;
    return test::made(TlsContext::server(options));
  }();
};

/// One end, what it has written and what it was given.
struct End {
  TlsEngine engine;
  std::string written{};
  std::string delivered{};

  void write(std::string_view text) {
    const std::size_t taken = test::write(engine, text);
    REQUIRE(taken == 0 || taken == text.size());
    written += text.substr(0, taken);
  }

  std::string take() { return std::string(text_of(test::take_output(engine))); }

  void give(const std::string& ciphertext, std::size_t piece, std::size_t room_size) {
    std::array<std::byte, 512> room;
    for (std::size_t at = 0; at < ciphertext.size(); at += piece) {
      // Of the exact size, so that a sanitizer sees a read beyond it.
      const std::string_view part = std::string_view(ciphertext).substr(at, piece);
      std::vector<char> owned(part.begin(), part.end());
      Bytes in = std::as_writable_bytes(std::span(owned));
      const std::error_code before = engine.error();
      while (const std::size_t size = engine.receive(in, Bytes(room).first(room_size))) {
        REQUIRE(!before);
        REQUIRE(size <= room_size);
        delivered += text_of(ConstBytes(room).first(size));
      }
      REQUIRE(in.empty());
      REQUIRE(!before || engine.error() == before);
    }
  }
};

/// Does to `bytes` what the next choices of the input say.
void mutate(std::string& bytes, Reader& input) {
  const auto place = [&] { return input.up_to(std::min<std::size_t>(bytes.size(), 4096)); };
  switch (input.up_to(7)) {
    case 0:
      if (const std::size_t at = place(); at < bytes.size()) {
        bytes[at] =
            static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << input.up_to(7)));
      }
      break;
    case 1:
      bytes.resize(place());
      break;
    case 2:
      bytes.erase(0, place());
      break;
    case 3:
      bytes += bytes;  // a replay
      break;
    case 4: {
      const std::size_t at = place();
      bytes.insert(at, input.text(input.up_to(64)));
      break;
    }
    case 5:
      bytes = input.text(input.up_to(255)) + bytes;
      break;
    case 6:  // a header of the fuzzer's own before what is there
      bytes.insert(0, {static_cast<char>(20 + input.up_to(5)), 3, static_cast<char>(input.up_to(4)),
                       static_cast<char>(input.up_to(72)), static_cast<char>(input.up_to(255))});
      break;
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Contexts contexts;
  Reader input(data, size);
  const bool strict = input.flag();
  End client{.engine = TlsEngine(contexts.client, Role::client, "server.test")};
  End server{.engine = TlsEngine(strict ? contexts.strict_server : contexts.server, Role::server)};
  const std::size_t piece = input.one_of<std::size_t>({65536, 1, 7, 100, 1000});
  const std::size_t room = input.one_of<std::size_t>({512, 1, 13});
  // So many flights are left alone, so that what follows may hit any state.
  const std::size_t untouched = input.up_to(8);
  for (std::size_t flight = 0; flight < untouched + 12; ++flight) {
    End& from = flight % 2 == 0 ? client : server;
    End& to = flight % 2 == 0 ? server : client;
    if (flight >= untouched && !input.empty()) {
      switch (input.up_to(3)) {
        case 0:
          from.write(input.text(input.up_to(100)));
          break;
        case 1:
          from.write(std::string(input.up_to(40'000), 'x'));
          break;
        case 2:
          from.engine.shutdown();
          break;
        default:
          break;
      }
    }
    std::string bytes = from.take();
    if (flight >= untouched && !input.empty()) mutate(bytes, input);
    to.give(bytes, piece, room);
    // What was delivered is a front of what was written, mutated or not.
    REQUIRE(from.written.starts_with(to.delivered));
  }
  for (End* end : {&client, &server}) {
    const bool over = end->engine.error() || end->engine.peer_closed();
    const std::error_code cut = end->engine.receive_eof();
    REQUIRE(over || cut == (end->engine.handshake_done() ? TlsError::truncated
                                                         : TlsError::closed_in_handshake));
    REQUIRE(end->engine.handshake_done() || end->delivered.empty());
  }
  return 0;
}
