#include "secret_bytes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace wolframite {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// PEM of this size would be thousands of certificates.
constexpr std::size_t max_file = 64 * 1024 * 1024;

}  // namespace

bool read_secret_file(const std::string& path, SecretBytes& out) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return false;
  // One more than a file has, so that its end is met without growing. A pipe has no size.
  constexpr std::size_t least = 4096;
  const auto known = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  if (known > max_file) return false;
  out.resize(std::max(known + 1, least));
  std::size_t filled = 0;
  for (;;) {
    if (filled == out.size()) {
      if (filled > max_file) return false;
      out.resize(2 * filled);
    }
    const ssize_t got = ::read(file.get(), out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  out.resize(filled);
  return true;
}

}  // namespace wolframite
