// What TLS costs a message: our engine, the same with OpenSSL's memory BIOs, and the cipher alone,
// which is the limit. Each encrypts, copies as a socket would, and decrypts.
#include <benchmark/benchmark.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include <wolframite/memory.hpp>
#include <wolframite/tls_engine.hpp>

#include "tls_pair.hpp"

using namespace wolframite;

namespace {

constexpr std::size_t room_size = 64 * 1024;
constexpr std::size_t record_size = 16 * 1024;

void tls_sizes(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t size : {128, 16 * 1024, 1024 * 1024}) bench->Arg(size);
}

void finish(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void tls_engine(benchmark::State& state) {
  LoopMemory memory;
  test::TlsPair pair(test::client_context(), test::server_context(), "server.test", &memory);
  pair.run();
  const std::vector<std::byte> message(static_cast<std::size_t>(state.range(0)), std::byte{'x'});
  std::vector<std::byte> socket(message.size() + message.size() / 100 + 1024);
  std::vector<std::byte> room(room_size);
  std::array<ConstBytes, 64> gather;
  for (auto _ : state) {
    const ConstBytes part(message);
    if (pair.client.write({&part, 1}) != message.size()) return state.SkipWithError("not written");
    std::size_t sent = 0;
    while (pair.client.wants_write()) {
      const std::size_t count = pair.client.output(gather);
      std::size_t size = 0;
      for (std::size_t i = 0; i < count; ++i) {
        std::memcpy(socket.data() + sent + size, gather[i].data(), gather[i].size());
        size += gather[i].size();
      }
      pair.client.consume(size);
      sent += size;
    }
    Bytes in(socket.data(), sent);
    std::size_t received = 0;
    while (const std::size_t size = pair.server.receive(in, room)) received += size;
    if (received != message.size()) return state.SkipWithError("not received");
  }
  finish(state);
}
BENCHMARK(tls_engine)->Name("tls/ours")->Apply(tls_sizes);

struct Free {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

/// An SSL between two memory BIOs.
struct MemoryEnd {
  explicit MemoryEnd(const TlsContext& context)
      : ssl(SSL_new(context.native_handle())), in(BIO_new(BIO_s_mem())), out(BIO_new(BIO_s_mem())) {
    SSL_set_bio(ssl.get(), in, out);
    SSL_set_mode(ssl.get(), SSL_MODE_RELEASE_BUFFERS);
  }

  std::unique_ptr<SSL, Free> ssl;
  BIO* in;   // owned by ssl, as is
  BIO* out;  // this one
};

/// Copies all that `from` has written to what `to` reads.
void carry(MemoryEnd& from, MemoryEnd& to) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(from.out, &bytes);
  if (size > 0) BIO_write(to.in, bytes, static_cast<int>(size));
  static_cast<void>(BIO_reset(from.out));
}

void tls_memory_bios(benchmark::State& state) {
  const TlsContext client_context = test::client_context();
  const TlsContext server_context = test::server_context();
  MemoryEnd client(client_context);
  MemoryEnd server(server_context);
  SSL_set1_host(client.ssl.get(), "server.test");
  SSL_set_connect_state(client.ssl.get());
  SSL_set_accept_state(server.ssl.get());
  std::vector<std::byte> room(room_size);
  std::size_t size = 0;
  for (int flight = 0; flight < 4; ++flight) {
    SSL_do_handshake(client.ssl.get());
    carry(client, server);
    SSL_do_handshake(server.ssl.get());
    carry(server, client);
  }
  SSL_read_ex(client.ssl.get(), room.data(), room.size(), &size);  // the session tickets
  const std::vector<std::byte> message(static_cast<std::size_t>(state.range(0)), std::byte{'x'});
  for (auto _ : state) {
    if (SSL_write_ex(client.ssl.get(), message.data(), message.size(), &size) != 1) {
      return state.SkipWithError("not written");
    }
    carry(client, server);
    std::size_t received = 0;
    while (received < message.size() &&
           SSL_read_ex(server.ssl.get(), room.data(), room.size(), &size) == 1) {
      received += size;
    }
    if (received != message.size()) return state.SkipWithError("not received");
  }
  finish(state);
}
BENCHMARK(tls_memory_bios)->Name("tls/memory-bios")->Apply(tls_sizes);

/// AES-256-GCM in records of TLS's size, without TLS.
void tls_cipher_alone(benchmark::State& state) {
  const std::array<unsigned char, 32> key{1};
  std::array<unsigned char, 12> nonce{2};
  std::array<unsigned char, 16> tag{};
  const std::unique_ptr<EVP_CIPHER_CTX, Free> sealing(EVP_CIPHER_CTX_new());
  const std::unique_ptr<EVP_CIPHER_CTX, Free> opening(EVP_CIPHER_CTX_new());
  EVP_EncryptInit_ex(sealing.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data());
  EVP_DecryptInit_ex(opening.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data());
  const std::vector<unsigned char> message(static_cast<std::size_t>(state.range(0)), 'x');
  std::vector<unsigned char> sealed(record_size);
  std::vector<unsigned char> opened(record_size);
  for (auto _ : state) {
    for (std::size_t at = 0; at < message.size(); at += record_size) {
      const int size = static_cast<int>(std::min(record_size, message.size() - at));
      int done = 0;
      ++nonce[0];
      EVP_EncryptInit_ex(sealing.get(), nullptr, nullptr, nullptr, nonce.data());
      EVP_EncryptUpdate(sealing.get(), sealed.data(), &done, message.data() + at, size);
      EVP_EncryptFinal_ex(sealing.get(), sealed.data() + done, &done);
      EVP_CIPHER_CTX_ctrl(sealing.get(), EVP_CTRL_AEAD_GET_TAG, 16, tag.data());
      EVP_DecryptInit_ex(opening.get(), nullptr, nullptr, nullptr, nonce.data());
      EVP_DecryptUpdate(opening.get(), opened.data(), &done, sealed.data(), size);
      EVP_CIPHER_CTX_ctrl(opening.get(), EVP_CTRL_AEAD_SET_TAG, 16, tag.data());
      if (EVP_DecryptFinal_ex(opening.get(), opened.data() + done, &done) != 1) {
        return state.SkipWithError("not authentic");
      }
    }
  }
  finish(state);
}
BENCHMARK(tls_cipher_alone)->Name("tls/limit")->Apply(tls_sizes);

}  // namespace
