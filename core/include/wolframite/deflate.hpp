/// @file
/// permessage-deflate (RFC 7692): its settings, what the two sides agreed on, and the codec.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <utility>

#include "wolframite/bytes.hpp"

struct z_stream_s;

#pragma GCC visibility push(default)
namespace wolframite {

/// Whether and how messages are compressed. Part of `Config`.
struct DeflateConfig {
  static constexpr int min_window_bits = 8;   ///< RFC 7692 §7.1.2
  static constexpr int max_window_bits = 15;  ///< RFC 7692 §7.1.2

  /// Client: offers compression. Server: accepts an offer.
  bool enabled = false;

  /// Largest LZ77 window of what the server sends, as a power of two of octets (8-15). One of 8 is
  /// agreed to, but zlib cannot make it: such a sender does not compress. RFC 7692 §7.1.2.
  int server_window_bits = 15;
  int client_window_bits = 15;  ///< the same of what the client sends

  /// Has the server forget its window after each message: less memory, larger messages. RFC 7692
  /// §7.1.1.
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;  ///< the same of the client

  int level = 6;         ///< zlib's, 1 (fast) to 9 (small)
  int memory_level = 8;  ///< zlib's, 1 (little memory) to 9

  /// Messages below this many octets go out as they are.
  std::size_t threshold = 64;

  /// Gives the memory of contexts back when no message went either way for this long, save what the
  /// peer may still refer to. Zero never does.
  std::chrono::milliseconds release_after{10'000};

  /// Whether each number is in its range, and no time negative.
  [[nodiscard]] bool is_valid() const {
    const auto window = [](int bits) { return bits >= min_window_bits && bits <= max_window_bits; };
    return window(server_window_bits) && window(client_window_bits) && level >= 1 && level <= 9 &&
           memory_level >= 1 && memory_level <= 9 &&
           release_after >= std::chrono::milliseconds::zero();
  }
};

/// What two sides agreed on (RFC 7692 §7.1).
struct DeflateParameters {
  bool enabled = false;                     ///< messages may be compressed, in both directions
  bool server_no_context_takeover = false;  ///< the server forgets its window after each message
  bool client_no_context_takeover = false;  ///< the client does
  std::uint8_t server_window_bits = 15;     ///< 8-15: the largest window that the server uses
  std::uint8_t client_window_bits = 15;     ///< 8-15: the largest window that the client uses

  /// Compares all of them.
  bool operator==(const DeflateParameters&) const = default;
};

/// Whether a message may be compressed.
enum class Compression : std::uint8_t {
  automatic,  ///< as `DeflateConfig` says
  never,      ///< not this one: it is compressed already, or mixes secrets with what others chose
};

/// Whether the library was built with its codec. Without it nothing is offered or accepted.
[[nodiscard]] bool is_deflate_available();

/// The octets that end a flushed deflate stream. A sender leaves them out, a receiver puts them
/// back (RFC 7692 §7.2.1, §7.2.2).
inline constexpr std::byte deflate_tail[] = {std::byte{0}, std::byte{0}, std::byte{0xFF},
                                             std::byte{0xFF}};

/// What a codec's step came to.
enum class DeflateStatus : std::uint8_t {
  needs_input,  ///< all of `in` was taken, and all there is was written
  needs_room,   ///< `room` is full; call again with more
  failed,       ///< the input is no deflate stream
  no_memory,    ///< the resource has none: what was written since the message began is of no use
};

/// Compresses messages. Its memory comes from the resource it is made with, which must outlive it.
class Deflater {
 public:
  /// Values out of range count as the nearest in it.
  struct Options {
    int window_bits = 15;  ///< 9-15, a power of two of octets
    int level = 6;         ///< 1 (fast) to 9 (small)
    int memory_level = 8;  ///< 1 (little memory) to 9
  };
  /// Takes its memory at once. Where there is none, `is_ready` is false and each `compress` gives
  /// `no_memory`. In a build without the codec each fails.
  Deflater(const Options& options, std::pmr::memory_resource& memory);
  /// Takes over the window. What is left of `other` may only be destroyed or assigned to.
  Deflater(Deflater&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  /// Exchanges the two.
  Deflater& operator=(Deflater&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Deflater();

  /// Whether it has its memory: then no `compress` wants for any.
  [[nodiscard]] bool is_ready() const;

  /// Takes octets from the front of `in` and writes to the front of `room`, moving both on, until
  /// all that was given can be inflated. What it then has written ends in `deflate_tail`.
  /// Precondition: `room` has six octets or more, for zlib may never come to an end with less.
  [[nodiscard]] DeflateStatus compress(ConstBytes& in, Bytes& room);

  /// Octets held.
  [[nodiscard]] std::size_t memory_in_use() const;

 private:
  struct State;
  State* state_;
};

/// Decompresses messages. Its memory comes from the resource it is made with, which must outlive
/// it.
class Inflater {
 public:
  /// Reads what was sent with a window of `window_bits` (8-15) or less; a value out of range counts
  /// as the nearest in it. The decoder's memory is taken by the first `decompress`, and its window
  /// by a later one; each may give `no_memory`, and then all that follow. In a build without the
  /// codec they fail.
  Inflater(int window_bits, std::pmr::memory_resource& memory);
  /// Takes over the window. What is left of `other` may only be destroyed or assigned to.
  Inflater(Inflater&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  /// Exchanges the two.
  Inflater& operator=(Inflater&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Inflater();

  /// Takes octets from the front of `in` and writes to the front of `room`, moving both on. At the
  /// end of a message `in` must be `deflate_tail`. A final block (RFC 7692 §7.2.3.4) ends nothing:
  /// the next one may follow.
  [[nodiscard]] DeflateStatus decompress(ConstBytes& in, Bytes& room);

  /// Whether the stream is at the end of a block, on an octet boundary, as it must be after a
  /// message's tail.
  [[nodiscard]] bool is_at_boundary() const;

  /// Exchanges the decoder for the history that it may still be asked for, or the other way round
  /// at the next `decompress`. Only at a boundary. Does nothing where there is no memory for it.
  void pack();

  /// Octets held.
  [[nodiscard]] std::size_t memory_in_use() const;

 private:
  struct State;
  State* state_;
};

}  // namespace wolframite
#pragma GCC visibility pop
