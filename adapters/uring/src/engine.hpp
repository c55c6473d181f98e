#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <deque>

#include "buffer_ring.hpp"
#include "ring.hpp"
#include "starved.hpp"
#include "wolframite/detail/stream_list.hpp"
#include "wolframite/waiter.hpp"

namespace wolframite::uring {

class Stream;

/// A request of something other than a stream. It is on its own: whoever began it may go before it
/// ends.
class Request : public detail::ListNode {
 public:
  virtual ~Request() = default;
  /// Tells a result; the last one, unless `more` will follow.
  virtual void complete(int result, bool more) = 0;
};

/// What a request is for: its user_data is an address and one of these.
enum class Tag : std::uint64_t { none = 0, receive = 1, send = 2, request = 3, mailbox = 4 };
constexpr std::uint64_t tag_bits = 7;

inline std::uint64_t key_of(const void* address, Tag tag) {
  return reinterpret_cast<std::uintptr_t>(address) | static_cast<std::uint64_t>(tag);
}

/// The octets of one send, until it is handed over.
struct Gather {
  static constexpr std::size_t max = 32;
  msghdr message{};
  std::array<iovec, max> vectors;
};

/// What the streams of a loop share.
class Engine {
 public:
  Engine(const LoopOptions& options, BufferPool& pool)
      : buffers(pool, options.buffers, options.max_buffers), ring(options) {}

  /// Fills in nothing but the key, and counts the request until `ended`.
  [[nodiscard]] io_uring_sqe& begin(std::uint64_t key) {
    io_uring_sqe& entry = ring.request();
    ++requests;
    entry.user_data = key;
    return entry;
  }
  void ended() noexcept { --requests; }

  /// Asks the kernel to end a request, whose last result then comes soon.
  void cancel(std::uint64_t key) noexcept;
  /// Closes a descriptor, after the requests that were begun on it before.
  void close(int fd) noexcept;

  BufferRing buffers;  // outlives the ring, whose end unmaps it
  Ring ring;
  /// Makes room for `streams` in all lists, so that adding never fails.
  void reserve(std::size_t streams) {
    unread.reserve(streams);
    sending.reserve(streams);
    starved.reserve(streams);
  }

  std::size_t requests = 0;            // whose last result is still to come
  detail::ListNode others;             // Requests
  detail::StreamList<Stream> unread;   // streams to hand input to although no result will come
  detail::StreamList<Stream> sending;  // streams to begin a send for
  Starved starved;  // streams to begin to receive for again, once there are buffers
  std::deque<Gather> gathers = std::deque<Gather>(16);
  std::size_t gathered = 0;  // of them in use
  bool ending = false;       // nothing may begin any more
};

}  // namespace wolframite::uring
