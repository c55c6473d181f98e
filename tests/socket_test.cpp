// An endpoint is what was asked for, and a socket closes itself and never blocks.
#include "wolframite/socket.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <ostream>
#include <string>

namespace wolframite {
namespace {

std::string text(const char* address) {
  const auto endpoint = Endpoint::ip(address, 80);
  return endpoint ? endpoint->to_string() : "error";
}

TEST_CASE("addresses in figures") {
  CHECK(text("127.0.0.1") == "127.0.0.1:80");
  CHECK(text("::1") == "[::1]:80");
  CHECK(text("[2001:db8::1]") == "[2001:db8::1]:80");
  CHECK(text("fe80::1%7") == "[fe80::1%7]:80");
  for (const char* bad : {"", "localhost", "1.2.3", "1.2.3.4.5", "256.0.0.1", ":::", "[::1", "::1]",
                          "fe80::1%", "fe80::1%no-such-interface", "127.0.0.1 "}) {
    CAPTURE(bad);
    CHECK(text(bad) == "error");
  }
  CHECK_FALSE(Endpoint::ip(std::string_view("127.0.0.1\0x", 11), 80));
  CHECK(Endpoint::ip("127.0.0.1", 80)->port() == 80);
  CHECK(*Endpoint::ip("::1", 1) == *Endpoint::ip("[::1]", 1));
  CHECK_FALSE(*Endpoint::ip("::1", 1) == *Endpoint::ip("::1", 2));
}

TEST_CASE("Unix paths") {
  CHECK(Endpoint::unix_path("/run/x.sock")->to_string() == "unix:/run/x.sock");
  CHECK(Endpoint::unix_path(std::string_view("\0name", 5))->to_string() == "unix:@name");
  CHECK(Endpoint::unix_path("/x")->port() == 0);
  CHECK(Endpoint::unix_path(std::string(107, 'x')));
  CHECK(Endpoint::unix_path(std::string(108, 'x')).error() == std::errc::filename_too_long);
  CHECK(Endpoint::unix_path("").error() == std::errc::invalid_argument);
}

TEST_CASE("a socket closes itself, once") {
  int fd = -1;
  {
    auto pair = Socket::pair();
    REQUIRE(pair);
    Socket moved = std::move(pair->first);
    fd = moved.fd();
    CHECK_FALSE(pair->first.is_open());
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  }
  CHECK(fcntl(fd, F_GETFD) == -1);
  CHECK(errno == EBADF);
}

TEST_CASE("a foreign descriptor is made non-blocking and close-on-exec") {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(fd >= 0);
  Socket socket(fd);
  CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
  CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK(socket.release() == fd);
  CHECK_FALSE(socket.is_open());
  ::close(fd);
}

TEST_CASE("disabling Nagle's algorithm is harmless on a Unix socket") {
  auto pair = Socket::pair();
  REQUIRE(pair);
  CHECK_FALSE(pair->first.disable_nagle());
  auto tcp = Socket::open(AF_INET);
  REQUIRE(tcp);
  CHECK_FALSE(tcp->disable_nagle());
}

TEST_CASE("what the system refuses is an error code") {
  CHECK(Socket::open(12345).error() == std::errc::address_family_not_supported);
  Socket none;
  CHECK(none.local_endpoint().error() == std::errc::bad_file_descriptor);
  CHECK(none.remote_endpoint().error() == std::errc::bad_file_descriptor);
}

}  // namespace
}  // namespace wolframite
