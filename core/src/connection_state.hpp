// The parts of a Connection that it owns only while they are needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "response_body.hpp"
#include "wolframite/connection.hpp"
#include "wolframite/http_head.hpp"

namespace wolframite {

/// What the opening handshake needs, and what its events refer to.
struct Connection::Opening {
  explicit Opening(const Config& config, HttpHead::Start start)
      : head(start, {config.max_head_size, config.max_headers}),
        head_size_left(config.max_head_size) {}

  HttpHead head;
  std::size_t head_size_left;  ///< client: interim responses count towards the limit
  Request request;
  Response response;
  Negotiated agreed;
  std::optional<detail::ResponseBody> body;
  std::string expected_accept;
  std::vector<std::string> asked_subprotocols;
  bool requires_subprotocol = true;

  std::vector<std::byte> early;  ///< `from_partially_read`: bytes to receive first
  std::size_t early_taken = 0;
};

/// What compressed messages need; made when the first one comes or goes.
struct Connection::Codec {
  explicit Codec(std::pmr::memory_resource& from) : memory(from) {}

  std::pmr::memory_resource& memory;  ///< that it lies in
  std::optional<Deflater> deflater;
  std::optional<Inflater> inflater;
  std::size_t unmasked =
      0;  ///< octets at the front of the rest of the payload that are unmasked already
  std::uint8_t tail_taken = 0;  ///< octets of `deflate_tail` that the inflater took
  bool has_more = false;        ///< a piece was full before the inflater was done
  bool released = false;        ///< nothing more can be given back
  bool paused = false;          ///< the last `receive` has inflated all that it was allowed to
  std::size_t inflated = 0;     ///< bytes that this `receive` has inflated

  void begin_step() {
    paused = false;
    inflated = 0;
  }
};

}  // namespace wolframite
