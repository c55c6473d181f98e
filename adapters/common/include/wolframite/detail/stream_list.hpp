/// @file
/// Streams that a loop has to look after.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#pragma GCC visibility push(default)
namespace wolframite::detail {

/// Makes room for `count`, with some to spare if it has to grow.
template <class T>
void reserve_for(std::vector<T>& list, std::size_t count) {
  if (count > list.capacity()) list.reserve(std::max(count, 2 * list.capacity()));
}

/// Streams that a loop has to look after, each at most once, in their order. The stream knows that
/// it is in the list, by a flag of its own, and leaves before it dies.
///
///     [ handed out | still to be handed out ]  [ added since ]
///       turn_        next_                      waiting_
///
/// There is room for all streams of the loop before they are made, so that adding never fails.
template <class Stream>
class StreamList {
 public:
  StreamList() { reserve(at_first); }

  /// Makes room for `count` streams in all.
  void reserve(std::size_t count) {
    reserve_for(waiting_, count);
    reserve_for(turn_, count);
  }

  /// Adds one that is not in the list.
  void add(Stream& stream) noexcept { waiting_.push_back(&stream); }

  /// Takes one out. To look for it is for the rare case: one that dies, or is closed.
  void remove(const Stream& stream) noexcept {
    const auto place = std::find(waiting_.begin(), waiting_.end(), &stream);
    if (place != waiting_.end()) {
      waiting_.erase(place);
      return;
    }
    std::replace(turn_.begin() + static_cast<std::ptrdiff_t>(next_), turn_.end(),
                 const_cast<Stream*>(&stream), static_cast<Stream*>(nullptr));
  }

  /// Whether none is left to be handed out.
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty() && next_ == turn_.size(); }

  /// Takes those out, one by one, that are here now, and calls `look_after(stream)`, which may
  /// remove any, destroy any that leave, and add any for the next time. `soon` is called for each a
  /// while before. If one throws, then those behind it are the first of the next time.
  template <class LookAfter, class Soon>
  void hand_out(LookAfter look_after, Soon soon) {
    finish_turn(look_after, soon);  // what an exception has left
    turn_.swap(waiting_);
    finish_turn(look_after, soon);
  }
  /// The same, without notice.
  template <class LookAfter>
  void hand_out(LookAfter look_after) {
    hand_out(look_after, [](Stream&) {});
  }

  /// Forgets all.
  void clear() noexcept {
    waiting_.clear();
    turn_.clear();
    next_ = 0;
  }

 private:
  // Most loops have fewer, so that none of their turns costs more than the others.
  static constexpr std::size_t at_first = 256;
  static constexpr std::size_t notice = 2;  // how many are handed out between `soon` and its stream

  template <class LookAfter, class Soon>
  void finish_turn(LookAfter& look_after, Soon& soon) {
    while (next_ < turn_.size()) {
      if (next_ + notice < turn_.size()) {
        if (Stream* const later = turn_[next_ + notice]) soon(*later);
      }
      if (Stream* const stream = turn_[next_++]) look_after(*stream);
    }
    turn_.clear();
    next_ = 0;
  }

  std::vector<Stream*> waiting_;  // for the next turn
  std::vector<Stream*> turn_;     // of this one; null where one has left
  std::size_t next_ = 0;          // the next of them
};

}  // namespace wolframite::detail
#pragma GCC visibility pop
