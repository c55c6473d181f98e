// Invariant: shared bytes stay where they are, and stay at all, as long as one owner is left.
#include "wolframite/bytes.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace wolframite;

TEST_CASE("shared bytes take over a string and a vector without a copy") {
  std::string text(100, 'a');
  const void* const text_at = text.data();
  const SharedBytes from_text(std::move(text));
  CHECK(from_text.bytes().data() == text_at);
  CHECK(from_text.size() == 100);

  std::vector<std::byte> octets(100, std::byte{7});
  const void* const octets_at = octets.data();
  const SharedBytes from_octets(std::move(octets));
  CHECK(from_octets.bytes().data() == octets_at);
  CHECK(from_octets.bytes().back() == std::byte{7});
}

TEST_CASE("a copy is the caller's no more, and outlives every owner but the last") {
  std::string text = "payload";
  SharedBytes last;
  CHECK(last.size() == 0);
  {
    const SharedBytes copy = SharedBytes::copy_of(bytes_of(text));
    text.assign("changed");
    last = copy;
  }
  CHECK(text_of(last.bytes()) == "payload");
}

TEST_CASE("what was moved from shares nothing any more") {
  SharedBytes first = SharedBytes::copy_of(bytes_of("payload"));
  SharedBytes second = std::move(first);
  CHECK(first.size() == 0);
  CHECK(text_of(second.bytes()) == "payload");

  SharedBytes third(std::string("another"));
  third = std::move(second);
  CHECK(second.size() == 0);
  CHECK(text_of(third.bytes()) == "payload");

  SharedBytes& itself = third;
  third = std::move(itself);
  CHECK(text_of(third.bytes()) == "payload");
}
