// Stands in for the codec in a build without it. Nothing is negotiated then, so that none of this
// is reached but `is_deflate_available`.
#include "wolframite/deflate.hpp"

namespace wolframite {

bool is_deflate_available() { return false; }

Deflater::Deflater(const Options&, std::pmr::memory_resource&) : state_(nullptr) {}
Deflater::~Deflater() = default;
bool Deflater::is_ready() const { return false; }
DeflateStatus Deflater::compress(ConstBytes&, Bytes&) { return DeflateStatus::failed; }
std::size_t Deflater::memory_in_use() const { return 0; }

Inflater::Inflater(int, std::pmr::memory_resource&) : state_(nullptr) {}
Inflater::~Inflater() = default;
DeflateStatus Inflater::decompress(ConstBytes&, Bytes&) { return DeflateStatus::failed; }
bool Inflater::is_at_boundary() const { return false; }
void Inflater::pack() {}
std::size_t Inflater::memory_in_use() const { return 0; }

}  // namespace wolframite
