#include "stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cassert>
#include <cerrno>

namespace wolframite::epoll {
namespace {

constexpr std::size_t capacity = BufferPool::buffer_size - InputLease::header_size;
static_assert(capacity >= 64 * 1024 + FrameHeader::max_size, "64 KiB and what is around it");

// A turn that has read this much leaves the rest for the next one, for timers and other streams
// have to have their turn.
constexpr std::size_t most_octets = 2U << 20U;
// What a stream has to write at once, while it is in the cache. Less waits for the end of the turn,
// when there may be more.
constexpr std::size_t much_output = 4 * 1024;

}  // namespace

void Stream::on_events(std::uint32_t events) {
  constexpr std::uint32_t ends = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & (EPOLLIN | ends)) != 0) readable_ = true;
  if ((events & ends) != 0) hung_up_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
    writable_ = true;
    if (session_.wants_write()) attend();
  }
  if (!queued_) read();
}

// What is large is whole soon if it is read in a row: then it holds its memory for less long, and
// finds it in the cache.
void Stream::read() {
  Loop& loop = epoll_loop();
  const std::size_t before = loop.received_;
  busy_ = true;
  while (readable_ && wants_input() && loop.received_ < most_octets) {
    read_once();
    if (readable_ && loop.is_slice_over(*this)) break;
  }
  busy_ = false;
  if (!readable_ || !wants_input()) return;
  assert(!queued_);
  queued_ = true;
  if (loop.received_ > before && loop.last_ == nullptr) {
    loop.last_ = this;
  } else {
    loop.unread_.add(*this);
  }
}

void Stream::read_once() {
  InputLease& lease = lend();
  ssize_t size = 0;
  do {
    size = ::recv(socket_.fd(), lease.data, capacity, 0);
  } while (size < 0 && errno == EINTR);
  if (size > 0) {
    // Less than there was room for is all there was; unless the end is still to be read.
    const bool full = static_cast<std::size_t>(size) == capacity;
    if (!full && !hung_up_) readable_ = false;
    lease.end = static_cast<std::uint32_t>(size);
    epoll_loop().received_ += static_cast<std::size_t>(size);
    received(lease);
    if (writable_ && session_.pending_output() >= much_output) write_output();
    return;
  }
  const int error = size == 0 ? 0 : errno;
  give_back(lease);
  readable_ = false;
  if (size == 0 || error != EAGAIN) received_eof(error);
}

void Stream::want_input() {
  if (!readable_ || queued_ || busy_) return;
  queued_ = true;
  epoll_loop().unread_.add(*this);
}

void Stream::recover() noexcept {
  busy_ = false;
  attend();
}

InputLease& Stream::lend() { return InputLease::in(loop_.buffers().acquire()); }

void Stream::write_output() {
  // One segment is the rule, and has a system call that costs less.
  std::array<ConstBytes, 2> segments;
  if (session_.output(segments) > 1) return write_segments();
  ssize_t size = 0;
  do {
    size = ::send(socket_.fd(), segments[0].data(), segments[0].size(), MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  written(size, segments[0].size());
}

void Stream::write_segments() {
  std::array<ConstBytes, 64> segments;
  std::array<iovec, segments.size()> vectors;
  const std::size_t count = session_.output(segments);
  std::size_t offered = 0;
  for (std::size_t i = 0; i < count; ++i) {
    // The kernel only reads, whatever the type says.
    vectors[i] = {const_cast<std::byte*>(segments[i].data()), segments[i].size()};
    offered += segments[i].size();
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  ssize_t size = 0;
  do {
    size = ::sendmsg(socket_.fd(), &message, MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  written(size, offered);
}

void Stream::written(ssize_t size, std::size_t offered) {
  if (size < 0 && errno != EAGAIN) return write_failed(errno);
  const std::size_t taken = size < 0 ? 0 : static_cast<std::size_t>(size);
  if (taken < offered) writable_ = false;  // the next edge tells when there is room
  if (taken > 0) wrote(taken);
}

void Stream::shut_down() { ::shutdown(socket_.fd(), SHUT_WR); }

void Stream::leave_lists() noexcept {
  Loop& loop = epoll_loop();
  if (loop.last_ == this) {
    loop.last_ = nullptr;
  } else if (queued_) {
    loop.unread_.remove(*this);
  }
  queued_ = false;
}

void Stream::close_socket() noexcept {
  leave_lists();
  // Not left to close(2): the registration would survive in a forked child's copy of the
  // descriptor.
  epoll_loop().deregister(socket_.fd());
  socket_.close();
  readable_ = false;
}

}  // namespace wolframite::epoll
