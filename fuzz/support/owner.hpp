// What an owner does with a connection, in the ways a fuzzer chooses.
#pragma once

#include <array>
#include <functional>
#include <memory_resource>
#include <string>
#include <string_view>

#include "reader.hpp"
#include "recorder.hpp"
#include "wolframite/connection.hpp"

namespace wolframite::fuzz {

/// Small limits and large ones, and each choice either way. Timers are as by default.
Config chosen_config(Reader& choices);

/// How bytes are cut into pieces: not at all, octet by octet, or by sizes that come in turn.
class Cutter {
 public:
  Cutter() = default;  ///< whole
  explicit Cutter(Reader& choices);

  /// Size of the next piece of `left` octets: at least one, if there is any.
  std::size_t next(std::size_t left);

 private:
  std::array<std::size_t, 6> sizes_{};  // 0 is whole
  std::size_t turn_ = 0;
};

/// Counts what it lends.
class CountingMemory final : public std::pmr::memory_resource {
 public:
  [[nodiscard]] std::size_t most() const { return most_; }
  [[nodiscard]] std::size_t lent() const { return lent_; }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override;

  std::size_t lent_ = 0;
  std::size_t most_ = 0;
};

using EventHandler = std::function<void(const Event&)>;

/// Receives `bytes` piece by piece, each in memory of its own and just as large, and records the
/// events. `handle` is given each while its views live.
void receive_all(Connection& connection, std::string_view bytes, Cutter& cutter, Recorder& recorder,
                 const EventHandler& handle = {});

/// Tells the end of the stream and records the events.
void receive_end(Connection& connection, Recorder& recorder, std::error_code why = {});

/// Takes up to `limit` pending octets, in pieces.
std::string take_output(Connection& connection, Cutter& cutter,
                        std::size_t limit = std::string::npos);

/// Has a connection that starts open receive the rest of `input`, and compares all that it tells
/// and answers with what a naive reading finds. Memory follows the octets received.
void converse(Role role, Reader input);

}  // namespace wolframite::fuzz
