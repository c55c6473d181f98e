#include "wolframite/detail/assembly.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "wolframite/detail/try_allocate.hpp"

namespace wolframite::detail {

namespace {

constexpr std::size_t first_capacity = 512;
// From here on it is copying that costs: what is added and not used yet is, as a rule, not
// resident.
constexpr std::size_t large = 64 * 1024;

/// Room for `needed` octets, one at least, of the `announced`, and less than `growth` times as
/// many: one in `growth` of these, or of that, and so on. So the last step is the largest, and all
/// of them together copy one octet in `growth - 1` at most.
constexpr std::size_t step_towards(std::size_t announced, std::size_t needed, std::size_t growth) {
  while (announced / growth >= needed) announced /= growth;
  return announced;
}

}  // namespace

Assembly::Assembly(Assembly&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}

Assembly& Assembly::operator=(Assembly&& other) noexcept {
  if (this != &other) {
    clear();
    block_ = std::exchange(other.block_, nullptr);
  }
  return *this;
}

std::byte* Assembly::extend(std::size_t size, std::size_t expected, std::size_t growth,
                            std::pmr::memory_resource& memory) {
  const std::size_t held = this->size();
  const std::size_t needed = held + size;
  if (block_ == nullptr || block_->capacity < needed) {
    // A factor keeps the copying linear; what is announced caps it, and says where it leads.
    const std::size_t announced = needed + expected;
    const std::size_t capacity = needed < large
                                     ? std::min(std::max(2 * needed, first_capacity), announced)
                                     : step_towards(announced, needed, growth);
    void* const allocation = try_allocate(memory, sizeof(Block) + capacity, alignof(Block));
    if (allocation == nullptr) return nullptr;
    auto* grown = new (allocation) Block{&memory, capacity, held};
    if (held > 0) std::memcpy(data_of(grown), data_of(block_), held);
    clear();
    block_ = grown;
  }
  block_->size = needed;
  return data_of(block_) + held;
}

void Assembly::shrink(std::size_t size) {
  assert(size <= this->size());
  if (block_ != nullptr) block_->size -= size;
}

void Assembly::clear() {
  if (block_ == nullptr) return;
  Block* block = std::exchange(block_, nullptr);
  block->memory->deallocate(block, sizeof(Block) + block->capacity, alignof(Block));
}

Bytes Assembly::bytes() const {
  return block_ == nullptr ? Bytes{} : Bytes{data_of(block_), block_->size};
}

}  // namespace wolframite::detail
