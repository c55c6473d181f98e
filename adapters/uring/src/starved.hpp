#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>

namespace wolframite::uring {

class Stream;

/// Streams that found no buffer to receive into, in the order in which they begin again.
///
///     [ fed in vain | waiting longest ...           | starved last ]
///       0             returned_                       size
class Starved {
 public:
  [[nodiscard]] bool empty() const { return streams_.empty(); }

  /// Begins to feed: those of this turn that are fed in vain will return to the front.
  void begin_turn() { returned_ = 0; }

  /// The next one to be fed. It is in the list no more.
  [[nodiscard]] Stream& take() {
    Stream* const stream = streams_.front();
    streams_.pop_front();
    return *stream;
  }

  /// Adds one that found no buffer. Having been `fed_in_vain`, for another one took all there were,
  /// it is still the next. The one that has received last goes on for a while if it has more: a
  /// message that is whole soon holds its memory for less long, and finds it in the cache.
  void add(Stream& stream, bool fed_in_vain) {
    const bool goes_on = &stream == latest_ && in_a_row_ < most_in_a_row;
    if (!goes_on && !fed_in_vain) return streams_.push_back(&stream);
    streams_.insert(streams_.begin() + static_cast<std::ptrdiff_t>(returned_), &stream);
    ++returned_;
  }

  /// Forgets one that ends.
  void remove(const Stream& stream) noexcept {
    if (&stream == latest_) latest_ = nullptr;
    const auto place = std::find(streams_.begin(), streams_.end(), &stream);
    if (place == streams_.end()) return;
    if (place - streams_.begin() < static_cast<std::ptrdiff_t>(returned_)) --returned_;
    streams_.erase(place);
  }

  /// Tells that one has received a buffer.
  void received(const Stream& stream) {
    if (&stream != latest_) in_a_row_ = 0;
    latest_ = &stream;
    ++in_a_row_;
  }

 private:
  static constexpr unsigned most_in_a_row = 16;  // buffers filled for one stream, if others wait

  std::deque<Stream*> streams_;
  std::size_t returned_ = 0;        // how many of those that were fed last are back at the front
  const Stream* latest_ = nullptr;  // that has received
  unsigned in_a_row_ = 0;           // how often it has
};

}  // namespace wolframite::uring
