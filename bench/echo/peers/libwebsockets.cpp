// An echo server made with libwebsockets, over its libuv loop: large buffers, and as many writes at
// a time as the socket takes.
#include <libwebsockets.h>

#include <csignal>
#include <deque>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "options.hpp"

namespace {

/// A message, with the room that the library wants in front of it.
struct Payload {
  std::vector<unsigned char> bytes = std::vector<unsigned char>(LWS_PRE);
  lws_write_protocol kind = LWS_WRITE_BINARY;

  [[nodiscard]] std::size_t size() const { return bytes.size() - LWS_PRE; }
};

struct Connection {
  std::shared_ptr<Payload> incoming{};
  std::deque<std::shared_ptr<Payload>> outgoing{};
};

struct Server {
  bool broadcasts = false;
  std::set<lws*> open{};
};

Server server;

Connection& connection_of(lws* wsi) { return *static_cast<Connection*>(lws_wsi_user(wsi)); }

void queue(lws* wsi, const std::shared_ptr<Payload>& payload) {
  connection_of(wsi).outgoing.push_back(payload);
  lws_callback_on_writable(wsi);
}

void receive(lws* wsi, Connection& connection, const unsigned char* data, std::size_t size) {
  if (connection.incoming == nullptr) connection.incoming = std::make_shared<Payload>();
  auto& bytes = connection.incoming->bytes;
  const std::size_t remaining = lws_remaining_packet_payload(wsi);
  if (bytes.size() == LWS_PRE) bytes.reserve(LWS_PRE + size + remaining);
  bytes.insert(bytes.end(), data, data + size);
  if (remaining > 0 || lws_is_final_fragment(wsi) == 0) return;
  connection.incoming->kind = lws_frame_is_binary(wsi) != 0 ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
  if (server.broadcasts) {
    for (lws* const receiver : server.open) queue(receiver, connection.incoming);
  } else {
    queue(wsi, connection.incoming);
  }
  connection.incoming.reset();
}

int write(lws* wsi, Connection& connection) {
  while (!connection.outgoing.empty()) {
    if (lws_send_pipe_choked(wsi) != 0) {
      lws_callback_on_writable(wsi);
      return 0;
    }
    Payload& payload = *connection.outgoing.front();
    if (lws_write(wsi, payload.bytes.data() + LWS_PRE, payload.size(), payload.kind) < 0) return -1;
    connection.outgoing.pop_front();
  }
  return 0;
}

int on_event(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t size) {
  switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
      new (user) Connection;
      if (server.broadcasts) server.open.insert(wsi);
      return 0;
    case LWS_CALLBACK_RECEIVE:
      receive(wsi, *static_cast<Connection*>(user), static_cast<const unsigned char*>(in), size);
      return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
      return write(wsi, *static_cast<Connection*>(user));
    case LWS_CALLBACK_CLOSED:
      server.open.erase(wsi);
      static_cast<Connection*>(user)->~Connection();
      return 0;
    default:
      return 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const peer::Options options =
      peer::parse_options(argc, argv, std::string("libwebsockets ") + lws_get_library_version());
  server.broadcasts = options.broadcasts;
  lws_set_log_level(LLL_ERR, nullptr);

  constexpr std::size_t buffer_size = 64 * 1024;
  const lws_protocols protocols[] = {
      {"echo", on_event, sizeof(Connection), buffer_size, 0, nullptr, 0},
      {nullptr, nullptr, 0, 0, 0, nullptr, 0},
  };
  lws_context_creation_info info{};
  info.port = options.port;
  info.iface = "127.0.0.1";
  info.protocols = protocols;
  info.pt_serv_buf_size = buffer_size;
  info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_VALIDATE_UTF8;
  if (!options.certificate.empty()) {
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.ssl_cert_filepath = options.certificate.c_str();
    info.ssl_private_key_filepath = options.key.c_str();
  }
  lws_context* const context = lws_create_context(&info);
  if (context == nullptr) return 1;
  std::signal(SIGTERM, SIG_DFL);  // which the library only stops its loop at
  peer::tell_port(lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
  while (lws_service(context, 0) >= 0) {
  }
  lws_context_destroy(context);
}
