#include "stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace wolframite::uring {
namespace {

// malloc adds eight, and the coroutine of an echo takes 176 bytes more: docs/performance.md.
static_assert(sizeof(Stream) <= 368);

constexpr std::uint8_t enough = 2;  // buffers kept for a stream that nobody reads
// Not MSG_WAITALL: what a peer reads slowly must be seen to go on, or `Config::write_timeout` would
// give it up.
constexpr unsigned send_flags = MSG_NOSIGNAL;

void fill(Gather& gather, std::span<const ConstBytes> segments) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    // The kernel only reads, whatever the type says.
    gather.vectors[i] = {const_cast<std::byte*>(segments[i].data()), segments[i].size()};
  }
  gather.message = {};
  gather.message.msg_iov = gather.vectors.data();
  gather.message.msg_iovlen = segments.size();
}

}  // namespace

// Receiving. One request goes on until it is cancelled or fails; each result brings a buffer. What
// nobody waits for is kept, and the request is cancelled if that becomes too much.

void Stream::begin_receive() {
  if (receiving_ || starved_ || finished_ || !socket_.is_open() || engine().ending) return;
  io_uring_sqe& entry = engine().begin(key_of(this, Tag::receive));
  receiving_ = true;
  cancelled_ = false;
  if (is_plain()) return io_uring_prep_poll_add(&entry, socket_.fd(), POLLIN | POLLRDHUP);
  io_uring_prep_recv_multishot(&entry, socket_.fd(), nullptr, 0, 0);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = BufferRing::group;
}

void Stream::on_received(int result, unsigned flags) {
  Buffer* buffer = nullptr;
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    buffer = &engine().buffers.take(flags >> IORING_CQE_BUFFER_SHIFT, result);
    if (result <= 0 || !socket_.is_open()) give_back(*std::exchange(buffer, nullptr));
  }
  if ((flags & IORING_CQE_F_MORE) == 0) {
    receiving_ = false;
    engine().ended();
  }
  if (doomed_) return attend();  // settle() destroys it again
  if (!socket_.is_open()) return;
  if (is_plain()) {
    readable_ = true;
    return read_plainly();
  }
  if (buffer != nullptr) {
    buffer->end = static_cast<std::uint32_t>(result);
    hungry_ = false;
    engine().starved.received(*this);
    keep(*buffer);
  } else if (result == -ENOBUFS) {
    engine().buffers.ran_out();
    engine().starved.add(*this, hungry_);
    starved_ = true;
    hungry_ = false;
  } else if (result != -ECANCELED && result != -EINTR && result != -EAGAIN) {
    finished_ = true;
    error_ = static_cast<std::uint8_t>(-result);
  }
  hand_on();
}

void Stream::feed() {
  starved_ = false;
  if (held_ > 0) return;  // there is enough to hand on first
  readable_ = false;
  begin_receive();
  hungry_ = receiving_;
}

void Stream::keep(Buffer& buffer) noexcept {
  if (kept_ == nullptr || buffer.end > room_after(*kept_)) return link(buffer);
  // Small pieces share a buffer, so that a peer cannot take many of them with few bytes.
  append(*kept_, buffer);
  free(buffer);
}

// What nobody reads yet moves to a block that it fills to about a half, and the buffer goes back:
// else a peer of many streams would hold a buffer for each with a few bytes.
void Stream::shrink_last() noexcept {
  const std::size_t most = loop_.buffers().size() / 2;
  if (kept_->block_size != 0 || Buffer::block_for(kept_->end) > most) return;
  Buffer& last = take_last();
  std::size_t size = Buffer::block_for(last.end);
  Buffer* before = nullptr;
  if (kept_ != nullptr && kept_->block_size != 0) {
    const std::size_t joined = Buffer::block_for(std::size_t{kept_->end} + last.end);
    if (joined <= most) {
      before = &take_last();
      size = joined;
    }
  }
  Buffer* const block = new_block(size);
  for (Buffer* const part : {before, &last}) {
    if (part == nullptr) continue;
    if (block == nullptr) {
      link(*part);
    } else {
      append(*block, *part);
      free(*part);
    }
  }
  if (block != nullptr) link(*block);
}

Buffer* Stream::new_block(std::size_t size) noexcept {
  try {
    Buffer& block = Buffer::in(static_cast<std::byte*>(loop_.memory().allocate(size)));
    block.block_size = static_cast<std::uint32_t>(size);
    return &block;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void Stream::free(Buffer& buffer) noexcept {
  if (buffer.block_size == 0) return give_back(buffer);
  loop_.memory().deallocate(&buffer, buffer.block_size);
}

void Stream::append(Buffer& to, const Buffer& from) noexcept {
  std::memcpy(to.data + to.end, from.data, from.end);
  to.end += from.end;
}

void Stream::link(Buffer& buffer) noexcept {
  buffer.next = kept_ == nullptr ? &buffer : std::exchange(kept_->next, &buffer);
  kept_ = &buffer;
  ++held_;
}

Buffer& Stream::take_first() noexcept {
  Buffer& first = *kept_->next;
  if (&first == kept_) {
    kept_ = nullptr;
  } else {
    kept_->next = first.next;
  }
  --held_;
  return first;
}

Buffer& Stream::take_last() noexcept {
  Buffer& last = *kept_;
  Buffer* before = last.next;
  while (before->next != &last) before = before->next;
  before->next = last.next;
  kept_ = before == &last ? nullptr : before;
  --held_;
  return last;
}

// The first one in a buffer of the pool's, as the rules of streams take it.
Buffer& Stream::lend_first() {
  Buffer& first = *kept_->next;
  if (first.block_size == 0) return take_first();
  Buffer& buffer = Buffer::in(loop_.buffers().acquire());
  append(buffer, first);
  free(take_first());
  return buffer;
}

std::size_t Stream::room_after(const Buffer& buffer) const {
  const std::size_t size = buffer.block_size != 0 ? buffer.block_size : loop_.buffers().size();
  return size - Buffer::header_size - buffer.end;
}

// Hands on what was kept, as long as somebody wants it, and sees to it that more comes if it
// should. What is still in the socket of a starved stream came in time, whatever the time is now.
void Stream::hand_on() {
  busy_ = true;
  while (held_ > 0 && wants_input()) {
    Buffer& first = lend_first();
    readable_ = held_ > 0 || starved_ || finished_;
    received(first);
  }
  if (held_ == 0 && finished_ && wants_input()) {
    received_eof(error_);
    told_ = true;
  }
  busy_ = false;
  if (held_ > 0) shrink_last();
  readable_ = held_ > 0 || starved_ || (finished_ && !told_);
  if (held_ == 0) {
    begin_receive();
  } else if (held_ >= enough && receiving_ && !cancelled_) {
    cancelled_ = true;
    engine().cancel(key_of(this, Tag::receive));
  }
}

void Stream::read() {
  if (is_plain()) {
    read_plainly();
  } else {
    hand_on();
  }
}

void Stream::read_plainly() {
  if (!readable_ || !wants_input()) return;
  readable_ = false;
  InputLease& lease = lend();
  const std::size_t room = loop_.buffers().size() - Buffer::header_size;
  ssize_t size = 0;
  do {
    size = ::recv(socket_.fd(), lease.data, room, 0);
  } while (size < 0 && errno == EINTR);
  if (size > 0) {
    begin_receive();
    lease.end = static_cast<std::uint32_t>(size);
    return received(lease);
  }
  const int error = size == 0 ? 0 : errno;
  give_back(lease);
  if (size < 0 && error == EAGAIN) return begin_receive();
  finished_ = true;
  received_eof(error);
}

void Stream::want_input() {
  if (!readable_) return begin_receive();
  if (queued_ || busy_ || (starved_ && held_ == 0)) return;
  queued_ = true;
  engine().unread.add(*this);
}

void Stream::recover() noexcept {
  busy_ = false;
  attend();
}

InputLease* Stream::kept_input() {
  if (held_ == 0) return nullptr;
  Buffer& first = lend_first();
  readable_ = held_ > 0 || starved_ || finished_;
  if (held_ == 0) begin_receive();
  return &first;
}

InputLease& Stream::lend() { return Buffer::in(loop_.buffers().acquire()); }

// Sending. What is queued when the turn ends goes out with one request, and stays where it is until
// its result is there.

void Stream::write_output() {
  if (is_plain() || !engine().ring.is_ours()) return write_plainly();
  writable_ = false;
  to_send_ = true;
  engine().sending.add(*this);
}

// If it throws there is no request, and what is queued waits for the next time.
void Stream::begin_send() {
  to_send_ = false;
  writable_ = true;
  // One segment is the rule.
  std::array<ConstBytes, 2> segments;
  const std::size_t count = session_.output(segments);
  if (count == 0) return;
  if (count > 1) return begin_send_segments();
  io_uring_sqe& entry = begin_request();
  io_uring_prep_send(&entry, socket_.fd(), segments[0].data(), segments[0].size(), send_flags);
}

void Stream::begin_send_segments() {
  Engine& shared = engine();
  std::array<ConstBytes, Gather::max> segments;
  const std::size_t count = session_.output(segments);
  if (shared.gathered == shared.gathers.size()) shared.gathers.emplace_back();
  io_uring_sqe& entry = begin_request();
  Gather& gather = shared.gathers[shared.gathered++];
  fill(gather, std::span(segments).first(count));
  io_uring_prep_sendmsg(&entry, socket_.fd(), &gather.message, send_flags);
}

io_uring_sqe& Stream::begin_request() {
  io_uring_sqe& entry = engine().begin(key_of(this, Tag::send));
  sending_ = true;
  writable_ = false;
  return entry;
}

void Stream::on_sent(int result) {
  sending_ = false;
  engine().ended();
  if (doomed_) return attend();  // settle() destroys it again
  if (!socket_.is_open()) return;
  writable_ = true;
  if (is_plain()) {
    // It was a wait for room.
  } else if (result >= 0) {
    wrote(static_cast<std::size_t>(result));
    if (is_settled()) return;
  } else if (result != -EINTR && result != -EAGAIN) {
    return write_failed(-result);
  }
  attend();
}

void Stream::write_plainly() {
  Gather gather;
  std::array<ConstBytes, Gather::max> segments;
  const std::size_t count = session_.output(segments);
  fill(gather, std::span(segments).first(count));
  std::size_t offered = 0;
  for (std::size_t i = 0; i < count; ++i) offered += segments[i].size();
  ssize_t size = 0;
  do {
    size = ::sendmsg(socket_.fd(), &gather.message, MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno != EAGAIN) return write_failed(errno);
  const std::size_t written = size < 0 ? 0 : static_cast<std::size_t>(size);
  if (written < offered && !engine().ending) {
    io_uring_prep_poll_add(&begin_request(), socket_.fd(), POLLOUT);
  }
  if (written > 0) wrote(written);
}

void Stream::shut_down() { ::shutdown(socket_.fd(), SHUT_WR); }

// Whoever is in a list of the loop's leaves it before the socket is closed, and before it dies.
void Stream::leave_lists() noexcept {
  Engine& shared = engine();
  if (queued_) shared.unread.remove(*this);
  if (to_send_) shared.sending.remove(*this);
  shared.starved.remove(*this);
  queued_ = to_send_ = starved_ = false;
}

Stream::~Stream() {
  leave_lists();
  while (held_ > 0) free(take_first());
}

// Requests are carried out in their order: a send that was begun last gets its one try before it is
// cancelled, and the descriptor is closed after that. The stream lives until the last result, and
// so does its session, with what the kernel reads.
void Stream::close_socket() noexcept {
  const bool is_to_send = to_send_, is_in_flight = sending_;
  leave_lists();
  while (held_ > 0) free(take_first());
  readable_ = false;
  if (loop_.is_in_fork()) return socket_.close();
  if (is_to_send) try_to_send();
  Engine& shared = engine();
  if (receiving_ && !cancelled_) shared.cancel(key_of(this, Tag::receive));
  // The session may have dropped what is being sent. A send that waits for room, and may find it
  // before it is cancelled, fails after this and does not look at that memory any more.
  if (is_in_flight) ::shutdown(socket_.fd(), SHUT_RDWR);
  if (sending_) shared.cancel(key_of(this, Tag::send));
  shared.close(socket_.release());
}

// For the last time, so that it is no loss if there is no memory for it.
void Stream::try_to_send() noexcept {
  try {
    begin_send();
  } catch (const std::bad_alloc&) {
  }
}

void Stream::destroy() noexcept {
  doomed_ = receiving_ || sending_;
  if (!doomed_) delete this;
}

}  // namespace wolframite::uring
