#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <system_error>
#include <utility>

#include "listener.hpp"
#include "stream.hpp"
#include "wolframite/epoll.hpp"

namespace wolframite::epoll {
namespace {

// What epoll hands back: a Stream's address, that of an EventSource plus one, or one of these.
constexpr std::uint64_t dropped = 0, mailbox_key = 2;
constexpr std::uint64_t source_bit = 1;
// A turn should be short enough for what its streams touch, in the kernel too, to be still in the
// cache when their output is written at its end.
constexpr std::size_t most_events = 64;

std::uint64_t key_of(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

std::error_code last_error() { return {errno, std::system_category()}; }

int timeout_until(Time until) {
  const Time now = std::chrono::steady_clock::now();
  if (until <= now) return 0;  // compared, not subtracted: it may be Time::min()
  const auto left = until - now;
  // Rounded up: a turn too early would find nothing due, and come again.
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  constexpr int longest = std::numeric_limits<int>::max();
  return milliseconds < longest ? static_cast<int>(milliseconds) : longest;
}

bool is_stream(std::uint64_t key) {
  return key != dropped && key != mailbox_key && (key & source_bit) == 0;
}

void prefetch(std::uint64_t key) {
  if (is_stream(key)) StreamCore::prefetch(reinterpret_cast<const Stream*>(key));
}

void prefetch_reader(std::uint64_t key) {
  if (is_stream(key)) reinterpret_cast<const Stream*>(key)->prefetch_reader();
}

}  // namespace

/// An attempt to connect that is under way.
class Loop::Connecting final : public EventSource {
 public:
  Connecting(Loop& loop, ConnectAttempt& attempt) : loop_(loop), attempt_(attempt) {}

  void on_events(std::uint32_t) override {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(attempt_.socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    ConnectAttempt& attempt = attempt_;
    loop_.abort_connect(attempt);  // destroys this
    attempt.connected({error, std::system_category()});
  }

 private:
  Loop& loop_;
  ConnectAttempt& attempt_;
};

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), events_(most_events) {
  if (epoll_ < 0) throw std::system_error(last_error(), "epoll_create1");
  if (const std::error_code error = add(mailbox()->fd(), EPOLLIN, mailbox_key)) {
    ::close(epoll_);
    throw std::system_error(error, "epoll_ctl");
  }
}

Loop::~Loop() {
  destroy_all();
  ::close(epoll_);
}

std::error_code Loop::add(int fd, std::uint32_t events, std::uint64_t key) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0 ? std::error_code{} : last_error();
}

// In a fork the registration is that of the loop that this one is a copy of.
void Loop::deregister(int fd) noexcept {
  if (!is_in_fork()) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

Result<StreamCore*> Loop::adopt(Socket socket, Connection connection) {
  unread_.reserve(expect_stream());
  const int fd = socket.fd();
  auto* const stream = new Stream(*this, std::move(socket), std::move(connection));
  if (const std::error_code error =
          add(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, key_of(stream))) {
    stream->abandon();
    return tl::unexpected(error);
  }
  return stream;
}

Result<std::unique_ptr<Listener>> Loop::listen(Socket socket, Endpoint local) {
  auto listener = std::make_unique<Acceptor>(*this, std::move(socket), local);
  if (const std::error_code error = listener->begin()) return tl::unexpected(error);
  return listener;
}

std::error_code Loop::begin_connect(ConnectAttempt& attempt) {
  const int fd = attempt.socket.fd();
  if (::connect(fd, attempt.endpoint.data(), attempt.endpoint.size()) != 0 &&
      errno != EINPROGRESS) {
    return last_error();
  }
  // Writable once the outcome is there, even if it is already.
  auto connecting = std::make_unique<Connecting>(*this, attempt);
  if (const std::error_code error = watch(fd, EPOLLOUT, *connecting)) return error;
  attempt.pending = connecting.release();
  return {};
}

void Loop::abort_connect(ConnectAttempt& attempt) noexcept {
  auto* const connecting = static_cast<Connecting*>(std::exchange(attempt.pending, nullptr));
  forget(attempt.socket.fd(), connecting);
  delete connecting;
}

std::error_code Loop::watch(int fd, std::uint32_t events, EventSource& source) {
  return add(fd, events, key_of(&source) | source_bit);
}

void Loop::forget(int fd, EventSource* source) noexcept {
  deregister(fd);
  const std::uint64_t key = key_of(source) | source_bit;
  for (std::size_t i = 0; i < collected_; ++i) {
    if (events_[i].data.u64 == key) events_[i].data.u64 = dropped;
  }
}

void Loop::wait(std::optional<Time> until) {
  collected_ = collect(until);
  update_now();
  received_ = 0;
  // Those that have waited for this turn come first.
  if (last_ != nullptr) unread_.add(*std::exchange(last_, nullptr));
  unread_.hand_out([this](Stream& stream) {
    stream.queued_ = false;
    attempt(stream, [&] { stream.read(); });
  });
  for (std::size_t i = 0; i < collected_; ++i) {
    // What the next ones need comes into the cache while this one is in its system calls.
    if (i + 2 < collected_) prefetch(events_[i + 2].data.u64);
    if (i + 1 < collected_) prefetch_reader(events_[i + 1].data.u64);
    dispatch(events_[i]);
  }
  collected_ = 0;
}

void Loop::dispatch(const epoll_event& event) {
  const std::uint64_t key = event.data.u64;
  if (key == dropped) return;
  if (key == mailbox_key) {
    mailbox()->clear();
  } else if ((key & source_bit) == 0) {
    Stream& stream = *reinterpret_cast<Stream*>(key);
    attempt(stream, [&] { stream.on_events(event.events); });
  } else {
    try {
      reinterpret_cast<EventSource*>(key - source_bit)->on_events(event.events);
    } catch (...) {
      keep_exception();
    }
  }
}

std::size_t Loop::collect(std::optional<Time> until) {
  int timeout = -1;
  if (!unread_.empty() || last_ != nullptr) {
    timeout = 0;
  } else if (until) {
    timeout = timeout_until(*until);
  }
  const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout);
  if (count < 0 && errno != EINTR) throw std::system_error(last_error(), "epoll_wait");
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

}  // namespace wolframite::epoll
