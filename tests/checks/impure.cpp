// Everything the core must not do, for the purity check to find.
#include <sys/random.h>

#include <chrono>

long impure() {
  long octets = 0;
  const auto count = getrandom(&octets, sizeof octets, 0);
  return octets + count + std::chrono::steady_clock::now().time_since_epoch().count();
}
