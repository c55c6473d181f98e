#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "wolframite/detail/stream_list.hpp"

namespace wolframite::uring {

class Stream;

/// Streams that found no buffer to receive into, in the order in which they begin again.
///
///     [ taken | fed in vain | waiting longest ...           | starved last ]
///               first_        + returned_                     size
///
/// There is room for all streams of the loop before they are made, so that adding never fails.
class Starved {
 public:
  [[nodiscard]] bool empty() const { return first_ == streams_.size(); }

  /// Makes room for `count` streams in all.
  void reserve(std::size_t count) { detail::reserve_for(streams_, count); }

  /// Begins to feed: those of this turn that are fed in vain will return to the front.
  void begin_turn() { returned_ = 0; }

  /// The next one to be fed. It is in the list no more.
  [[nodiscard]] Stream& take() {
    Stream* const stream = streams_[first_++];
    if (empty()) clear();
    return *stream;
  }

  /// Adds one that found no buffer. Having been `fed_in_vain`, for another one took all there were,
  /// it is still the next. The one that has received last goes on for a while if it has more: a
  /// message that is whole soon holds its memory for less long, and finds it in the cache.
  void add(Stream& stream, bool fed_in_vain) noexcept {
    const bool goes_on = &stream == latest_ && in_a_row_ < most_in_a_row;
    if (goes_on || fed_in_vain) return return_to_front(stream);
    if (streams_.size() == streams_.capacity()) drop_taken();
    streams_.push_back(&stream);
  }

  /// Forgets one that ends.
  void remove(const Stream& stream) noexcept {
    if (&stream == latest_) latest_ = nullptr;
    const auto place = std::find(at(first_), streams_.end(), &stream);
    if (place == streams_.end()) return;
    if (place < at(first_ + returned_)) --returned_;
    streams_.erase(place);
    if (empty()) clear();
  }

  /// Tells that one has received a buffer.
  void received(const Stream& stream) {
    if (&stream != latest_) in_a_row_ = 0;
    latest_ = &stream;
    ++in_a_row_;
  }

 private:
  static constexpr unsigned most_in_a_row = 16;  // buffers filled for one stream, if others wait

  using Place = std::vector<Stream*>::iterator;
  [[nodiscard]] Place at(std::size_t index) {
    return streams_.begin() + static_cast<std::ptrdiff_t>(index);
  }

  // Behind those that returned before.
  void return_to_front(Stream& stream) noexcept {
    if (first_ > 0) {
      std::move(at(first_), at(first_ + returned_), at(first_ - 1));
      --first_;
      streams_[first_ + returned_] = &stream;
    } else {
      streams_.insert(at(returned_), &stream);
    }
    ++returned_;
  }

  void drop_taken() noexcept {
    streams_.erase(streams_.begin(), at(first_));
    first_ = 0;
  }
  void clear() noexcept {
    streams_.clear();
    first_ = returned_ = 0;
  }

  std::vector<Stream*> streams_;
  std::size_t first_ = 0;           // of them that waits
  std::size_t returned_ = 0;        // how many of those that were fed last are back at the front
  const Stream* latest_ = nullptr;  // that has received
  unsigned in_a_row_ = 0;           // how often it has
};

}  // namespace wolframite::uring
