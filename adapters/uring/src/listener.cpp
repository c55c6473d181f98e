#include "listener.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace wolframite::uring {
namespace {

constexpr std::size_t enough = 64;  // sockets accepted ahead before no more are taken

}  // namespace

/// The request, which may outlive the listener.
class Acceptor::AcceptRequest final : public Request {
 public:
  AcceptRequest(Engine& engine, Acceptor& owner) : engine_(engine), owner_(&owner) {
    insert_before(engine.others);
    io_uring_sqe& entry = engine.begin(key());
    io_uring_prep_accept(&entry, owner.socket_.fd(), nullptr, nullptr,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (!engine.ring.is_plain()) entry.ioprio |= IORING_ACCEPT_MULTISHOT;
  }

  void complete(int result, bool more) override {
    Acceptor* const owner = owner_;
    if (!more) {
      engine_.ended();
      if (owner != nullptr) owner->request_ = nullptr;
      delete this;
    }
    if (owner != nullptr) return owner->on_accepted(result);
    if (result >= 0) ::close(result);
  }

  /// Asks for the end. What is accepted until then still comes.
  void cancel() noexcept {
    if (!std::exchange(cancelled_, true)) engine_.cancel(key());
  }
  void let_go() noexcept {
    forget();
    cancel();
  }
  void forget() noexcept { owner_ = nullptr; }

 private:
  [[nodiscard]] std::uint64_t key() const {
    return key_of(static_cast<const Request*>(this), Tag::request);
  }

  Engine& engine_;
  Acceptor* owner_;
  bool cancelled_ = false;
};

Acceptor::~Acceptor() {
  if (request_ == nullptr) return;
  // In a fork both are still used by the process that began it.
  if (loop_.is_in_fork()) {
    request_->forget();
    return;
  }
  // It keeps the socket until it has ended; nobody should be able to connect until then.
  ::shutdown(socket_.fd(), SHUT_RDWR);
  request_->let_go();
  engine().close(socket_.release());
}

bool Acceptor::try_accept() {
  if (!accepted_ && taken_ < ready_.size()) {
    accepted_.emplace(std::move(ready_[taken_++]));
    if (taken_ == ready_.size()) {
      ready_.clear();
      taken_ = 0;
    }
  }
  if (!accepted_ && request_ == nullptr && !is_armed())
    request_ = new AcceptRequest(engine(), *this);
  return accepted_.has_value();
}

void Acceptor::on_accepted(int result) {
  if (result >= 0) {
    succeeded();
    ready_.push_back(Socket::from_nonblocking(result));
    // Those nobody asks for are better off in the backlog.
    if (request_ != nullptr && ready_.size() - taken_ >= enough) request_->cancel();
  } else if (result != -ECANCELED) {
    static_cast<void>(retries_after(-result));
  }
  serve();
}

}  // namespace wolframite::uring
