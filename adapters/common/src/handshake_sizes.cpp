#include "wolframite/detail/handshake_sizes.hpp"

#include <openssl/ssl3.h>

#include <algorithm>
#include <cstring>

namespace wolframite::detail {
namespace {

/// Moves as many bytes as `header` lacks from the front of `bytes`. Returns whether it is whole.
template <std::size_t size>
bool fill(std::array<std::uint8_t, size>& header, std::uint8_t& filled, ConstBytes& bytes) {
  const std::size_t taken = std::min(size - filled, bytes.size());
  std::memcpy(header.data() + filled, bytes.data(), taken);
  filled = static_cast<std::uint8_t>(filled + taken);
  bytes = bytes.subspan(taken);
  return filled == size;
}

}  // namespace

bool HandshakeSizes::allows(ConstBytes bytes, bool ciphers_change) {
  while (!bytes.empty() && !encrypted_) {
    if (record_left_ == 0) {
      if (!fill(record_, record_filled_, bytes)) break;
      record_filled_ = 0;
      record_left_ = static_cast<std::size_t>(record_[3]) << 8U | record_[4];
      encrypted_ = ciphers_change && record_[0] == SSL3_RT_CHANGE_CIPHER_SPEC;
      continue;
    }
    ConstBytes part = bytes.first(std::min(record_left_, bytes.size()));
    bytes = bytes.subspan(part.size());
    record_left_ -= part.size();
    if (record_[0] != SSL3_RT_HANDSHAKE) continue;
    while (!part.empty()) {
      const std::size_t body = std::min(message_left_, part.size());
      part = part.subspan(body);
      message_left_ -= body;
      if (message_left_ == 0 && fill(message_, message_filled_, part) && !begin_message()) {
        return false;
      }
    }
  }
  return true;
}

bool HandshakeSizes::begin_message() {
  message_filled_ = 0;
  message_left_ = static_cast<std::size_t>(message_[1]) << 16U |
                  static_cast<std::size_t>(message_[2]) << 8U | message_[3];
  const bool certificates =
      message_[0] == SSL3_MT_CERTIFICATE || message_[0] == SSL3_MT_CERTIFICATE_REQUEST;
  // OpenSSL bounds those itself: SSL_CTX_set_max_cert_list.
  return certificates || message_left_ <= max_message;
}

}  // namespace wolframite::detail
