// The limit for servers over epoll(7): one read and one write a turn and connection, and nothing
// between them that could be left out.
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "options.hpp"

namespace {

using namespace limit;

struct Connection {
  Connection(int socket, Style style) : fd(socket), echo(style) {}
  ~Connection() { ::close(fd); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd;
  Echo echo;
  std::unique_ptr<Output> unwritten{};  // reading stops until it is written
  std::size_t place = 0;                // in the list of all
  bool goes_on = false;                 // in the list of those with more to read
};

// A peer that always has more ready must not keep the others waiting.
constexpr int most_reads = 16;

class Server {
 public:
  explicit Server(const Options& options)
      : options_(options), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    listener_ = listen_and_tell(options, SOCK_NONBLOCK);
    watch(listener_, nullptr, EPOLLIN);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 512> events;
    for (;;) {
      turn_.swap(going_on_);
      for (Connection* const connection : turn_) {
        connection->goes_on = false;
        if (!serve(*connection)) close(*connection);
      }
      turn_.clear();
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                     going_on_.empty() ? -1 : 0);
      for (int i = 0; i < count; ++i) {
        auto* const connection =
            static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (connection == nullptr) {
          accept();
        } else if (!connection->goes_on && !serve(*connection)) {
          close(*connection);
        }
      }
    }
  }

 private:
  void watch(int fd, Connection* connection, std::uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.ptr = connection;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      auto made = std::make_unique<Connection>(fd, options_.style);
      made->place = connections_.size();
      watch(fd, made.get(), EPOLLIN | EPOLLOUT | EPOLLET);
      connections_.push_back(std::move(made));
    }
  }

  void close(Connection& connection) {
    const std::size_t place = connection.place;
    std::swap(connections_[place], connections_.back());
    connections_[place]->place = place;
    connections_.pop_back();
  }

  /// Reads and writes as far as it goes, and leaves the rest for the next turn where that is far.
  /// Returns whether the connection stays.
  bool serve(Connection& connection) {
    for (int reads = 0;; ++reads) {
      if (connection.unwritten != nullptr) {
        if (!write(connection, *connection.unwritten)) return false;
        if (!connection.unwritten->empty()) return true;
        connection.unwritten->clear();
        connection.unwritten.reset();
      }
      if (reads == most_reads) {
        connection.goes_on = true;
        going_on_.push_back(&connection);
        return true;
      }
      Block buffer = buffers.acquire(buffer_size);
      const ssize_t size = ::recv(connection.fd, buffer.bytes.get(), buffer_size, 0);
      if (size <= 0) {
        buffers.release(std::move(buffer));
        return size < 0 && errno == EAGAIN;
      }
      const auto received = static_cast<std::size_t>(size);
      const bool is_message = connection.echo.is_open();
      connection.echo.receive({buffer.bytes.get(), received}, *output_);
      output_->keep_buffer(std::move(buffer));
      if (options_.broadcasts && is_message && !connection.echo.is_closed()) {
        broadcast();
      } else if (!output_->empty() && !write(connection, *output_)) {
        return false;
      }
      if (output_->empty()) {
        output_->clear();
        if (connection.echo.is_closed()) {
          if (!options_.waits_for_end) return false;
          ::shutdown(connection.fd, SHUT_WR);
        }
      } else {
        connection.unwritten = std::exchange(output_, std::make_unique<Output>());
      }
      if (received < buffer_size) return true;
    }
  }

  static bool write(Connection& connection, Output& output) {
    while (!output.empty()) {
      const auto segments = output.pending();
      ssize_t size = 0;
      if (segments.size() == 1) {
        size = ::send(connection.fd, segments[0].iov_base, segments[0].iov_len, MSG_NOSIGNAL);
      } else {
        msghdr message{};
        message.msg_iov = segments.data();
        message.msg_iovlen = segments.size();
        size = ::sendmsg(connection.fd, &message, MSG_NOSIGNAL);
      }
      if (size < 0) return errno == EAGAIN;
      output.consume(static_cast<std::size_t>(size));
    }
    return true;
  }

  /// Writes the message in the output to all, and waits for those that do not take it at once.
  void broadcast() {
    for (const auto& receiver : connections_) {
      for (const iovec& segment : output_->pending()) {
        std::size_t written = 0;
        while (written < segment.iov_len) {
          const ssize_t size =
              ::send(receiver->fd, static_cast<const std::byte*>(segment.iov_base) + written,
                     segment.iov_len - written, MSG_NOSIGNAL);
          if (size >= 0) {
            written += static_cast<std::size_t>(size);
            continue;
          }
          if (errno != EAGAIN) break;
          pollfd waited{receiver->fd, POLLOUT, 0};
          ::poll(&waited, 1, -1);
        }
      }
    }
    output_->clear();
  }

  Options options_;
  int epoll_;
  int listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> going_on_;
  std::vector<Connection*> turn_;
  std::unique_ptr<Output> output_ = std::make_unique<Output>();
};

}  // namespace

int main(int argc, char** argv) { Server(parse_options(argc, argv)).run(); }
