/// @file
/// Spans of bytes, and bytes that several owners share.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Marks a parameter whose lifetime bounds that of the returned view.
#if defined(__clang__)
#define WOLFRAMITE_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define WOLFRAMITE_LIFETIMEBOUND
#endif

#pragma GCC visibility push(default)
namespace wolframite {

/// Octets that somebody else owns, and that may be changed in place.
using Bytes = std::span<std::byte>;
/// Octets that somebody else owns, to be read only.
using ConstBytes = std::span<const std::byte>;

/// Views the characters of `text` as bytes.
[[nodiscard]] inline ConstBytes bytes_of(std::string_view text WOLFRAMITE_LIFETIMEBOUND) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Views `bytes` as characters. Nothing is validated.
[[nodiscard]] inline std::string_view text_of(ConstBytes bytes WOLFRAMITE_LIFETIMEBOUND) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Connection;

/// Immutable bytes with shared ownership: one payload queued on many connections without a copy.
class SharedBytes {
 public:
  SharedBytes() = default;                               ///< no octets, no owner
  SharedBytes(const SharedBytes&) = default;             ///< one more owner
  SharedBytes& operator=(const SharedBytes&) = default;  ///< the same, after letting go
  ~SharedBytes() = default;

  /// Takes over what `other` shares: `other` has no octets and no owner afterwards.
  SharedBytes(SharedBytes&& other) noexcept
      : owner_(std::move(other.owner_)),
        bytes_(std::exchange(other.bytes_, {})),
        copy_(std::exchange(other.copy_, nullptr)) {}

  /// Lets go of what was shared so far, and takes over what `other` shares.
  SharedBytes& operator=(SharedBytes&& other) noexcept {
    owner_ = std::move(other.owner_);
    bytes_ = std::exchange(other.bytes_, {});
    copy_ = std::exchange(other.copy_, nullptr);
    return *this;
  }

  /// Shares `bytes`, which must stay valid and unchanged as long as `owner` lives.
  SharedBytes(std::shared_ptr<const void> owner, ConstBytes bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  /// Takes over the characters of `text`.
  explicit SharedBytes(std::string text) {
    auto owned = std::make_shared<const std::string>(std::move(text));
    bytes_ = bytes_of(*owned);
    owner_ = std::move(owned);
  }

  /// Takes over `bytes`.
  explicit SharedBytes(std::vector<std::byte> bytes) {
    auto owned = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    bytes_ = *owned;
    owner_ = std::move(owned);
  }

  /// Copies `bytes` once, behind room for the header of a frame. All servers that send the same
  /// kind of message find its header there, and write both as one piece.
  [[nodiscard]] static SharedBytes copy_of(ConstBytes bytes);

  /// What is shared. The view lives as long as any copy of this does.
  [[nodiscard]] ConstBytes bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }  ///< octets

 private:
  friend class Connection;
  struct Copy;

  /// These octets and, right before them, `header`: written there if nothing was yet. Empty if
  /// there is no room, or another header. From any thread.
  [[nodiscard]] ConstBytes framed_by(ConstBytes header) const;

  std::shared_ptr<const void> owner_;
  ConstBytes bytes_;
  Copy* copy_ = nullptr;  // what is owned, if `copy_of` made it
};

}  // namespace wolframite
#pragma GCC visibility pop
