#include "wolframite/options.hpp"

namespace wolframite {

Result<std::optional<TlsContext>> Connector::context(bool secure) const {
  if (!secure) return std::nullopt;
  if (plain_) return tl::unexpected(std::make_error_code(std::errc::protocol_not_supported));
  if (context_) return context_;
  static const Result<TlsContext> shared = TlsContext::client();
  if (!shared) return tl::unexpected(shared.error());
  return std::optional(*shared);
}

}  // namespace wolframite
