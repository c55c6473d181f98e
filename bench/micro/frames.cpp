// Frames in and out of a server's Connection, a buffer of them at a time; figures are for one
// frame. Beside receiving stands unmasking the payloads where they are known to lie, beside sending
// a copy of header and payload.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <variant>
#include <vector>

#include <wolframite/connection.hpp>
#include <wolframite/memory.hpp>

using namespace wolframite;

namespace {

constexpr std::size_t buffer_size = 64 * 1024;
constexpr MaskKey key{std::byte{0x12}, std::byte{0x34}, std::byte{0x56}, std::byte{0x78}};

/// A buffer of masked frames, as one read may have filled it. Unmasking it twice masks it again, so
/// that one buffer serves for ever.
struct Buffer {
  explicit Buffer(std::size_t payload, OpCode opcode = OpCode::binary) {
    FrameHeader header{.opcode = opcode, .masked = true, .mask = key, .length = payload};
    if (opcode == OpCode::text) header.mask = {};  // stays text either way
    std::array<std::byte, FrameHeader::max_size> front;
    const std::size_t size = header.format(front);
    count = std::max<std::size_t>(1, buffer_size / (size + payload));
    for (std::size_t i = 0; i < count; ++i) {
      bytes.insert(bytes.end(), front.begin(), front.begin() + size);
      payloads.push_back(bytes.size());
      bytes.resize(bytes.size() + payload, std::byte{'x'});
    }
  }

  std::vector<std::byte> bytes;
  std::vector<std::size_t> payloads;  // where they begin
  std::size_t count = 0;
};

void receive_all(benchmark::State& state, OpCode opcode) {
  Buffer buffer(static_cast<std::size_t>(state.range(0)), opcode);
  LoopMemory memory;
  Connection connection = Connection::from_raw(Role::server, nullptr, {}, &memory);
  const auto count = static_cast<benchmark::IterationCount>(buffer.count);
  while (state.KeepRunningBatch(count)) {
    Bytes in = buffer.bytes;
    std::size_t received = 0;
    while (const auto event = connection.receive(in)) {
      const auto* const message = std::get_if<Message>(&*event);
      if (message == nullptr) return state.SkipWithError("not a message");
      benchmark::DoNotOptimize(message->data.data());
      ++received;
    }
    if (received != buffer.count) return state.SkipWithError("not all messages came");
  }
}

void receive(benchmark::State& state) { receive_all(state, OpCode::binary); }
void receive_text(benchmark::State& state) { receive_all(state, OpCode::text); }

void unmask_alone(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Buffer buffer(size);
  const auto count = static_cast<benchmark::IterationCount>(buffer.count);
  while (state.KeepRunningBatch(count)) {
    for (const std::size_t at : buffer.payloads)
      apply_mask(Bytes(buffer.bytes).subspan(at, size), key);
    benchmark::ClobberMemory();
  }
}

void send(benchmark::State& state) {
  const std::vector<std::byte> payload(static_cast<std::size_t>(state.range(0)), std::byte{'x'});
  LoopMemory memory;
  Connection connection = Connection::from_raw(Role::server, nullptr, {}, &memory);
  const std::size_t count = std::max<std::size_t>(1, buffer_size / (payload.size() + 4));
  std::array<ConstBytes, 64> segments;
  while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(count))) {
    for (std::size_t i = 0; i < count; ++i) {
      if (connection.send(Kind::binary, payload)) return state.SkipWithError("not sent");
    }
    while (connection.pending_output() > 0) {
      std::size_t written = 0;
      for (const ConstBytes segment : std::span(segments).first(connection.output(segments))) {
        benchmark::DoNotOptimize(segment.data());
        written += segment.size();
      }
      connection.consume(written);
    }
  }
}

void copy_alone(benchmark::State& state) {
  const std::vector<std::byte> payload(static_cast<std::size_t>(state.range(0)), std::byte{'x'});
  const std::size_t header = payload.size() < 126 ? 2 : 4;
  const std::size_t count = std::max<std::size_t>(1, buffer_size / (payload.size() + header));
  std::vector<std::byte> out(count * (payload.size() + header));
  while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(count))) {
    std::byte* to = out.data();
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t size = payload.size();
      benchmark::DoNotOptimize(size);
      std::memset(to, 0x7E, header);
      std::memcpy(to + header, payload.data(), size);
      to += header + size;
    }
    benchmark::ClobberMemory();
  }
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t size : {16, 125, 256, 1024, 4096, 16384}) bench->Arg(size);
}

BENCHMARK(receive)->Name("receive/ours")->Apply(sizes);
BENCHMARK(unmask_alone)->Name("receive/limit")->Apply(sizes);
BENCHMARK(receive_text)->Name("receive-text/ours")->Apply(sizes);
BENCHMARK(unmask_alone)->Name("receive-text/limit")->Apply(sizes);
BENCHMARK(send)->Name("send/ours")->Apply(sizes);
BENCHMARK(copy_alone)->Name("send/limit")->Apply(sizes);

}  // namespace
