#include "ring.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>

namespace wolframite::uring {
namespace {

constexpr unsigned most_submissions = 32768;  // what the kernel takes
constexpr const char* instead = "; epoll::Loop does without";

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::system_category(), what + instead);
}

std::string explain(int error) {
  switch (error) {
    case EPERM:
      return "io_uring_setup: not permitted here (sysctl kernel.io_uring_disabled, or a seccomp "
             "filter)";
    case ENOSYS:
      return "io_uring_setup: neither this kernel nor a seccomp filter knows it";
    case ENOMEM:
      return "io_uring_setup: no memory, or less than RLIMIT_MEMLOCK allows";
    default:
      return "io_uring_setup";
  }
}

}  // namespace

Ring::Ring(const LoopOptions& options) {
  set_up(options);
  try {
    probe();
  } catch (...) {
    io_uring_queue_exit(&ring_);
    throw;
  }
}

Ring::~Ring() { io_uring_queue_exit(&ring_); }

// The ring starts disabled and belongs to the thread that enables it, so that a loop may be made by
// one thread and run by another.
void Ring::set_up(const LoopOptions& options) {
  constexpr unsigned basic = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  constexpr unsigned newer =
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
  int result = -EINVAL;
  for (const unsigned flags : {basic | newer, basic}) {
    plain_ = flags == basic;
    if (options.plain && !plain_) continue;
    io_uring_params parameters{};
    parameters.flags = flags;
    const unsigned submissions = std::clamp(options.submissions, 1U, most_submissions);
    // The kernel has room for the results of all that is handed over at a time.
    parameters.cq_entries = std::max(options.completions, std::bit_ceil(submissions));
    result = io_uring_queue_init_params(submissions, &ring_, &parameters);
    if (result != -EINVAL) break;
  }
  if (result == -EINVAL)
    fail(ENOSYS, "io_uring: this kernel cannot start one disabled (Linux 5.10)");
  if (result < 0) fail(-result, explain(-result));
}

void Ring::probe() {
  if ((ring_.features & IORING_FEAT_EXT_ARG) == 0) {
    fail(ENOSYS, "io_uring: this kernel cannot wait for a time (IORING_FEAT_EXT_ARG, Linux 5.11)");
  }
  const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> found(
      io_uring_get_probe_ring(&ring_), io_uring_free_probe);
  if (!found)
    fail(ENOSYS, "io_uring: this kernel does not tell what it knows (IORING_REGISTER_PROBE)");
  struct Needed {
    int code;
    const char* name;
  };
  for (const auto& [code, name] :
       {Needed{IORING_OP_POLL_ADD, "POLL_ADD"}, Needed{IORING_OP_ACCEPT, "ACCEPT"},
        Needed{IORING_OP_CONNECT, "CONNECT"}, Needed{IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
        Needed{IORING_OP_CLOSE, "CLOSE"}}) {
    if (io_uring_opcode_supported(found.get(), code) == 0) {
      fail(ENOSYS, std::string("io_uring: this kernel lacks IORING_OP_") + name);
    }
  }
  for (const int code : {IORING_OP_SEND, IORING_OP_SENDMSG, IORING_OP_RECV}) {
    if (io_uring_opcode_supported(found.get(), code) == 0) plain_ = true;
  }
}

int Ring::enable() noexcept {
  if (enabled_) return 0;
  // Called by its number, since liburing 2.3 forgets to export io_uring_enable_rings.
  const int result = io_uring_register(static_cast<unsigned>(ring_.ring_fd),
                                       IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  enabled_ = result >= 0;
  owner_ = std::this_thread::get_id();
  return result;
}

io_uring_sqe& Ring::request() {
  if (backlog_.empty()) {
    if (io_uring_sqe* const entry = io_uring_get_sqe(&ring_)) return *entry;
    if (enabled_) submit();
    if (backlog_.empty()) {
      if (io_uring_sqe* const entry = io_uring_get_sqe(&ring_)) return *entry;
    }
  }
  return backlog_.emplace_back();
}

void Ring::move_backlog() noexcept {
  while (!backlog_.empty()) {
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) return;
    *entry = backlog_.front();
    backlog_.pop_front();
  }
}

void Ring::submit() noexcept {
  if (enable() < 0) return;
  do {
    move_backlog();
    int result = 0;
    do {
      result = io_uring_submit(&ring_);
    } while (result == -EINTR);
    if (result < 0) return;
  } while (!backlog_.empty());
}

void Ring::wait(std::optional<Time> until) {
  int result = enable();
  if (result < 0) throw std::system_error(-result, std::system_category(), "io_uring_register");
  if (!backlog_.empty()) submit();
  using namespace std::chrono;
  const Time now = steady_clock::now();
  // Compared before it is subtracted: it may be Time::min().
  const nanoseconds left = until && *until > now ? *until - now : nanoseconds::zero();
  if (until && left == nanoseconds::zero()) {
    result = io_uring_submit_and_get_events(&ring_);
  } else {
    __kernel_timespec timeout{};
    timeout.tv_sec = duration_cast<seconds>(left).count();
    timeout.tv_nsec = (left % seconds(1)).count();
    io_uring_cqe* entry = nullptr;
    result =
        io_uring_submit_and_wait_timeout(&ring_, &entry, 1, until ? &timeout : nullptr, nullptr);
  }
  // Busy and "again" mean that results have to be taken, or memory to become free, before more is
  // accepted.
  if (result < 0 && result != -ETIME && result != -EINTR && result != -EBUSY && result != -EAGAIN) {
    throw std::system_error(-result, std::system_category(), "io_uring_enter");
  }
}

bool Ring::wait_for_results() noexcept {
  submit();
  io_uring_cqe* entry = nullptr;
  const int result = io_uring_submit_and_wait_timeout(&ring_, &entry, 1, nullptr, nullptr);
  return result >= 0 || result == -EINTR || result == -EBUSY || result == -EAGAIN;
}

}  // namespace wolframite::uring
