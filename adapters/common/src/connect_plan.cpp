#include "wolframite/connect_plan.hpp"

#include <algorithm>
#include <utility>

namespace wolframite {

std::vector<Endpoint> interleave_families(std::vector<Endpoint> endpoints) {
  if (endpoints.empty()) return endpoints;
  const int family = endpoints.front().family();
  const auto others =
      std::stable_partition(endpoints.begin(), endpoints.end(),
                            [&](const Endpoint& each) { return each.family() == family; });
  std::vector<Endpoint> mixed;
  mixed.reserve(endpoints.size());
  auto first = endpoints.begin();
  auto second = others;
  while (first != others || second != endpoints.end()) {
    if (first != others) mixed.push_back(*first++);
    if (second != endpoints.end()) mixed.push_back(*second++);
  }
  return mixed;
}

ConnectPlan::ConnectPlan(std::vector<Endpoint> endpoints, std::chrono::milliseconds delay)
    : endpoints_(interleave_families(std::move(endpoints))),
      delay_(delay),
      error_(std::make_error_code(std::errc::address_not_available)) {}

const Endpoint* ConnectPlan::next(Time now) {
  if (begun_ == endpoints_.size() || (due_ && now < *due_)) return nullptr;
  ++running_;
  due_ = later(now, delay_);
  return &endpoints_[begun_++];
}

void ConnectPlan::failed(std::error_code why) {
  --running_;
  error_ = why;
  due_.reset();
}

std::optional<Time> ConnectPlan::deadline() const {
  return begun_ == endpoints_.size() ? std::nullopt : due_;
}

}  // namespace wolframite
