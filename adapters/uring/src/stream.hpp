#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine.hpp"
#include "wolframite/uring.hpp"

namespace wolframite::uring {

/// A stream's requests: at most one that receives and one that sends.
class Stream final : public StreamCore {
 public:
  Stream(Loop& loop, Socket socket, Connection connection)
      : StreamCore(loop, std::move(socket), std::move(connection)) {}
  ~Stream() override;

  /// Begins to receive, or to wait for input.
  void begin_receive();
  /// Begins to send what is queued now.
  void begin_send();
  void begin_send_segments();

  /// A result of one of them.
  void on_received(int result, unsigned flags);
  void on_sent(int result);

  /// Begins to receive again, for there are buffers now.
  void feed();

  /// Hands on input that came while nobody waited for it. Called once it has left the loop's list.
  void read();
  void dequeue() noexcept { queued_ = false; }

  /// Makes up for what an exception has left undone: the loop looks after the stream again.
  void recover() noexcept;

 private:
  void want_input() override;
  InputLease* kept_input() override;
  InputLease& lend() override;
  void write_output() override;
  void shut_down() override;
  void close_socket() noexcept override;
  void destroy() noexcept override;

  [[nodiscard]] Loop& uring_loop() const { return static_cast<Loop&>(loop_); }
  [[nodiscard]] Engine& engine() const { return *uring_loop().engine_; }
  [[nodiscard]] bool is_plain() const { return engine().ring.is_plain(); }

  void read_plainly();
  void write_plainly();
  void hand_on();
  void leave_lists() noexcept;
  void try_to_send() noexcept;
  [[nodiscard]] io_uring_sqe& begin_request();

  // What is kept.
  void keep(Buffer& buffer) noexcept;
  void shrink_last() noexcept;
  [[nodiscard]] Buffer* new_block(std::size_t size) noexcept;
  void free(Buffer& buffer) noexcept;
  static void append(Buffer& to, const Buffer& from) noexcept;
  void link(Buffer& buffer) noexcept;
  [[nodiscard]] Buffer& take_first() noexcept;
  [[nodiscard]] Buffer& take_last() noexcept;
  [[nodiscard]] Buffer& lend_first();
  [[nodiscard]] std::size_t room_after(const Buffer& buffer) const;

  Buffer* kept_ = nullptr;  // received and not wanted yet: the last one, followed by the first
  std::uint16_t held_ = 0;  // how many those are
  std::uint8_t error_ = 0;  // why receiving ended, 0 for the peer's end; Linux has none above 133
  bool receiving_ : 1 = false;  // a request is under way
  bool cancelled_ : 1 = false;  // and was asked to end
  bool finished_ : 1 = false;   // nothing more will come
  bool told_ : 1 = false;       // and the stream knows
  bool to_send_ : 1 = false;    // it will be, when the turn ends
  bool starved_ : 1 = false;    // in the list of streams that wait for buffers
  bool hungry_ : 1 = false;     // it was, and has received nothing since
  bool doomed_ : 1 = false;     // to be deleted after the last result
};

}  // namespace wolframite::uring
