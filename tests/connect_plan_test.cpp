// A plan tries every address once, the families in turn, each after the delay or as soon as the one
// before has failed (RFC 8305 §4, §5); time is virtual.
#include "wolframite/connect_plan.hpp"

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <vector>

namespace wolframite {
namespace {

using namespace std::chrono_literals;

Endpoint ip(const char* address) { return *Endpoint::ip(address, 80); }
const Time start = Time(1h);
const std::error_code refused = std::make_error_code(std::errc::connection_refused);

TEST_CASE("families alternate, beginning with the resolver's first, each in its order") {
  const auto mixed = interleave_families(
      {ip("2001:db8::1"), ip("2001:db8::2"), ip("2001:db8::3"), ip("192.0.2.1"), ip("192.0.2.2")});
  REQUIRE(mixed.size() == 5);
  CHECK(mixed[0] == ip("2001:db8::1"));
  CHECK(mixed[1] == ip("192.0.2.1"));
  CHECK(mixed[2] == ip("2001:db8::2"));
  CHECK(mixed[3] == ip("192.0.2.2"));
  CHECK(mixed[4] == ip("2001:db8::3"));
  CHECK(interleave_families({ip("192.0.2.1"), ip("2001:db8::1")}).front() == ip("192.0.2.1"));
  CHECK(interleave_families({}).empty());
}

TEST_CASE("the next attempt begins after the delay") {
  ConnectPlan plan({ip("192.0.2.1"), ip("192.0.2.2")});
  const Endpoint* const first = plan.next(start);
  REQUIRE(first != nullptr);
  CHECK(*first == ip("192.0.2.1"));
  CHECK(plan.next(start) == nullptr);
  CHECK(plan.deadline() == start + 250ms);
  CHECK(plan.next(start + 249ms) == nullptr);
  const Endpoint* const second = plan.next(start + 250ms);
  REQUIRE(second != nullptr);
  CHECK(*second == ip("192.0.2.2"));
  CHECK_FALSE(plan.deadline());
  CHECK_FALSE(plan.is_exhausted());
}

TEST_CASE("the next attempt begins at once when one has failed") {
  ConnectPlan plan({ip("192.0.2.1"), ip("192.0.2.2")});
  REQUIRE(plan.next(start) != nullptr);
  plan.failed(refused);
  CHECK_FALSE(plan.deadline());
  CHECK_FALSE(plan.is_exhausted());
  REQUIRE(plan.next(start) != nullptr);
  CHECK_FALSE(plan.is_exhausted());
  plan.failed(std::make_error_code(std::errc::network_unreachable));
  CHECK(plan.is_exhausted());
  CHECK(plan.error() == std::errc::network_unreachable);
}

TEST_CASE("a plan waits for all attempts under way before it gives up") {
  ConnectPlan plan({ip("192.0.2.1"), ip("192.0.2.2")}, 0ms);
  REQUIRE(plan.next(start) != nullptr);
  REQUIRE(plan.next(start) != nullptr);
  plan.failed(refused);
  CHECK_FALSE(plan.is_exhausted());
  plan.failed(refused);
  CHECK(plan.is_exhausted());
}

TEST_CASE("a plan without addresses is exhausted from the start") {
  ConnectPlan plan({});
  CHECK(plan.next(start) == nullptr);
  CHECK(plan.is_exhausted());
  CHECK(plan.error() == std::errc::address_not_available);
}

}  // namespace
}  // namespace wolframite
