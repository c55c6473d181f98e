/// @file
/// The sizes that a TLS peer announces in its handshake.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "wolframite/bytes.hpp"

#pragma GCC visibility push(default)
namespace wolframite::detail {

/// Reads along while OpenSSL is given a peer's handshake, as long as that is in the clear, and
/// finds messages that announce too much. OpenSSL makes room for a message as soon as it has its
/// header.
///
///     [type, version, length]  [type, length | body ..    records (RFC 8446 §5.1)
///                                            .. body]     and messages (§4) in them, cut anywhere
class HandshakeSizes {
 public:
  /// The largest message but those with certificates, in bytes: OpenSSL has that much room from the
  /// start. BoringSSL draws the same line.
  static constexpr std::size_t max_message = 16 * 1024;
  /// The largest certificate chain or list of authorities, in bytes.
  static constexpr std::size_t max_certificates = 64 * 1024;

  /// Takes the next bytes of the stream, and returns whether OpenSSL may have them.
  /// `ciphers_change` tells whether a ChangeCipherSpec record ends the clear text: before TLS 1.3.
  [[nodiscard]] bool allows(ConstBytes bytes, bool ciphers_change);

 private:
  [[nodiscard]] bool begin_message();

  std::array<std::uint8_t, 5> record_{};   // the header of a record
  std::array<std::uint8_t, 4> message_{};  // the header of a message
  std::uint8_t record_filled_ = 0;
  std::uint8_t message_filled_ = 0;
  std::size_t record_left_ = 0;   // bytes of the record's body to come
  std::size_t message_left_ = 0;  // bytes of the message's body to come
  bool encrypted_ = false;
};

}  // namespace wolframite::detail
#pragma GCC visibility pop
