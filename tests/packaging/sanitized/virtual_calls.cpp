// Under -fsanitize=undefined: virtual functions of objects that the core has made are called as
// what they are.
#include <cstdio>
#include <memory>

#include <wolframite/connection.hpp>
#include <wolframite/observer.hpp>

int main() {
  using namespace wolframite;
  auto counters = std::make_unique<Counters>();
  Observer* const observer = counters.get();
  observer->frame_received(FrameHeader{}, Time::min());
  std::printf("counted %d\n", static_cast<int>(counters->received().frames));
  SharedBytes copy;
  {
    const SharedBytes first = SharedBytes::copy_of(bytes_of("hello"));
    copy = first;
  }
  std::printf("read %zu\n", copy.size());
}
