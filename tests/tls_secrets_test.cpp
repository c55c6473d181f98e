// Invariant: no block of memory that is freed while a context is made still has a private key or
// its passphrase in it.
#include <doctest/doctest.h>
#include <openssl/crypto.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <string_view>

#include "certificates.hpp"
#include "wolframite/tls_context.hpp"

namespace {

// What is looked for in freed blocks, and how many had it.
std::string_view needle;
std::size_t found = 0;

void inspect(const void* block, std::size_t size) {
  if (!needle.empty() && block != nullptr && size >= needle.size() &&
      memmem(block, size, needle.data(), needle.size()) != nullptr) {
    ++found;
  }
}

void* made(std::size_t size) {
  void* const block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void inspected(void* block, std::size_t size) {
  inspect(block, size);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) { return made(size); }
void* operator new[](std::size_t size) { return made(size); }
void operator delete(void* block) noexcept { inspected(block, 0); }
void operator delete[](void* block) noexcept { inspected(block, 0); }
void operator delete(void* block, std::size_t size) noexcept { inspected(block, size); }
void operator delete[](void* block, std::size_t size) noexcept { inspected(block, size); }

using namespace wolframite;
using namespace wolframite::test;

TEST_CASE("a key that was read from a file, and its passphrase, are wiped wherever they were") {
  const std::string passphrase = "correct horse battery staple, long enough for the heap";
  for (const bool locked : {false, true}) {
    CAPTURE(locked);
    TlsServerOptions options;
    options.identity = server_identity();
    const std::string key =
        locked ? encrypted(server_identity(), passphrase).text : options.identity.key.text;
    if (locked) options.identity.passphrase = passphrase;
    char path[] = "/tmp/wolframite-test-XXXXXX";
    const int descriptor = mkstemp(path);
    REQUIRE(descriptor >= 0);
    std::fclose(fdopen(descriptor, "w"));
    std::ofstream(path) << key;
    options.identity.key = {.file = path};
    for (const std::string_view secret :
         {std::string_view(key).substr(60, 32), std::string_view(passphrase)}) {
      needle = secret;
      found = 0;
      const bool usable = TlsContext::server(options).has_value();
      needle = {};
      CHECK(usable);
      CHECK(found == 0);
    }
    std::remove(path);
  }
}
