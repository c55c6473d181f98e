// The codec, on zlib. The only source that knows it.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <vector>

#include "wolframite/deflate.hpp"

namespace wolframite {

namespace {

/// zlib's allocations, from a memory resource. zlib does not say how much it frees; its few blocks
/// are noted beside, for a size in front of each would push those, powers of two all, into the next
/// class of a pool.
class Allocations {
 public:
  explicit Allocations(std::pmr::memory_resource& memory) : memory_(&memory) {}

  static void* allocate(void* self, unsigned count, unsigned size) {
    auto& allocations = *static_cast<Allocations*>(self);
    Block* const block = allocations.find(nullptr);
    if (block == nullptr) return nullptr;
    block->size = std::size_t{count} * size;
    block->address = allocations.memory_->allocate(block->size, alignment);
    return block->address;
  }

  static void release(void* self, void* address) {
    auto& allocations = *static_cast<Allocations*>(self);
    Block* const block = allocations.find(address);
    allocations.memory_->deallocate(block->address, block->size, alignment);
    *block = {};
  }

  [[nodiscard]] std::pmr::memory_resource& memory() const { return *memory_; }
  [[nodiscard]] std::size_t in_use() const {
    std::size_t total = 0;
    for (const Block& block : blocks_) total += block.size;
    return total;
  }

 private:
  static constexpr std::size_t alignment = alignof(std::max_align_t);
  struct Block {
    void* address = nullptr;
    std::size_t size = 0;
  };

  [[nodiscard]] Block* find(const void* address) {
    const auto found = std::find_if(blocks_.begin(), blocks_.end(), [address](const Block& block) {
      return block.address == address;
    });
    return found == blocks_.end() ? nullptr : &*found;
  }

  std::pmr::memory_resource* memory_;
  std::array<Block, 6> blocks_{};  // zlib has five at most
};

void prepare(z_stream& stream, Allocations& allocations) {
  stream.zalloc = Allocations::allocate;
  stream.zfree = Allocations::release;
  stream.opaque = &allocations;
}

/// Lends `in` and `room` to a step of zlib, and moves both on by what it took and wrote.
template <typename Step>
int run(z_stream& stream, ConstBytes& in, Bytes& room, Step step) {
  constexpr std::size_t most = std::numeric_limits<uInt>::max();
  const auto input = static_cast<uInt>(std::min(in.size(), most));
  const auto output = static_cast<uInt>(std::min(room.size(), most));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
  stream.avail_in = input;
  stream.next_out = reinterpret_cast<Bytef*>(room.data());
  stream.avail_out = output;
  const int result = step(stream);
  in = in.subspan(input - stream.avail_in);
  room = room.subspan(output - stream.avail_out);
  return result;
}

template <typename State>
void destroy(State* state) {
  if (state == nullptr) return;
  std::pmr::memory_resource& memory = state->allocations.memory();
  state->~State();
  memory.deallocate(state, sizeof(State), alignof(State));
}

}  // namespace

bool is_deflate_available() { return true; }

// Deflater

struct Deflater::State {
  State(const Options& options, std::pmr::memory_resource& memory) : allocations(memory) {
    prepare(stream, allocations);
    deflateInit2(&stream, std::clamp(options.level, 1, 9), Z_DEFLATED,
                 -std::clamp(options.window_bits, 9, DeflateConfig::max_window_bits),
                 std::clamp(options.memory_level, 1, 9), Z_DEFAULT_STRATEGY);
  }
  State(const State&) = delete;
  ~State() { deflateEnd(&stream); }

  Allocations allocations;
  z_stream stream{};
};

Deflater::Deflater(const Options& options, std::pmr::memory_resource& memory)
    : state_(new (memory.allocate(sizeof(State), alignof(State))) State(options, memory)) {}

Deflater::~Deflater() { destroy(state_); }

DeflateStatus Deflater::compress(ConstBytes& in, Bytes& room) {
  run(state_->stream, in, room, [](z_stream& stream) { return deflate(&stream, Z_SYNC_FLUSH); });
  return in.empty() && !room.empty() ? DeflateStatus::needs_input : DeflateStatus::needs_room;
}

std::size_t Deflater::memory_in_use() const { return sizeof(State) + state_->allocations.in_use(); }

// Inflater

struct Inflater::State {
  State(int bits, std::pmr::memory_resource& memory)
      : allocations(memory),
        history(&memory),
        window_bits(
            std::clamp(bits, DeflateConfig::min_window_bits, DeflateConfig::max_window_bits)) {
    prepare(stream, allocations);
  }
  State(const State&) = delete;
  ~State() {
    if (running) inflateEnd(&stream);
  }

  void start() {
    inflateInit2(&stream, -window_bits);
    running = true;
    remember();
    history = std::pmr::vector<std::byte>(history.get_allocator());
  }

  /// Gives the decoder the history to refer to.
  void remember() {
    if (history.empty()) return;
    inflateSetDictionary(&stream, reinterpret_cast<const Bytef*>(history.data()),
                         static_cast<uInt>(history.size()));
  }

  /// zlib tells of a boundary only in the call that comes to it, and not in one that then finds
  /// nothing to do.
  void note_boundary(bool moved) {
    constexpr int end_of_block = 128;
    constexpr int unused_bits = 7;
    const int type = stream.data_type;
    const bool told = (type & end_of_block) != 0 && (type & unused_bits) == 0;
    at_boundary = told || (at_boundary && !moved);
  }

  void recall() {
    uInt size = 0;
    inflateGetDictionary(&stream, nullptr, &size);
    history.resize(size);
    if (size > 0) inflateGetDictionary(&stream, reinterpret_cast<Bytef*>(history.data()), &size);
  }

  Allocations allocations;
  z_stream stream{};
  std::pmr::vector<std::byte> history;  // while packed
  int window_bits;
  bool running = false;
  bool at_boundary = false;
};

Inflater::Inflater(int window_bits, std::pmr::memory_resource& memory)
    : state_(new (memory.allocate(sizeof(State), alignof(State))) State(window_bits, memory)) {}

Inflater::~Inflater() { destroy(state_); }

DeflateStatus Inflater::decompress(ConstBytes& in, Bytes& room) {
  State& state = *state_;
  if (!state.running) state.start();
  for (;;) {
    const std::size_t before = in.size() + room.size();
    const int result = run(state.stream, in, room,
                           [](z_stream& stream) { return inflate(&stream, Z_SYNC_FLUSH); });
    state.note_boundary(in.size() + room.size() != before);
    if (result == Z_STREAM_END) {
      // zlib stops at a final block; the protocol goes on, with the same window.
      inflateResetKeep(&state.stream);
      if (in.empty() && !room.empty()) return DeflateStatus::needs_input;
      if (room.empty()) return DeflateStatus::needs_room;
      continue;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) return DeflateStatus::failed;
    return room.empty() ? DeflateStatus::needs_room : DeflateStatus::needs_input;
  }
}

bool Inflater::is_at_boundary() const { return state_->at_boundary; }

void Inflater::pack() {
  State& state = *state_;
  if (!state.running) return;
  state.recall();
  inflateEnd(&state.stream);
  state.running = false;
}

std::size_t Inflater::memory_in_use() const {
  return sizeof(State) + state_->allocations.in_use() + state_->history.capacity();
}

}  // namespace wolframite
