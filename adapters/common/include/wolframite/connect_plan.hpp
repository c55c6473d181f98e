/// @file
/// The order and the times in which to try the addresses of a host (RFC 8305).
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <system_error>
#include <vector>

#include "wolframite/connection.hpp"
#include "wolframite/socket.hpp"

#pragma GCC visibility push(default)
namespace wolframite {

/// Puts the families in turn, beginning with that of the first address, each in the order the
/// resolver gave (RFC 8305 §4).
[[nodiscard]] std::vector<Endpoint> interleave_families(std::vector<Endpoint> endpoints);

/// Decides when to begin which attempt, and does no I/O. The owner begins what `next` gives until
/// it gives nothing, and asks again at `deadline()` or when an attempt has failed. The first to
/// succeed wins.
class ConnectPlan {
 public:
  static constexpr std::chrono::milliseconds default_delay{250};  ///< RFC 8305 §5

  /// Tries `endpoints`, their families in turn, each `delay` after the one before unless that fails
  /// sooner.
  explicit ConnectPlan(std::vector<Endpoint> endpoints,
                       std::chrono::milliseconds delay = default_delay);

  /// The endpoint to try now, if any is due.
  [[nodiscard]] const Endpoint* next(Time now);

  /// Tells that an attempt has failed; the next one may begin at once.
  void failed(std::error_code why);

  /// When the next attempt is due; none if no endpoint is left, or one may begin at once.
  [[nodiscard]] std::optional<Time> deadline() const;

  /// Whether every endpoint was tried and failed.
  [[nodiscard]] bool is_exhausted() const { return begun_ == endpoints_.size() && running_ == 0; }

  /// Why the last attempt failed; `errc::address_not_available` if there was no endpoint at all.
  [[nodiscard]] std::error_code error() const { return error_; }

 private:
  std::vector<Endpoint> endpoints_;
  std::chrono::milliseconds delay_;
  std::size_t begun_ = 0;
  std::size_t running_ = 0;
  std::optional<Time> due_;  // when endpoints_[begun_] is to be tried; none means at once
  std::error_code error_;
};

}  // namespace wolframite
#pragma GCC visibility pop
