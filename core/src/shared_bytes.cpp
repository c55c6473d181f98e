#include <algorithm>
#include <atomic>
#include <cstdint>

#include "wolframite/bytes.hpp"
#include "wolframite/frame_header.hpp"

namespace wolframite {

///     octets  [ room | header | payload ]
///                    ^ written once, before anybody reads it
struct SharedBytes::Copy {
  enum class Header : std::uint8_t { none, being_written, written };
  static constexpr std::size_t room = 10;  // as long as an unmasked one can be

  explicit Copy(ConstBytes payload) {
    octets.reserve(room + payload.size());
    octets.resize(room);
    octets.insert(octets.end(), payload.begin(), payload.end());
  }

  std::vector<std::byte> octets;
  std::atomic<Header> header = Header::none;
  std::uint8_t header_size = 0;
};

SharedBytes SharedBytes::copy_of(ConstBytes bytes) {
  const auto copy = std::make_shared<Copy>(bytes);
  SharedBytes shared(copy, ConstBytes(copy->octets).subspan(Copy::room));
  shared.copy_ = copy.get();
  return shared;
}

ConstBytes SharedBytes::framed_by(ConstBytes header) const {
  using Header = Copy::Header;
  if (copy_ == nullptr || header.size() > Copy::room) return {};
  std::byte* const front = copy_->octets.data() + Copy::room - header.size();
  Header state = copy_->header.load(std::memory_order_acquire);
  if (state == Header::none && copy_->header.compare_exchange_strong(state, Header::being_written,
                                                                     std::memory_order_acquire)) {
    std::copy(header.begin(), header.end(), front);
    copy_->header_size = static_cast<std::uint8_t>(header.size());
    copy_->header.store(Header::written, std::memory_order_release);
    state = Header::written;
  }
  const bool same = state == Header::written && copy_->header_size == header.size() &&
                    std::equal(header.begin(), header.end(), front);
  return same ? ConstBytes(front, header.size() + bytes_.size()) : ConstBytes();
}

}  // namespace wolframite
