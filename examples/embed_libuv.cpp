// The core alone in libuv's loop: an echo server. Usage: embed_libuv [port]
//
// libuv writes later and keeps the pieces it is given until then, which the core's output allows.
#include <signal.h>
#include <uv.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <wolframite/connection.hpp>

using namespace wolframite;

namespace {

class Client {
 public:
  static void accept(uv_stream_t* server, int status) {
    if (status < 0) return;
    auto* const client = new Client(server->loop);
    if (uv_accept(server, client->stream()) != 0) return client->close();
    client->turn();
  }

 private:
  explicit Client(uv_loop_t* loop) {
    uv_tcp_init(loop, &socket_);
    uv_timer_init(loop, &timer_);
    socket_.data = timer_.data = write_.data = shutdown_.data = this;
  }

  template <class Handle>
  static Client& of(const Handle* handle) {
    return *static_cast<Client*>(handle->data);
  }
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&socket_); }

  void react(const Event& event) {
    if (const auto* requested = std::get_if<Requested>(&event)) {
      const bool upgrade = requested->request.is_upgrade();
      (void)(upgrade ? ws_.accept() : ws_.refuse({.status = 200, .body = "alive\n"}));
    } else if (const auto* message = std::get_if<Message>(&event)) {
      if (ws_.send(message->kind, message->data)) (void)ws_.close(CloseCode::try_again_later);
    }
  }

  /// Does whatever is to be done, and asks libuv for what comes next.
  void turn() {
    while (const auto event = ws_.advance(std::chrono::steady_clock::now())) react(*event);
    write();
    if (ws_.wants_shutdown() && !shut_) {
      shut_ = true;
      uv_shutdown(&shutdown_, stream(), nullptr);
    }
    if (ws_.is_terminated()) return close();
    // Answers that a client does not fetch must not pile up: meanwhile nothing is read from it.
    const bool keeps_up = ws_.pending_output() < ws_.config().write_buffer_size;
    if (ws_.wants_read() && keeps_up && !ended_) {
      uv_read_start(stream(), lend, on_read);
    } else {
      uv_read_stop(stream());
    }
    if (const auto due = ws_.deadline()) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(*due - std::chrono::steady_clock::now());
      uv_timer_start(&timer_, on_timer,
                     left.count() > 0 ? static_cast<std::uint64_t>(left.count()) : 0, 0);
    } else {
      uv_timer_stop(&timer_);
    }
  }

  void write() {
    if (writing_ > 0) return;
    std::array<ConstBytes, 16> parts;
    const std::size_t count = ws_.output(parts);
    if (count == 0) return;
    std::array<uv_buf_t, 16> buffers;
    for (std::size_t i = 0; i < count; ++i) {
      // libuv only reads, whatever the type says.
      auto* const data = const_cast<char*>(reinterpret_cast<const char*>(parts[i].data()));
      buffers[i] = uv_buf_init(data, static_cast<unsigned>(parts[i].size()));
      writing_ += parts[i].size();
    }
    uv_write(&write_, stream(), buffers.data(), static_cast<unsigned>(count), on_written);
  }

  static void on_written(uv_write_t* request, int status) {
    Client& client = of(request);
    if (client.closing_) return;
    const std::size_t written = std::exchange(client.writing_, 0);
    if (status < 0) return client.end(status);
    client.ws_.consume(written);
    client.turn();
  }

  static void lend(uv_handle_t*, std::size_t, uv_buf_t* buffer) {
    // One for all, since it is used up before the next is asked for.
    static std::array<char, 65536> shared;
    *buffer = uv_buf_init(shared.data(), shared.size());
  }

  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
    Client& client = of(stream);
    if (size < 0) return client.end(size == UV_EOF ? 0 : static_cast<int>(size));
    Bytes in(reinterpret_cast<std::byte*>(buffer->base), static_cast<std::size_t>(size));
    while (const auto event = client.ws_.receive(in)) client.react(*event);
    client.turn();
  }

  static void on_timer(uv_timer_t* timer) { of(timer).turn(); }

  /// The stream has ended: in order (0), or with an error of libuv's, which is a negated errno.
  void end(int error) {
    ended_ = true;
    while (const auto event = ws_.receive_eof({-error, std::system_category()})) react(*event);
    turn();
  }

  void close() {
    if (std::exchange(closing_, true)) return;
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), on_closed);
    uv_close(reinterpret_cast<uv_handle_t*>(&socket_), on_closed);
  }

  static void on_closed(uv_handle_t* handle) {
    Client& client = of(handle);
    if (--client.handles_ == 0) delete &client;
  }

  uv_tcp_t socket_{};
  uv_timer_t timer_{};
  uv_write_t write_{};
  uv_shutdown_t shutdown_{};
  Connection ws_ = Connection::server();
  std::size_t writing_ = 0;  // octets with libuv
  int handles_ = 2;          // that are not closed
  bool shut_ = false, ended_ = false, closing_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  uv_loop_t* const loop = uv_default_loop();
  uv_tcp_t server;
  uv_tcp_init(loop, &server);
  sockaddr_in address{};
  uv_ip4_addr("127.0.0.1", argc > 1 ? std::atoi(argv[1]) : 0, &address);
  int error = uv_tcp_bind(&server, reinterpret_cast<const sockaddr*>(&address), 0);
  if (error == 0) error = uv_listen(reinterpret_cast<uv_stream_t*>(&server), 128, Client::accept);
  if (error != 0) {
    std::fprintf(stderr, "embed_libuv: %s\n", uv_strerror(error));
    return 1;
  }
  int length = sizeof address;
  uv_tcp_getsockname(&server, reinterpret_cast<sockaddr*>(&address), &length);
  std::printf("listening on ws://127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
