// Masking in place and while copying, beside the least that could do it and a loop over octets.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include <wolframite/mask.hpp>

using namespace wolframite;

namespace {

constexpr MaskKey key{std::byte{0x12}, std::byte{0x34}, std::byte{0x56}, std::byte{0x78}};

/// Payloads of the benchmark's size and room for as many, all `skew` octets off a cache line. They
/// are several, in turn, for what was stored a moment ago is slow to load in other pieces: nobody
/// masks a payload twice.
struct Buffers {
  static constexpr std::size_t count = 8;

  explicit Buffers(const benchmark::State& state, std::size_t skew = 0)
      : size(static_cast<std::size_t>(state.range(0))),
        stride((size + 127) / 64 * 64),
        memory((2 * count + 2) * stride) {
    void* from_line = memory.data();
    std::size_t room = memory.size();
    std::align(64, 2 * count * stride, from_line, room);
    from = first = static_cast<std::byte*>(from_line) + skew;
    to = from + stride;
  }

  void next() {
    from = from == first + 2 * (count - 1) * stride ? first : from + 2 * stride;
    to = from + stride;
  }

  std::size_t size;
  std::size_t stride;
  std::vector<std::byte> memory;
  std::byte* first;
  std::byte* from;
  std::byte* to;
};

// Keeps the compiler from knowing the size, or leaving stores out.
template <class Work>
void run(benchmark::State& state, Buffers& buffers, Work work) {
  for (auto _ : state) {
    buffers.next();
    benchmark::DoNotOptimize(buffers.size);
    work(buffers);
    benchmark::ClobberMemory();
  }
}

void mask_octets(const std::byte* from, std::byte* to, std::size_t size) {
#if defined(__clang__)
#pragma clang loop vectorize(disable) interleave(disable) unroll(disable)
#endif
  for (std::size_t i = 0; i < size; ++i) to[i] = from[i] ^ key[i % 4];
}

// The least that masking in place can be: whole vectors of the widest kind that the processor has,
// the last of them beyond the end, where the buffers have room.

template <std::size_t width>
struct Vector {
  using Type [[gnu::vector_size(width), gnu::aligned(1), gnu::may_alias]] = std::uint32_t;
};
template <std::size_t width>
[[gnu::always_inline]] inline void mask_vectors(std::byte* data, std::size_t size) {
  using Word = typename Vector<width>::Type;
  std::uint32_t word = 0;
  std::memcpy(&word, key.data(), sizeof word);
  const Word repeated = Word{} + word;
  for (std::size_t i = 0; i < size; i += width) *reinterpret_cast<Word*>(data + i) ^= repeated;
}
void mask_by_16(std::byte* data, std::size_t size) { mask_vectors<16>(data, size); }
#if defined(__x86_64__)
[[gnu::target("avx2")]] void mask_by_32(std::byte* data, std::size_t size) {
  mask_vectors<32>(data, size);
}
[[gnu::target("avx512f,prefer-vector-width=512")]] void mask_by_64(std::byte* data,
                                                                   std::size_t size) {
  mask_vectors<64>(data, size);
}
#endif

auto* widest_for(std::size_t size) {
#if defined(__x86_64__)
  if (size > 32 && __builtin_cpu_supports("avx512f")) return mask_by_64;
  if (size > 16 && __builtin_cpu_supports("avx2")) return mask_by_32;
#endif
  static_cast<void>(size);
  return mask_by_16;
}

void mask_at_least(benchmark::State& state) {
  Buffers buffers(state);
  auto* const loop = widest_for(buffers.size);
  run(state, buffers, [loop](Buffers& b) { loop(b.from, b.size); });
}

void mask_at_least_skewed(benchmark::State& state) {
  Buffers buffers(state, static_cast<std::size_t>(state.range(1)));
  auto* const loop = widest_for(buffers.size);
  run(state, buffers, [loop](Buffers& b) { loop(b.from, b.size); });
}

void mask(benchmark::State& state) {
  Buffers buffers(state);
  run(state, buffers, [](Buffers& b) { apply_mask({b.from, b.size}, key); });
}
void mask_skewed(benchmark::State& state) {
  Buffers buffers(state, static_cast<std::size_t>(state.range(1)));
  run(state, buffers, [](Buffers& b) { apply_mask({b.from, b.size}, key, 1); });
}
void mask_copy(benchmark::State& state) {
  Buffers buffers(state);
  run(state, buffers, [](Buffers& b) { copy_masked({b.from, b.size}, b.to, key); });
}
void copy(benchmark::State& state) {
  Buffers buffers(state);
  run(state, buffers, [](Buffers& b) { std::memcpy(b.to, b.from, b.size); });
}
void octets(benchmark::State& state) {
  Buffers buffers(state);
  run(state, buffers, [](Buffers& b) { mask_octets(b.from, b.from, b.size); });
}
void octets_copy(benchmark::State& state) {
  Buffers buffers(state);
  run(state, buffers, [](Buffers& b) { mask_octets(b.from, b.to, b.size); });
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t size :
       {1, 4, 7, 16, 31, 64, 65, 125, 128, 200, 256, 512, 1024, 4096, 16384, 65536, 1048576}) {
    bench->Arg(size);
  }
}
void skews(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t size : {16, 125, 1024, 16384}) {
    for (const std::int64_t skew : {1, 4, 14, 33}) bench->Args({size, skew});
  }
}

BENCHMARK(mask)->Name("mask/ours")->Apply(sizes);
BENCHMARK(mask_at_least)->Name("mask/limit")->Apply(sizes);
BENCHMARK(octets)->Name("mask/scalar")->Apply(sizes);
BENCHMARK(mask_copy)->Name("copy-mask/ours")->Apply(sizes);
BENCHMARK(copy)->Name("copy-mask/limit")->Apply(sizes);
BENCHMARK(octets_copy)->Name("copy-mask/scalar")->Apply(sizes);
BENCHMARK(mask_skewed)->Name("mask-skewed/ours")->Apply(skews);
BENCHMARK(mask_at_least_skewed)->Name("mask-skewed/limit")->Apply(skews);

}  // namespace
