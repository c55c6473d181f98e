#include "wolframite/resolver.hpp"

#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <coroutine>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "wolframite/detail/lookups.hpp"

namespace wolframite {

std::atomic<decltype(&getaddrinfo)> detail::get_addr_info = &getaddrinfo;

namespace {

using Outcome = Result<std::vector<Endpoint>>;

class ResolverCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "resolver"; }
  std::string message(int value) const override { return gai_strerror(value); }
  std::error_condition default_error_condition(int value) const noexcept override {
    if (value == EAI_MEMORY) return std::errc::not_enough_memory;
    return {value, *this};
  }
};

// Who waits for an outcome. Of its loop's thread alone, but for the mailbox.
struct Asker {
  Loop* loop;
  std::shared_ptr<Mailbox> mailbox;
  std::coroutine_handle<> frame{};  // null once nobody waits
  Outcome outcome = tl::unexpected(std::make_error_code(std::errc::timed_out));
};

Outcome look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const auto ask = detail::get_addr_info.load();
  int error = ask(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (error == EAI_BADFLAGS || error == EAI_NONAME) {
    // AI_ADDRCONFIG hides everything from a machine that has only its loopback.
    hints.ai_flags = 0;
    error = ask(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  }
  if (error == EAI_SYSTEM) return tl::unexpected(std::error_code(errno, std::system_category()));
  if (error != 0) return tl::unexpected(std::error_code(error, resolver_category()));
  std::vector<Endpoint> endpoints;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    const Endpoint endpoint(each->ai_addr, each->ai_addrlen);
    if (endpoint.is_ip()) endpoints.push_back(endpoint);
  }
  freeaddrinfo(list);
  return endpoints;
}

// The lookups of a process. Few threads make them, which end when there is nothing to do: names
// that nobody answers for must not cost a thread for each that asks.
class Lookups {
 public:
  // A fork has none of its parent's threads, and perhaps its lock held for ever: it begins anew.
  static Lookups& of_process() {
    static std::atomic<Lookups*> current = new Lookups(nullptr);
    Lookups* found = current.load();
    while (found->process_ != getpid()) {
      auto* const fresh = new Lookups(found);
      if (current.compare_exchange_strong(found, fresh)) return *fresh;
      delete fresh;
    }
    return *found;
  }

  // Throws std::system_error if there is no thread and none can be had.
  void add(const std::string& host, std::uint16_t port, const std::shared_ptr<Asker>& asker) {
    const std::lock_guard lock(mutex_);
    for (std::list<Lookup>* const each : {&running_, &queued_}) {
      const auto same = std::find_if(each->begin(), each->end(), [&](const Lookup& lookup) {
        return lookup.port == port && lookup.host == host;
      });
      if (same == each->end()) continue;
      same->askers.push_back(asker);
      return;
    }
    queued_.push_back({host, port, {asker}});
    if (threads_ == detail::most_lookups) return;
    try {
      std::thread(&Lookups::work, this).detach();
      ++threads_;
    } catch (const std::system_error&) {
      if (threads_ != 0) return;  // the others get to it
      queued_.pop_back();
      throw;
    }
  }

  // What nobody waits for any more is not begun.
  void remove(const std::shared_ptr<Asker>& asker) {
    const std::lock_guard lock(mutex_);
    for (std::list<Lookup>* const each : {&running_, &queued_}) {
      for (Lookup& lookup : *each) std::erase(lookup.askers, asker);
    }
    queued_.remove_if([](const Lookup& lookup) { return lookup.askers.empty(); });
  }

 private:
  struct Lookup {
    std::string host;
    std::uint16_t port;
    std::vector<std::shared_ptr<Asker>> askers;
  };

  explicit Lookups(const Lookups* before) : before_(before) {}

  void work() {
    std::unique_lock lock(mutex_);
    while (!queued_.empty()) {
      running_.splice(running_.end(), queued_, queued_.begin());
      const auto lookup = std::prev(running_.end());
      lock.unlock();
      const auto outcome = std::make_shared<const Outcome>(look_up_or_fail(*lookup));
      lock.lock();
      for (const std::shared_ptr<Asker>& each : lookup->askers) tell(each, outcome);
      running_.erase(lookup);
    }
    --threads_;
  }

  // The name and port of a lookup never change.
  static Outcome look_up_or_fail(const Lookup& lookup) {
    try {
      return look_up(lookup.host, lookup.port);
    } catch (const std::bad_alloc&) {
      return tl::unexpected(std::make_error_code(std::errc::not_enough_memory));
    }
  }

  static void tell(const std::shared_ptr<Asker>& asker,
                   const std::shared_ptr<const Outcome>& outcome) {
    asker->mailbox->post([asker, outcome] {
      if (!asker->frame) return;
      asker->outcome = *outcome;
      asker->loop->resume(std::exchange(asker->frame, nullptr));
    });
  }

  const pid_t process_ = getpid();
  [[maybe_unused]] const Lookups* const before_;  // the parent's, so that it counts as in use

  std::mutex mutex_;
  std::list<Lookup> queued_, running_;
  unsigned threads_ = 0;
};

class LookupAwaiter final : private Timer {
 public:
  LookupAwaiter(Loop& loop, std::string host, std::uint16_t port, std::optional<Time> latest)
      : asker_(std::make_shared<Asker>(Asker{&loop, loop.mailbox()})),
        host_(std::move(host)),
        port_(port),
        latest_(latest) {}
  ~LookupAwaiter() {
    asker_->frame = nullptr;
    Lookups::of_process().remove(asker_);
    if (is_armed()) asker_->loop->timers().disarm(*this);
  }

  bool await_ready() const noexcept { return false; }

  bool await_suspend(std::coroutine_handle<> frame) {
    try {
      Lookups::of_process().add(host_, port_, asker_);
    } catch (const std::system_error& error) {
      asker_->outcome = tl::unexpected(error.code());
      return false;
    }
    asker_->frame = frame;
    if (latest_) asker_->loop->timers().arm(*this, *latest_);
    return true;
  }

  Outcome await_resume() { return std::move(asker_->outcome); }

 private:
  void fire() override { asker_->loop->resume(std::exchange(asker_->frame, nullptr)); }

  const std::shared_ptr<Asker> asker_;
  const std::string host_;
  const std::uint16_t port_;
  const std::optional<Time> latest_;
};

}  // namespace

const std::error_category& resolver_category() noexcept {
  static const ResolverCategory category;
  return category;
}

Task<Result<std::vector<Endpoint>>> resolve(Loop& loop, std::string host, std::uint16_t port,
                                            std::optional<Time> latest) {
  if (const auto figures = Endpoint::ip(host, port)) co_return std::vector<Endpoint>{*figures};
  co_return co_await LookupAwaiter(loop, std::move(host), port, latest);
}

}  // namespace wolframite
