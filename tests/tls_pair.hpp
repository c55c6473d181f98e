// Two TLS engines joined in memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "certificates.hpp"
#include "wolframite/bytes.hpp"
#include "wolframite/tls_context.hpp"
#include "wolframite/tls_engine.hpp"

namespace wolframite::test {

[[nodiscard]] inline TlsClientOptions client_options() {
  TlsClientOptions options;
  options.system_authorities = false;
  options.authorities = {Authority::trusted().certificate()};
  return options;
}

[[nodiscard]] inline TlsServerOptions server_options() {
  TlsServerOptions options;
  options.identity = server_identity();
  return options;
}

/// The context, which must be good.
[[nodiscard]] inline TlsContext made(Result<TlsContext> context) {
  if (!context) throw std::runtime_error(context.error().message());
  return *std::move(context);
}

[[nodiscard]] inline TlsContext client_context() {
  return made(TlsContext::client(client_options()));
}

[[nodiscard]] inline TlsContext server_context() {
  return made(TlsContext::server(server_options()));
}

/// Takes all the ciphertext that `engine` has queued.
[[nodiscard]] inline std::vector<std::byte> take_output(TlsEngine& engine) {
  std::vector<std::byte> taken;
  std::array<ConstBytes, 8> gather;
  while (engine.wants_write()) {
    const std::size_t used = engine.output(gather);
    std::size_t size = 0;
    for (std::size_t i = 0; i < used; ++i) {
      taken.insert(taken.end(), gather[i].begin(), gather[i].end());
      size += gather[i].size();
    }
    engine.consume(size);
  }
  return taken;
}

/// Hands `bytes` to `engine` in pieces of at most `piece` and returns the plaintext.
inline std::string give(TlsEngine& engine, std::vector<std::byte> bytes,
                        std::size_t piece = 1U << 20U, std::size_t room = 64 * 1024) {
  std::string plaintext;
  std::vector<std::byte> space(room);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    Bytes in = Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at));
    for (;;) {
      const std::size_t size = engine.receive(in, space);
      if (size == 0) break;
      plaintext += text_of(ConstBytes(space).first(size));
    }
    if (!in.empty()) throw std::logic_error("bytes were left, and no plaintext given");
  }
  return plaintext;
}

inline std::size_t write(TlsEngine& engine, std::string_view text) {
  const ConstBytes part = bytes_of(text);
  return engine.write({&part, 1});
}

/// A client and a server.
struct TlsPair {
  TlsEngine client;
  TlsEngine server;
  std::string at_client{};  ///< plaintext that arrived
  std::string at_server{};
  std::size_t piece = 1U << 20U;

  explicit TlsPair(const TlsContext& client_side = client_context(),
                   const TlsContext& server_side = server_context(),
                   std::string_view host = "server.test",
                   std::pmr::memory_resource* memory = nullptr)
      : client(client_side, Role::client, host, memory),
        server(server_side, Role::server, {}, memory) {}

  void to_server() { at_server += give(server, take_output(client), piece); }
  void to_client() { at_client += give(client, take_output(server), piece); }

  /// Carries bytes both ways until there are none.
  TlsPair& run() {
    while (client.wants_write() || server.wants_write()) {
      to_server();
      to_client();
    }
    return *this;
  }

  [[nodiscard]] bool is_open() const {
    return client.handshake_done() && server.handshake_done() && !client.error() && !server.error();
  }
};

}  // namespace wolframite::test
