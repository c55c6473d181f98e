// The limit for servers over io_uring(7): multishot accept and recv into provided buffers, one send
// in flight a connection, one system call a turn.
#include <liburing.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "options.hpp"

namespace {

using namespace limit;

enum class Tag : std::uint64_t { receive = 0, send = 1 };
constexpr std::uint64_t accept_key = 0;

struct Connection {
  Connection(int socket, Style style) : fd(socket), echo(style) {}
  ~Connection() { ::close(fd); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] std::uint64_t key(Tag tag) const {
    return reinterpret_cast<std::uintptr_t>(this) | static_cast<std::uint64_t>(tag);
  }

  int fd;
  Echo echo;
  std::array<Output, 2> outputs{};
  Output* next = &outputs[0];     // fills
  Output* current = &outputs[1];  // is being sent
  msghdr message{};
  bool sending = false;
  bool receiving = false;
  bool queued = false;  // to begin a send at the end of the turn
  bool ended = false;
};

/// The receive buffers that the kernel has in hand. A filled one is replaced at once.
class Provided {
 public:
  explicit Provided(io_uring& ring)
      : ring_(static_cast<io_uring_buf_ring*>(
            std::aligned_alloc(4096, most * sizeof(io_uring_buf)))) {
    io_uring_buf_ring_init(ring_);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_);
    registration.ring_entries = most;
    if (io_uring_register_buf_ring(&ring, &registration, 0) != 0)
      fail("io_uring_register_buf_ring");
    grow(64);
  }

  /// The buffer of a result, which another one takes the place of.
  [[nodiscard]] Block take(std::size_t id) {
    Block filled = std::exchange(blocks_[id], buffers.acquire(buffer_size));
    provide(id);
    return filled;
  }

  /// Has the kernel have twice as many.
  void ran_out() { grow(blocks_.size()); }

 private:
  static constexpr unsigned most = 512;

  void grow(std::size_t more) {
    for (; more > 0 && blocks_.size() < most; --more) {
      blocks_.push_back(buffers.acquire(buffer_size));
      provide(blocks_.size() - 1);
    }
  }
  void provide(std::size_t id) {
    io_uring_buf_ring_add(ring_, blocks_[id].bytes.get(), buffer_size,
                          static_cast<unsigned short>(id), io_uring_buf_ring_mask(most), 0);
    io_uring_buf_ring_advance(ring_, 1);
  }

  io_uring_buf_ring* ring_;
  std::vector<Block> blocks_;
};

class Server {
 public:
  explicit Server(const Options& options) : options_(options) {
    io_uring_params parameters{};
    parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                       IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    parameters.cq_entries = 4096;
    errno = -io_uring_queue_init_params(512, &ring_, &parameters);
    if (errno != 0) fail("io_uring_queue_init_params");
    provided_ = std::make_unique<Provided>(ring_);
    listener_ = listen_and_tell(options, 0);
    accept();
  }

  [[noreturn]] void run() {
    for (;;) {
      io_uring_submit_and_wait(&ring_, 1);
      for (unsigned left = io_uring_cq_ready(&ring_); left > 0; --left) {
        io_uring_cqe* entry = nullptr;
        io_uring_peek_cqe(&ring_, &entry);
        const io_uring_cqe result = *entry;
        io_uring_cqe_seen(&ring_, entry);
        handle(result);
      }
      for (std::size_t i = 0; i < queued_.size(); ++i) begin_send(*queued_[i]);
      queued_.clear();
      for (Connection* const connection : ended_) delete connection;
      ended_.clear();
    }
  }

 private:
  io_uring_sqe& request() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) {
      io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    return *entry;
  }

  void accept() {
    io_uring_sqe& entry = request();
    io_uring_prep_multishot_accept(&entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    entry.user_data = accept_key;
  }

  void receive(Connection& connection) {
    io_uring_sqe& entry = request();
    io_uring_prep_recv_multishot(&entry, connection.fd, nullptr, 0, 0);
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = 0;
    entry.user_data = connection.key(Tag::receive);
    connection.receiving = true;
  }

  void handle(const io_uring_cqe& result) {
    if (result.user_data == accept_key) {
      if (result.res >= 0) receive(*new Connection(result.res, options_.style));
      if ((result.flags & IORING_CQE_F_MORE) == 0) accept();
      return;
    }
    constexpr std::uint64_t tag_bit = 1;
    auto& connection = *reinterpret_cast<Connection*>(result.user_data & ~tag_bit);
    if ((result.user_data & tag_bit) == static_cast<std::uint64_t>(Tag::send)) {
      sent(connection, result.res);
    } else {
      received(connection, result);
    }
    if (connection.ended && !connection.sending && !connection.receiving && !connection.queued)
      ended_.push_back(&connection);
  }

  void received(Connection& connection, const io_uring_cqe& result) {
    connection.receiving = (result.flags & IORING_CQE_F_MORE) != 0;
    if (result.res > 0) {
      Block buffer = provided_->take(result.flags >> IORING_CQE_BUFFER_SHIFT);
      connection.echo.receive({buffer.bytes.get(), static_cast<std::size_t>(result.res)},
                              *connection.next);
      connection.next->keep_buffer(std::move(buffer));
      if (connection.next->empty()) {
        connection.next->clear();
      } else {
        queue(connection);
      }
    } else if (result.res == -ENOBUFS) {
      provided_->ran_out();
    } else {
      connection.ended = true;
    }
    if (!connection.receiving && !connection.ended) receive(connection);
  }

  void queue(Connection& connection) {
    if (connection.queued || connection.sending || connection.ended) return;
    connection.queued = true;
    queued_.push_back(&connection);
  }

  void begin_send(Connection& connection) {
    connection.queued = false;
    if (connection.ended) {
      if (!connection.receiving) ended_.push_back(&connection);
      return;
    }
    if (connection.current->empty()) {
      connection.current->clear();
      std::swap(connection.current, connection.next);
    }
    const auto segments = connection.current->pending();
    io_uring_sqe& entry = request();
    // With MSG_WAITALL the kernel goes on by itself where it could not send all.
    if (segments.size() == 1) {
      io_uring_prep_send(&entry, connection.fd, segments[0].iov_base, segments[0].iov_len,
                         MSG_NOSIGNAL | MSG_WAITALL);
    } else {
      connection.message.msg_iov = segments.data();
      connection.message.msg_iovlen = segments.size();
      io_uring_prep_sendmsg(&entry, connection.fd, &connection.message, MSG_NOSIGNAL | MSG_WAITALL);
    }
    entry.user_data = connection.key(Tag::send);
    connection.sending = true;
  }

  void sent(Connection& connection, int result) {
    connection.sending = false;
    if (result < 0) {
      connection.ended = true;
      return;
    }
    connection.current->consume(static_cast<std::size_t>(result));
    if (connection.current->empty()) connection.current->clear();
    if (!connection.current->empty() || !connection.next->empty()) return queue(connection);
    // The recv ends too: at once, or when the peer has ended its side.
    if (connection.echo.is_closed())
      ::shutdown(connection.fd, options_.waits_for_end ? SHUT_WR : SHUT_RDWR);
  }

  Options options_;
  io_uring ring_{};
  std::unique_ptr<Provided> provided_;
  int listener_ = -1;
  std::vector<Connection*> queued_;
  std::vector<Connection*> ended_;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  if (options.broadcasts) {
    std::fprintf(stderr, "limit_uring: broadcasting is limit_epoll's\n");
    return 2;
  }
  Server(options).run();
}
