#include "owner.hpp"

#include <algorithm>
#include <vector>

#include "check.hpp"
#include "counting_entropy.hpp"
#include "naive.hpp"

namespace wolframite::fuzz {

Config chosen_config(Reader& choices) {
  constexpr std::size_t usual = 16 * 1024 * 1024;
  Config config;
  config.max_message_size = choices.one_of<std::size_t>({usual, 1, 125, 126, 300, 65535, 65536});
  config.max_frame_size = choices.one_of<std::size_t>({usual, 1, 125, 126, 200, 65535, 65536});
  config.max_head_size = choices.one_of<std::size_t>({65536, 1, 20, 180, 200, 400});
  config.max_headers = choices.one_of<std::size_t>({124, 1, 4, 7});
  config.max_refusal_body_size = choices.one_of<std::size_t>({65536, 0, 1, 20});
  const std::size_t flags = choices.up_to(31);
  config.deliver_chunks = (flags & 1U) != 0;
  config.accept_unmasked_frames = (flags & 2U) != 0;
  config.automatic_pong = (flags & 4U) == 0;
  config.deflate.server_no_context_takeover = (flags & 8U) != 0;
  config.deflate.client_window_bits = (flags & 16U) != 0 ? 9 : 15;
  REQUIRE(config.check() == Error::none);
  return config;
}

Cutter::Cutter(Reader& choices) {
  const std::size_t way = choices.up_to(3);
  if (way == 1) sizes_.fill(1);
  if (way < 2) return;
  for (std::size_t& size : sizes_) size = choices.up_to(way == 2 ? 15 : 255);
}

std::size_t Cutter::next(std::size_t left) {
  const std::size_t size = sizes_[turn_++ % sizes_.size()];
  return size == 0 ? left : std::min(size, left);
}

void* CountingMemory::do_allocate(std::size_t size, std::size_t alignment) {
  lent_ += size;
  most_ = std::max(most_, lent_);
  return std::pmr::new_delete_resource()->allocate(size, alignment);
}

void CountingMemory::do_deallocate(void* block, std::size_t size, std::size_t alignment) {
  REQUIRE(size <= lent_);
  lent_ -= size;
  std::pmr::new_delete_resource()->deallocate(block, size, alignment);
}

bool CountingMemory::do_is_equal(const std::pmr::memory_resource& other) const noexcept {
  return this == &other;
}

void receive_all(Connection& connection, std::string_view bytes, Cutter& cutter, Recorder& recorder,
                 const EventHandler& handle) {
  do {
    const ConstBytes part = bytes_of(bytes.substr(0, cutter.next(bytes.size())));
    bytes.remove_prefix(part.size());
    std::vector<std::byte> piece(part.begin(), part.end());
    Bytes in(piece);
    while (const auto event = connection.receive(in)) {
      recorder.add(*event);
      if (handle) handle(*event);
    }
    REQUIRE(in.empty());
  } while (!bytes.empty());
}

void receive_end(Connection& connection, Recorder& recorder, std::error_code why) {
  while (const auto event = connection.receive_eof(why)) recorder.add(*event);
  REQUIRE(recorder.has_closed());
  REQUIRE(!connection.wants_read());
}

std::string take_output(Connection& connection, Cutter& cutter, std::size_t limit) {
  std::string taken;
  while (connection.wants_write() && taken.size() < limit) {
    std::array<ConstBytes, 3> gather;
    const std::size_t used = connection.output(gather);
    REQUIRE(used > 0 && !gather[0].empty());
    std::string shown;
    for (const ConstBytes part : std::span(gather).first(used)) shown.append(text_of(part));
    REQUIRE(shown.size() <= connection.pending_output());
    shown.resize(cutter.next(std::min(shown.size(), limit - taken.size())));
    taken.append(shown);
    connection.consume(shown.size());
  }
  return taken;
}

void converse(Role role, Reader input) {
  const Config config = chosen_config(input);
  Cutter reads(input);
  Cutter writes(input);
  const std::size_t early = input.up_to(3) == 3 ? input.up_to(255) : 0;
  const std::string text = input.rest();

  CountingEntropy entropy;
  CountingMemory memory;
  Recorder recorder;
  {
    const std::string_view all = text;
    Connection connection = Connection::from_partially_read(bytes_of(all.substr(0, early)), role,
                                                            &entropy, config, &memory);
    receive_all(connection, all.substr(std::min(early, all.size())), reads, recorder);
    constexpr std::size_t for_output = 32 * 1024;
    REQUIRE(memory.most() <= for_output + 4 * text.size());
    const naive::Conversation expected = naive::read_conversation(text, role, config);
    REQUIRE_SAME(naive::replies_in(take_output(connection, writes), role), expected.replies);
    receive_end(connection, recorder);
    REQUIRE_SAME(recorder.lines(), expected.events);
    REQUIRE(connection.is_terminated() && !connection.deadline());
  }
  REQUIRE(memory.lent() == 0);
}

}  // namespace wolframite::fuzz
