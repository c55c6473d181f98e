#include "listener.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace wolframite::epoll {
namespace {

constexpr int turn_budget = 64;  // connections accepted in one turn

}  // namespace

Acceptor::~Acceptor() { epoll_loop().forget(socket_.fd(), this); }

std::error_code Acceptor::begin() {
  return epoll_loop().watch(socket_.fd(), EPOLLIN | EPOLLET, *this);
}

bool Acceptor::try_accept() {
  if (accepted_) return true;
  if (!readable_ || is_armed()) return false;
  if (turn_ != loop_.now()) {
    turn_ = loop_.now();
    accepted_in_turn_ = 0;
  }
  if (accepted_in_turn_ == turn_budget) {
    loop_.timers().arm(*this, loop_.now());  // go on in the next turn
    return false;
  }
  for (;;) {
    const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      ++accepted_in_turn_;
      succeeded();
      accepted_.emplace(Socket::from_nonblocking(fd));
      return true;
    }
    if (errno == EAGAIN) {
      readable_ = false;
      return false;
    }
    // Those who wait in the backlog stay there: no edge tells of them, so a timer has to.
    if (!retries_after(errno)) return accepted_.has_value();
  }
}

void Acceptor::on_events(std::uint32_t) {
  readable_ = true;
  serve();
}

}  // namespace wolframite::epoll
