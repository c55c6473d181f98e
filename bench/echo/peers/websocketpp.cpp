// An echo server made with WebSocket++ over standalone Asio: one thread and no locks, no logs; a
// received message goes back as it is, without a copy.
#include <memory>
#include <set>
#include <string>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/logger/stub.hpp>
#include <websocketpp/server.hpp>

#include "options.hpp"

namespace {

// Everything that names the concurrency policy has to be named again.
struct Config : websocketpp::config::asio {
  using type = Config;
  using base = websocketpp::config::asio;
  using concurrency_type = websocketpp::concurrency::none;
  using request_type = base::request_type;
  using response_type = base::response_type;
  using message_type = base::message_type;
  using con_msg_manager_type = base::con_msg_manager_type;
  using endpoint_msg_manager_type = base::endpoint_msg_manager_type;
  using alog_type = websocketpp::log::stub;
  using elog_type = websocketpp::log::stub;
  using rng_type = base::rng_type;
  static constexpr bool enable_multithreading = false;

  struct transport_config : base::transport_config {
    using concurrency_type = Config::concurrency_type;
    using alog_type = Config::alog_type;
    using elog_type = Config::elog_type;
    using request_type = Config::request_type;
    using response_type = Config::response_type;
    using socket_type = websocketpp::transport::asio::basic_socket::endpoint;
    static constexpr bool enable_multithreading = false;
  };
  using transport_type = websocketpp::transport::asio::endpoint<transport_config>;

  static constexpr std::size_t connection_read_buffer_size = 64 * 1024;
  static constexpr std::size_t max_message_size = 64 * 1024 * 1024;
};

using Server = websocketpp::server<Config>;
using Handle = websocketpp::connection_hdl;

}  // namespace

int main(int argc, char** argv) {
  const peer::Options options =
      peer::parse_options(argc, argv, websocketpp::user_agent + std::string());
  Server server;
  std::set<Handle, std::owner_less<Handle>> open;
  server.init_asio();
  server.set_reuse_addr(true);
  server.set_listen_backlog(4096);
  server.set_tcp_post_init_handler([&](Handle handle) {
    server.get_con_from_hdl(handle)->get_raw_socket().set_option(asio::ip::tcp::no_delay(true));
  });
  if (options.broadcasts) {
    server.set_open_handler([&](Handle handle) { open.insert(handle); });
    server.set_close_handler([&](Handle handle) { open.erase(handle); });
  }
  server.set_message_handler([&](Handle handle, Server::message_ptr message) {
    websocketpp::lib::error_code error;
    if (options.broadcasts) {
      for (const Handle& receiver : open) {
        server.send(receiver, message->get_payload(), message->get_opcode(), error);
      }
    } else {
      server.send(handle, message, error);
    }
  });
  server.listen(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), options.port));
  server.start_accept();
  asio::error_code error;
  peer::tell_port(server.get_local_endpoint(error).port());
  server.run();
}
