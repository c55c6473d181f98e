// A libcrypto that has no SHA-1.
#pragma once

#include <string_view>
#include <utility>

#include "../core/src/sha1.hpp"

namespace wolframite::test {

/// There is no SHA-1 as long as this lives.
class WithoutSha1 {
 public:
  WithoutSha1()
      : before_(std::exchange(detail::sha1,
                              [](std::string_view, detail::Sha1Digest&) { return false; })) {}
  WithoutSha1(const WithoutSha1&) = delete;
  WithoutSha1& operator=(const WithoutSha1&) = delete;
  ~WithoutSha1() { detail::sha1 = before_; }

 private:
  detail::Sha1 before_;
};

}  // namespace wolframite::test
