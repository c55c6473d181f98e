// What permessage-deflate costs on JSON, next to bare zlib calls on the same data: those are the
// limit.
#include <benchmark/benchmark.h>
#include <zlib.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <wolframite/connection.hpp>
#include <wolframite/memory.hpp>

using namespace wolframite;

namespace {

/// JSON that differs from message to message as that of a feed does.
std::string json(std::size_t size, unsigned seed) {
  constexpr std::array names{"BTC-EUR", "ETH-EUR", "SOL-USD", "ADA-EUR",
                             "XRP-USD", "DOT-EUR", "LTC-USD"};
  const auto next = [&seed] { return seed = seed * 1'664'525U + 1'013'904'223U; };
  std::string text = "[";
  while (text.size() < size) {
    text += R"({"channel":"ticker","product":")" +
            std::string(names[(next() >> 16U) % names.size()]) + R"(","sequence":)" +
            std::to_string(next() >> 4U) + R"(,"price":")" + std::to_string(next() >> 16U) + '.' +
            std::to_string(next() >> 24U) + R"(","side":")" +
            ((next() >> 31U) != 0 ? "buy" : "sell") + R"(","size":")" +
            std::to_string(next() >> 20U) + R"("},)";
  }
  text.resize(size);
  return text;
}

constexpr std::size_t count = 64;

std::vector<std::string> messages(std::size_t size) {
  std::vector<std::string> all;
  for (unsigned i = 0; i < count; ++i) all.push_back(json(size, i));
  return all;
}

struct Setting {
  std::size_t size;
  int level;
  bool takeover;

  explicit Setting(const benchmark::State& state)
      : size(static_cast<std::size_t>(state.range(0))),
        level(static_cast<int>(state.range(1))),
        takeover(state.range(2) != 0) {}

  [[nodiscard]] Connection connection(Role role, std::pmr::memory_resource& memory) const {
    Config config;
    config.deflate.level = level;
    Negotiated agreed;
    agreed.deflate = {.enabled = true,
                      .server_no_context_takeover = !takeover,
                      .client_no_context_takeover = !takeover};
    return Connection::from_raw(role, nullptr, config, &memory, agreed);
  }
};

/// As zlib's users do it who know no better: one stream, reset after each message without takeover.
class BareDeflate {
 public:
  explicit BareDeflate(const Setting& setting)
      : takeover_(setting.takeover), out_(setting.size + 1024) {
    deflateInit2(&stream_, setting.level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  }
  BareDeflate(const BareDeflate&) = delete;
  ~BareDeflate() { deflateEnd(&stream_); }

  ConstBytes operator()(std::string_view text) {
    if (!takeover_) deflateReset(&stream_);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
    stream_.avail_out = static_cast<uInt>(out_.size());
    deflate(&stream_, Z_SYNC_FLUSH);
    return ConstBytes(out_).first(out_.size() - stream_.avail_out);
  }

 private:
  bool takeover_;
  z_stream stream_{};
  std::vector<std::byte> out_;
};

void finish(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

void send_zlib(benchmark::State& state) {
  const Setting setting(state);
  const auto texts = messages(setting.size);
  BareDeflate compress(setting);
  std::size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(compress(texts[at++ % count]).data());
  finish(state);
}

void send_wolframite(benchmark::State& state) {
  const Setting setting(state);
  const auto texts = messages(setting.size);
  LoopMemory memory;
  Connection server = setting.connection(Role::server, memory);
  std::size_t at = 0;
  std::size_t octets = 0;
  for (auto _ : state) {
    if (server.send(Kind::text, bytes_of(texts[at++ % count]))) return state.SkipWithError("send");
    octets += server.pending_output();
    server.consume(server.pending_output());
  }
  finish(state);
  state.counters["ratio"] = static_cast<double>(at * setting.size) / static_cast<double>(octets);
  state.counters["held"] = static_cast<double>(server.memory_in_use());
}

void receive_zlib(benchmark::State& state) {
  const Setting setting(state);
  BareDeflate compress(setting);
  std::vector<std::string> all;
  for (const std::string& text : messages(setting.size)) all.emplace_back(text_of(compress(text)));
  z_stream stream{};
  inflateInit2(&stream, -15);
  std::vector<std::byte> out(setting.size + 1024);
  std::size_t at = 0;
  for (auto _ : state) {
    // The first message begins anew with a window of its own.
    if (!setting.takeover || at % count == 0) inflateReset(&stream);
    std::string& data = all[at++ % count];
    stream.next_in = reinterpret_cast<Bytef*>(data.data());
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    if (inflate(&stream, Z_SYNC_FLUSH) != Z_OK) return state.SkipWithError("inflate");
    benchmark::DoNotOptimize(out.data());
  }
  inflateEnd(&stream);
  finish(state);
}

/// As binary: what checking UTF-8 costs is measured elsewhere.
void receive_wolframite(benchmark::State& state) {
  const Setting setting(state);
  LoopMemory memory;
  Connection server = setting.connection(Role::server, memory);
  std::vector<std::string> all;
  for (const std::string& text : messages(setting.size)) {
    if (server.send(Kind::binary, bytes_of(text))) return state.SkipWithError("send");
    std::array<ConstBytes, 8> gather;
    const std::size_t used = server.output(gather);
    std::string& frame = all.emplace_back();
    for (const ConstBytes part : std::span(gather).first(used)) frame += text_of(part);
    server.consume(server.pending_output());
  }
  Connection client = setting.connection(Role::client, memory);
  std::size_t at = 0;
  for (auto _ : state) {
    if (at % count == 0 && setting.takeover) client = setting.connection(Role::client, memory);
    std::string& frame = all[at++ % count];
    Bytes in = std::as_writable_bytes(std::span(frame));
    const auto event = client.receive(in);
    if (!event || std::get_if<Message>(&*event) == nullptr) return state.SkipWithError("receive");
    benchmark::DoNotOptimize(std::get_if<Message>(&*event)->data.data());
  }
  finish(state);
  Bytes nothing;
  (void)client.receive(nothing);
  state.counters["held"] = static_cast<double>(client.memory_in_use());
  client.release_memory();
  state.counters["idle"] = static_cast<double>(client.memory_in_use());
}

void settings(benchmark::internal::Benchmark* each) {
  each->ArgNames({"size", "level", "takeover"})->ArgsProduct({{1024, 16'384}, {1, 6}, {0, 1}});
}

BENCHMARK(send_zlib)->Name("deflate-send/limit")->Apply(settings);
BENCHMARK(send_wolframite)->Name("deflate-send/ours")->Apply(settings);
BENCHMARK(receive_zlib)->Name("deflate-receive/limit")->Apply(settings);
BENCHMARK(receive_wolframite)->Name("deflate-receive/ours")->Apply(settings);

}  // namespace
