#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "listener.hpp"
#include "stream.hpp"

namespace wolframite::uring {
namespace {

/// An attempt to connect. It has a copy of the address, which must stay until the kernel has taken
/// it.
class ConnectRequest final : public Request {
 public:
  ConnectRequest(Engine& engine, ConnectAttempt& attempt)
      : engine_(engine), attempt_(&attempt), endpoint_(attempt.endpoint) {
    insert_before(engine.others);
    io_uring_sqe& entry = engine.begin(key());
    io_uring_prep_connect(&entry, attempt.socket.fd(), endpoint_.data(), endpoint_.size());
    attempt.pending = this;
  }

  void complete(int result, bool) override {
    engine_.ended();
    ConnectAttempt* const attempt = attempt_;
    delete this;
    if (attempt == nullptr) return;
    attempt->pending = nullptr;
    attempt->connected({-result, std::system_category()});
  }

  /// Asks for the end. The descriptor is closed behind that, and not by the caller: until then its
  /// number must not come to mean another socket.
  void abort() noexcept {
    engine_.cancel(key());
    engine_.close(std::exchange(attempt_, nullptr)->socket.release());
  }
  /// Leaves it to the process that this one is a fork of.
  void forget() noexcept { attempt_ = nullptr; }

 private:
  [[nodiscard]] std::uint64_t key() const {
    return key_of(static_cast<const Request*>(this), Tag::request);
  }

  Engine& engine_;
  ConnectAttempt* attempt_;  // null once it was taken back
  Endpoint endpoint_;
};

std::size_t checked_buffer_size(const LoopOptions& options) {
  constexpr std::size_t least = 1U << 10U, most = 16U << 20U;
  if (options.buffer_size < least || options.buffer_size > most) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "uring::LoopOptions::buffer_size is " +
                                std::to_string(options.buffer_size) + ", not 1 KiB to 16 MiB");
  }
  return options.buffer_size;
}

// Brings what the next result needs into the cache.
void prefetch(std::uint64_t key) {
  const auto tag = static_cast<Tag>(key & tag_bits);
  if (tag == Tag::receive || tag == Tag::send)
    StreamCore::prefetch(reinterpret_cast<const Stream*>(key & ~tag_bits));
}

}  // namespace

void Engine::cancel(std::uint64_t key) noexcept {
  io_uring_sqe& entry = ring.request();
  io_uring_prep_cancel64(&entry, key, 0);
  entry.user_data = 0;
  if ((ring.handle().features & IORING_FEAT_CQE_SKIP) != 0) entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void Engine::close(int fd) noexcept {
  if (!ring.is_ours()) {
    ::close(fd);
    return;
  }
  io_uring_sqe& entry = ring.request();
  io_uring_prep_close(&entry, fd);
  entry.user_data = 0;
  if ((ring.handle().features & IORING_FEAT_CQE_SKIP) != 0) entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
}

Loop::Loop(const LoopOptions& options)
    : wolframite::Loop(checked_buffer_size(options), options.max_buffers),
      engine_(std::make_unique<Engine>(options, buffers())) {
  if (!engine_->ring.is_plain() && engine_->buffers.enrol(engine_->ring.handle()) < 0) {
    engine_->ring.make_plain();
  }
  watch_mailbox();
}

Loop::~Loop() {
  destroy_all();
  while (engine_->others.is_linked()) delete static_cast<Request*>(engine_->others.next);
}

int Loop::fd() const { return engine_->ring.fd(); }
bool Loop::is_plain() const { return engine_->ring.is_plain(); }
std::size_t Loop::requests() const { return engine_->requests; }
std::size_t Loop::posted_buffers() const { return engine_->buffers.posted(); }
std::uint64_t Loop::buffer_shortages() const { return engine_->buffers.shortages(); }

void Loop::watch_mailbox() {
  io_uring_sqe& entry = engine_->ring.request();
  io_uring_prep_poll_add(&entry, mailbox()->fd(), POLLIN);
  if (!is_plain()) entry.len = IORING_POLL_ADD_MULTI;
  entry.user_data = key_of(nullptr, Tag::mailbox);
}

Result<StreamCore*> Loop::adopt(Socket socket, Connection connection) {
  if (!socket.is_open())
    return tl::unexpected(std::make_error_code(std::errc::bad_file_descriptor));
  engine_->reserve(expect_stream());
  auto* const stream = new Stream(*this, std::move(socket), std::move(connection));
  try {
    stream->begin_receive();
  } catch (...) {
    stream->abandon();
    throw;
  }
  return stream;
}

Result<std::unique_ptr<Listener>> Loop::listen(Socket socket, Endpoint local) {
  return std::make_unique<Acceptor>(*this, std::move(socket), local);
}

std::error_code Loop::begin_connect(ConnectAttempt& attempt) {
  new ConnectRequest(*engine_, attempt);  // deletes itself
  return {};
}

void Loop::abort_connect(ConnectAttempt& attempt) noexcept {
  auto* const request = static_cast<ConnectRequest*>(std::exchange(attempt.pending, nullptr));
  is_in_fork() ? request->forget() : request->abort();
}

void Loop::begin_sends() noexcept {
  engine_->sending.hand_out(
      [this](Stream& stream) { attempt(stream, [&] { stream.begin_send(); }); });
}

// No more of them than there are buffers: the rest would only be told again that there are none.
void Loop::feed_starved() {
  Starved& starved = engine_->starved;
  starved.begin_turn();
  for (std::size_t left = engine_->buffers.posted(); left > 0 && !starved.empty(); --left) {
    Stream& stream = starved.take();
    attempt(stream, [&] { stream.feed(); });
  }
}

void Loop::wait(std::optional<Time> until) {
  Engine& shared = *engine_;
  begin_sends();
  shared.buffers.replenish();
  feed_starved();
  const bool at_once = !shared.unread.empty() || !shared.starved.empty();
  shared.ring.wait(at_once ? Time::min() : until);
  update_now();
  if (shared.ring.is_submitted()) shared.gathered = 0;
  // Those that have waited for this turn come first.
  shared.unread.hand_out([this](Stream& stream) {
    stream.dequeue();
    attempt(stream, [&] { stream.read(); });
  });
  shared.ring.drain(
      [this](std::uint64_t key, int result, unsigned flags) { dispatch(key, result, flags); },
      prefetch);
}

void Loop::submit() {
  Engine& shared = *engine_;
  begin_sends();
  shared.buffers.replenish();
  if (shared.ring.is_submitted()) return;
  shared.ring.submit();
  if (shared.ring.is_submitted()) shared.gathered = 0;
}

void Loop::dispatch(std::uint64_t key, int result, unsigned flags) noexcept {
  const std::uint64_t address = key & ~tag_bits;
  const auto tag = static_cast<Tag>(key & tag_bits);
  if (tag == Tag::receive || tag == Tag::send) {
    Stream& stream = *reinterpret_cast<Stream*>(address);
    return attempt(stream, [&] {
      tag == Tag::receive ? stream.on_received(result, flags) : stream.on_sent(result);
    });
  }
  const bool more = (flags & IORING_CQE_F_MORE) != 0;
  try {
    if (tag == Tag::request) return reinterpret_cast<Request*>(address)->complete(result, more);
    if (tag != Tag::mailbox) return;
    mailbox()->clear();
    if (!more && !engine_->ending) watch_mailbox();
  } catch (...) {
    keep_exception();
  }
}

// By now all that is left are requests of closed streams, asked to end already.
void Loop::quiesce() noexcept {
  Engine& shared = *engine_;
  shared.ending = true;
  submit();
  while (shared.requests > 0) {
    // Not so if the thread that ran this has ended: then none of its requests will be carried on,
    // and the end of the ring ends them.
    if (!shared.ring.wait_for_results()) return;
    shared.ring.drain(
        [this](std::uint64_t key, int result, unsigned flags) { dispatch(key, result, flags); },
        [](std::uint64_t) {});
  }
}

}  // namespace wolframite::uring
