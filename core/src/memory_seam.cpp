// The only source of the core that is built with exceptions, to end those of memory resources.
#include "wolframite/detail/try_allocate.hpp"

namespace wolframite::detail {

void* try_allocate(std::pmr::memory_resource& memory, std::size_t size,
                   std::size_t alignment) noexcept {
  try {
    return memory.allocate(size, alignment);
  } catch (...) {
    return nullptr;
  }
}

}  // namespace wolframite::detail
