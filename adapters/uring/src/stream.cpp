#include "stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace wolframite::uring {
namespace {

// malloc adds eight, and the coroutine of an echo takes 176 bytes more: docs/performance.md.
static_assert(sizeof(Stream) <= 352);

constexpr std::uint8_t enough = 2;  // buffers kept for a stream that nobody reads
// All of it, however long that takes: a part would only come back to be asked for again.
constexpr unsigned send_flags = MSG_NOSIGNAL | MSG_WAITALL;

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
  receiving_ = true;
  cancelled_ = false;
  io_uring_sqe& entry = engine().begin(key_of(this, Tag::receive));
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

void Stream::keep(Buffer& buffer) {
  if (kept_ == nullptr) {
    buffer.next = &buffer;
  } else if (buffer.end <= room_after(*kept_)) {
    // Small pieces share a buffer, so that a peer cannot take many of them with few octets.
    std::memcpy(kept_->data + kept_->end, buffer.data, buffer.end);
    kept_->end += buffer.end;
    return give_back(buffer);
  } else {
    buffer.next = std::exchange(kept_->next, &buffer);
  }
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

std::size_t Stream::room_after(const Buffer& buffer) const {
  return loop_.buffers().size() - Buffer::header_size - buffer.end;
}

// Hands on what was kept, as long as somebody wants it, and sees to it that more comes if it
// should. What is still in the socket of a starved stream came in time, whatever the time is now.
void Stream::hand_on() {
  busy_ = true;
  while (held_ > 0 && wants_input()) {
    Buffer& first = take_first();
    readable_ = held_ > 0 || starved_ || finished_;
    received(first);
  }
  if (held_ == 0 && finished_ && wants_input()) {
    received_eof(error_);
    told_ = true;
  }
  busy_ = false;
  readable_ = held_ > 0 || starved_ || (finished_ && !told_);
  if (held_ == 0) {
    begin_receive();
  } else if (held_ >= enough && receiving_ && !cancelled_) {
    cancelled_ = true;
    engine().cancel(key_of(this, Tag::receive));
  }
}

void Stream::read() {
  queued_ = false;
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
  engine().unread.push_back(this);
}

InputLease* Stream::kept_input() {
  if (held_ == 0) return nullptr;
  Buffer& first = take_first();
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
  engine().sending.push_back(this);
}

void Stream::begin_send() {
  if (!to_send_) return;  // it was closed meanwhile
  to_send_ = false;
  // One segment is the rule.
  std::array<ConstBytes, 2> segments;
  const std::size_t count = session_.output(segments);
  if (count == 0) {
    writable_ = true;
    return;
  }
  sending_ = true;
  if (count > 1) return begin_send_segments();
  io_uring_sqe& entry = engine().begin(key_of(this, Tag::send));
  io_uring_prep_send(&entry, socket_.fd(), segments[0].data(), segments[0].size(), send_flags);
}

void Stream::begin_send_segments() {
  Engine& shared = engine();
  std::array<ConstBytes, Gather::max> segments;
  const std::size_t count = session_.output(segments);
  io_uring_sqe& entry = shared.begin(key_of(this, Tag::send));
  if (shared.gathered == shared.gathers.size()) shared.gathers.emplace_back();
  Gather& gather = shared.gathers[shared.gathered++];
  fill(gather, std::span(segments).first(count));
  io_uring_prep_sendmsg(&entry, socket_.fd(), &gather.message, send_flags);
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
    writable_ = false;
    sending_ = true;
    io_uring_sqe& entry = engine().begin(key_of(this, Tag::send));
    io_uring_prep_poll_add(&entry, socket_.fd(), POLLOUT);
  }
  if (written > 0) wrote(written);
}

void Stream::shut_down() { ::shutdown(socket_.fd(), SHUT_WR); }

// Requests are carried out in their order: a send that was begun last gets its one try before it is
// cancelled, and the descriptor is closed after that.
void Stream::close_socket() noexcept {
  Engine& shared = engine();
  if (queued_) {
    shared.unread.erase(std::find(shared.unread.begin(), shared.unread.end(), this));
    queued_ = false;
  }
  shared.starved.remove(*this);
  starved_ = false;
  const bool is_in_flight = sending_;
  begin_send();
  while (held_ > 0) give_back(take_first());
  readable_ = false;
  if (receiving_ && !cancelled_) shared.cancel(key_of(this, Tag::receive));
  // The session may have dropped what is being sent. A send that waits for room, and may find it
  // before it is cancelled, fails after this and does not look at that memory any more.
  if (is_in_flight) ::shutdown(socket_.fd(), SHUT_RDWR);
  if (sending_) shared.cancel(key_of(this, Tag::send));
  shared.close(socket_.release());
}

void Stream::destroy() noexcept {
  doomed_ = receiving_ || sending_;
  if (!doomed_) delete this;
}

}  // namespace wolframite::uring
