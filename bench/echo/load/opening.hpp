// Opening connections, one after the other, before anything is measured.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"
#include "transport.hpp"

namespace load {

/// The server, and how it is spoken to.
class Target {
 public:
  explicit Target(const Options& options);

  /// Connects, and asks for nothing yet.
  [[nodiscard]] Transport connect() const { return {port_, tls_ ? &*tls_ : nullptr}; }
  /// Connects and has the upgrade done.
  [[nodiscard]] Transport open() const;
  /// Opens many.
  [[nodiscard]] std::vector<Transport> open(std::size_t count) const;

  [[nodiscard]] std::string_view request() const { return request_; }
  /// Whether the answer's head is complete; ends the program if it is not the one expected.
  [[nodiscard]] bool accepts(std::string_view answer) const;

 private:
  std::uint16_t port_;
  bool deflate_;
  std::optional<TlsClient> tls_;
  std::string request_;
};

/// Waits until `transport` has something to read.
void wait_for_input(const Transport& transport);
/// Writes all of `bytes`, waiting where needed.
void write_all(Transport& transport, std::string_view bytes);
/// Reads exactly `size` octets, waiting where needed.
[[nodiscard]] std::string read_exactly(Transport& transport, std::size_t size);

/// Lets this process have as many descriptors as it may.
void raise_descriptor_limit();

}  // namespace load
