// The codec, on zlib. The only source that knows it.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

#include "wolframite/deflate.hpp"
#include "wolframite/detail/try_allocate.hpp"

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
    // No exception may pass through zlib.
    const std::size_t wanted = std::size_t{count} * size;
    void* const address = detail::try_allocate(*allocations.memory_, wanted, alignment);
    if (address != nullptr) *block = {address, wanted};
    return address;
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

/// Null where `memory` has none.
template <typename State, typename Options>
State* make(const Options& options, std::pmr::memory_resource& memory) {
  void* const room = detail::try_allocate(memory, sizeof(State), alignof(State));
  return room == nullptr ? nullptr : new (room) State(options, memory);
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
    ready = deflateInit2(&stream, std::clamp(options.level, 1, 9), Z_DEFLATED,
                         -std::clamp(options.window_bits, 9, DeflateConfig::max_window_bits),
                         std::clamp(options.memory_level, 1, 9), Z_DEFAULT_STRATEGY) == Z_OK;
  }
  State(const State&) = delete;
  ~State() {
    if (ready) deflateEnd(&stream);
  }

  Allocations allocations;
  z_stream stream{};
  bool ready = false;
};

Deflater::Deflater(const Options& options, std::pmr::memory_resource& memory)
    : state_(make<State>(options, memory)) {}

Deflater::~Deflater() { destroy(state_); }

bool Deflater::is_ready() const { return state_ != nullptr && state_->ready; }

DeflateStatus Deflater::compress(ConstBytes& in, Bytes& room) {
  if (!is_ready()) return DeflateStatus::no_memory;
  const int result = run(state_->stream, in, room,
                         [](z_stream& stream) { return deflate(&stream, Z_SYNC_FLUSH); });
  // Z_BUF_ERROR: nothing was left to do.
  if (result != Z_OK && result != Z_BUF_ERROR) return DeflateStatus::failed;
  return in.empty() && !room.empty() ? DeflateStatus::needs_input : DeflateStatus::needs_room;
}

std::size_t Deflater::memory_in_use() const {
  return state_ == nullptr ? 0 : sizeof(State) + state_->allocations.in_use();
}

// Inflater

struct Inflater::State {
  State(int bits, std::pmr::memory_resource& memory)
      : allocations(memory),
        window_bits(
            std::clamp(bits, DeflateConfig::min_window_bits, DeflateConfig::max_window_bits)) {
    prepare(stream, allocations);
  }
  State(const State&) = delete;
  ~State() {
    if (running) inflateEnd(&stream);
    forget();
  }

  /// Makes the decoder and gives it the history to refer to. Returns whether there was memory.
  [[nodiscard]] bool start() {
    if (inflateInit2(&stream, -window_bits) != Z_OK) return false;
    running = history_size == 0 || inflateSetDictionary(&stream, static_cast<const Bytef*>(history),
                                                        history_size) == Z_OK;
    running ? forget() : static_cast<void>(inflateEnd(&stream));
    return running;
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

  /// Copies the history out of the decoder. Returns whether there was memory.
  [[nodiscard]] bool recall() {
    uInt size = 0;
    inflateGetDictionary(&stream, nullptr, &size);
    if (size == 0) return true;
    history = detail::try_allocate(allocations.memory(), size, 1);
    if (history == nullptr) return false;
    history_size = size;
    inflateGetDictionary(&stream, static_cast<Bytef*>(history), &size);
    return true;
  }

  void forget() {
    if (history == nullptr) return;
    allocations.memory().deallocate(std::exchange(history, nullptr), std::exchange(history_size, 0),
                                    1);
  }

  Allocations allocations;
  z_stream stream{};
  void* history = nullptr;  // while packed
  uInt history_size = 0;
  int window_bits;
  bool running = false;
  bool at_boundary = false;
};

Inflater::Inflater(int window_bits, std::pmr::memory_resource& memory)
    : state_(make<State>(window_bits, memory)) {}

Inflater::~Inflater() { destroy(state_); }

DeflateStatus Inflater::decompress(ConstBytes& in, Bytes& room) {
  if (state_ == nullptr) return DeflateStatus::no_memory;
  State& state = *state_;
  if (!state.running && !state.start()) return DeflateStatus::no_memory;
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
    if (result == Z_MEM_ERROR) return DeflateStatus::no_memory;
    if (result != Z_OK && result != Z_BUF_ERROR) return DeflateStatus::failed;
    return room.empty() ? DeflateStatus::needs_room : DeflateStatus::needs_input;
  }
}

bool Inflater::is_at_boundary() const { return state_ != nullptr && state_->at_boundary; }

void Inflater::pack() {
  if (state_ == nullptr || !state_->running) return;
  State& state = *state_;
  if (!state.recall()) return;
  inflateEnd(&state.stream);
  state.running = false;
}

std::size_t Inflater::memory_in_use() const {
  return state_ == nullptr ? 0
                           : sizeof(State) + state_->allocations.in_use() + state_->history_size;
}

}  // namespace wolframite
