#include "wolframite/resolver.hpp"

#include <netdb.h>

#include <cerrno>
#include <coroutine>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

namespace wolframite {
namespace {

class ResolverCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "resolver"; }
  std::string message(int value) const override { return gai_strerror(value); }
  std::error_condition default_error_condition(int value) const noexcept override {
    if (value == EAI_MEMORY) return std::errc::not_enough_memory;
    return {value, *this};
  }
};

struct Lookup {
  std::string host;
  std::uint16_t port;
  Loop* loop;
  std::coroutine_handle<> waiting{};  // null once nobody waits
  Result<std::vector<Endpoint>> outcome =
      tl::unexpected(std::make_error_code(std::errc::timed_out));
};

Result<std::vector<Endpoint>> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (error == EAI_BADFLAGS || error == EAI_NONAME) {
    // AI_ADDRCONFIG hides everything from a machine that has only its loopback.
    hints.ai_flags = 0;
    error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
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

class LookupAwaiter final : private Timer {
 public:
  LookupAwaiter(Loop& loop, std::string host, std::uint16_t port, std::optional<Time> latest)
      : lookup_(std::make_shared<Lookup>(Lookup{std::move(host), port, &loop})), latest_(latest) {}
  ~LookupAwaiter() {
    lookup_->waiting = nullptr;
    if (is_armed()) lookup_->loop->timers().disarm(*this);
  }

  bool await_ready() const noexcept { return false; }

  bool await_suspend(std::coroutine_handle<> frame) {
    try {
      // The thread reads host and port, which never change; the rest is the loop's.
      std::thread(&LookupAwaiter::run, lookup_, lookup_->loop->mailbox()).detach();
    } catch (const std::system_error& error) {
      failed_ = error.code();
      return false;
    }
    lookup_->waiting = frame;
    if (latest_) lookup_->loop->timers().arm(*this, *latest_);
    return true;
  }

  Result<std::vector<Endpoint>> await_resume() {
    if (failed_) return tl::unexpected(failed_);
    return std::move(lookup_->outcome);
  }

 private:
  static void run(std::shared_ptr<Lookup> lookup, std::shared_ptr<Mailbox> mailbox) {
    auto outcome = look_up(lookup->host, lookup->port);
    mailbox->post([lookup = std::move(lookup), outcome = std::move(outcome)]() mutable {
      if (!lookup->waiting) return;
      lookup->outcome = std::move(outcome);
      lookup->loop->resume(std::exchange(lookup->waiting, nullptr));
    });
  }

  void fire() override { lookup_->loop->resume(std::exchange(lookup_->waiting, nullptr)); }

  std::shared_ptr<Lookup> lookup_;
  std::optional<Time> latest_;
  std::error_code failed_;
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
