// The opening handshake: parsing a browser's request beside a copy of it, the accept key beside the
// SHA-1 in it, and a server's whole answer.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <wolframite/accept_key.hpp>
#include <wolframite/connection.hpp>
#include <wolframite/http_head.hpp>
#include <wolframite/memory.hpp>

using namespace wolframite;

namespace {

constexpr std::string_view request =
    "GET /feed?channel=ticker HTTP/1.1\r\n"
    "Host: feed.example.org\r\n"
    "Connection: keep-alive, Upgrade\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Example/1.0 (like others)\r\n"
    "Upgrade: websocket\r\n"
    "Origin: https://www.example.org\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: de,en;q=0.8\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
constexpr std::string_view nonce = "MDEyMzQ1Njc4OWFiY2RlZg==";

void parse(benchmark::State& state) {
  for (auto _ : state) {
    HttpHead head(HttpHead::Start::request, {});
    ConstBytes in = bytes_of(request);
    if (head.receive(in) != Error::none) return state.SkipWithError("not parsed");
    benchmark::DoNotOptimize(head.take_request());
  }
}

void copy(benchmark::State& state) {
  for (auto _ : state) {
    std::string text(request);
    benchmark::DoNotOptimize(text.data());
  }
}

void answer(benchmark::State& state) {
  LoopMemory memory;
  std::vector<std::byte> buffer(request.size());
  for (auto _ : state) {
    std::memcpy(buffer.data(), request.data(), request.size());
    Connection connection = Connection::server({}, &memory);
    Bytes in = buffer;
    if (!connection.receive(in) || connection.accept() || !connection.receive(in))
      return state.SkipWithError("not opened");
    std::array<ConstBytes, 4> segments;
    benchmark::DoNotOptimize(connection.output(segments));
    connection.consume(connection.pending_output());
  }
}

void accept_key(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(derive_accept_key(nonce));
}

void digest(benchmark::State& state) {
  const std::string text = std::string(nonce) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  std::array<unsigned char, SHA_DIGEST_LENGTH> result;
  for (auto _ : state) {
    EVP_Digest(text.data(), text.size(), result.data(), nullptr, sha1, nullptr);
    benchmark::DoNotOptimize(result);
  }
  EVP_MD_free(sha1);
}

BENCHMARK(parse)->Name("handshake-parse/ours");
BENCHMARK(copy)->Name("handshake-parse/limit");
BENCHMARK(answer)->Name("handshake/ours");
BENCHMARK(accept_key)->Name("accept-key/ours");
BENCHMARK(digest)->Name("accept-key/limit");

}  // namespace
