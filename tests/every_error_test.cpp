// Invariant: every value of Error can happen: each has a way to produce it, and the table below
// names them all.
#include <doctest/doctest.h>

#include <array>
#include <functional>

#include "support.hpp"
#include "without_sha1.hpp"
#include "wolframite/url.hpp"

namespace wolframite::test {
namespace {

/// The end that an open server comes to on `input`.
std::error_code server_end(std::string_view input, Config config = {}) {
  Connection server = open_server(std::move(config));
  const Records events = feed(server, input);
  return events.empty() ? std::error_code{} : events.back().why;
}

std::error_code client_end(std::string_view input) {
  TestEntropy entropy;
  Connection client = open_client(entropy);
  const Records events = feed(client, input);
  return events.empty() ? std::error_code{} : events.back().why;
}

/// The end that a server comes to on a request.
std::error_code request_end(std::string_view request, Config config = {}) {
  Connection server = Connection::server(std::move(config));
  const Records events = feed(server, request);
  return events.empty() ? std::error_code{} : events.back().why;
}

std::string request_with(std::string_view from, std::string_view to) {
  std::string request = upgrade_request();
  return request.replace(request.find(from), from.size(), to);
}

/// The end that a client comes to on an answer of which `from` is replaced with `to`.
std::error_code response_end(std::string_view from, std::string_view to,
                             const ClientRequest& request = "ws://example.org/") {
  TestEntropy entropy;
  Connection client = Connection::client(request, entropy);
  std::string response = upgrade_response(take_output(client));
  response.replace(response.find(from), from.size(), to);
  Records events = feed(client, response);
  feed_eof(client, events);
  return events.empty() ? std::error_code{} : events.back().why;
}

std::error_code client_request_end(const ClientRequest& request) {
  TestEntropy entropy;
  Connection client = Connection::client(request, entropy);
  return feed(client, "").back().why;
}

std::error_code url_error(std::string_view url) { return Url::parse(url).error; }

/// The status of a command to a server with a request waiting.
std::error_code answer_status(const std::function<std::error_code(Connection&)>& command,
                              std::string_view request = upgrade_request()) {
  Connection server = Connection::server();
  feed(server, request);
  return command(server);
}

/// The end that time brings, with the timers of `config`.
std::error_code time_end(const Config& config) {
  Connection server = open_server(config);
  tell(server, at(0s));
  tell(server, at(10s));
  take_output(server);
  const Records events = tell(server, at(20s));
  return events.empty() ? std::error_code{} : events.back().why;
}

Config small() {
  Config config;
  config.write_buffer_size = 1;
  config.max_write_buffer_size = 2;
  config.max_frame_size = 10;
  config.max_message_size = 15;
  return config;
}

struct Row {
  Error error;
  std::function<std::error_code()> produce;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table{
      {Error::none, [] { return server_end(client_frame(final_text, "x")); }},

      {Error::reserved_bits_set, [] { return server_end("\xF1"); }},
      {Error::unknown_data_opcode, [] { return server_end("\x83"); }},
      {Error::unknown_control_opcode, [] { return server_end("\x8F"); }},
      {Error::unmasked_frame_from_client, [] { return server_end(server_frame(final_text)); }},
      {Error::masked_frame_from_server, [] { return client_end(client_frame(final_text)); }},
      {Error::fragmented_control_frame, [] { return server_end("\x09"); }},
      {Error::control_frame_too_big, [] { return server_end("\x89\xFE"); }},
      {Error::unexpected_continuation, [] { return server_end(client_frame(more)); }},
      {Error::expected_continuation,
       [] { return server_end(client_frame(begin_text) + client_frame(final_text)); }},
      {Error::length_not_minimal, [] { return server_end("\x82\xFE\x00\x01"s); }},
      {Error::length_too_large,
       [] { return server_end("\x82\xFF" + big_endian(std::uint64_t{1} << 63U, 8)); }},
      {Error::invalid_close_body, [] { return server_end(client_frame(close_frame, "x")); }},
      {Error::invalid_close_code,
       [] { return server_end(client_frame(close_frame, close_body(1005))); }},
      {Error::invalid_deflate,
       []() -> std::error_code {
         // A build without the codec agrees on nothing that could fail so.
         if (!is_deflate_available()) return Error::invalid_deflate;
         const Negotiated agreed{.deflate = {.enabled = true}};
         Connection server = Connection::from_raw(Role::server, nullptr, {}, nullptr, agreed);
         return feed(server, client_frame(final_text | 0x40U, "\x07")).back().why;
       }},

      {Error::invalid_utf8, [] { return server_end(client_frame(final_text, "\xFF")); }},

      {Error::frame_too_big, [] { return server_end(header(final_text, 11, 0x80), small()); }},
      {Error::message_too_big,
       [] {
         return server_end(client_frame(begin_text, "0123456789") + header(more, 6, 0x80), small());
       }},
      {Error::head_too_big,
       [] {
         Config config;
         config.max_head_size = 10;
         return request_end(upgrade_request(), config);
       }},
      {Error::too_many_headers,
       [] {
         Config config;
         config.max_headers = 1;
         return request_end(upgrade_request(), config);
       }},
      {Error::write_buffer_full,
       [] {
         Connection server = open_server(small());
         CHECK_FALSE(server.ping());
         return server.ping();
       }},
      {Error::out_of_memory,
       [] { return open_server({}, std::pmr::null_memory_resource()).ping(); }},

      {Error::malformed_request_line, [] { return request_end("G@T"); }},
      {Error::malformed_status_line, [] { return response_end("HTTP/1.1", "ICY"); }},
      {Error::malformed_header, [] { return request_end(upgrade_request("X : y\r\n")); }},
      {Error::method_not_get, [] { return request_end(request_with("GET", "PUT")); }},
      {Error::version_not_http_1_1,
       [] { return request_end(request_with("HTTP/1.1", "HTTP/1.2")); }},
      {Error::missing_host, [] { return request_end(request_with("Host:", "Hose:")); }},
      {Error::duplicate_header, [] { return request_end(upgrade_request("Host: b\r\n")); }},
      {Error::unexpected_body,
       [] { return request_end(upgrade_request("Content-Length: 1\r\n")); }},
      {Error::missing_upgrade, [] { return request_end(request_with("websocket", "h2c")); }},
      {Error::missing_connection_upgrade,
       [] { return request_end(request_with("Connection: Upgrade", "Connection: close")); }},
      {Error::missing_version,
       [] { return request_end(request_with("Sec-WebSocket-Version", "X-Version")); }},
      {Error::unsupported_version,
       [] { return request_end(request_with("Version: 13", "Version: 12")); }},
      {Error::missing_key, [] { return request_end(request_with("Sec-WebSocket-Key", "X-Key")); }},
      {Error::invalid_key, [] { return request_end(request_with(sample_key, "c2hvcnQ=")); }},
      {Error::malformed_extensions,
       [] { return request_end(upgrade_request("Sec-WebSocket-Extensions: ;\r\n")); }},
      {Error::malformed_subprotocols,
       [] { return request_end(upgrade_request("Sec-WebSocket-Protocol: a b\r\n")); }},
      {Error::missing_accept, [] { return response_end("Sec-WebSocket-Accept", "X-Accept"); }},
      {Error::accept_mismatch, [] { return response_end("Accept: ", "Accept: x"); }},
      {Error::unrequested_subprotocol,
       [] { return response_end("Upgrade:", "Sec-WebSocket-Protocol: a\r\nUpgrade:"); }},
      {Error::missing_subprotocol,
       [] { return response_end("101", "101", ClientRequest("ws://a/").subprotocol("a")); }},
      {Error::unrequested_extension,
       [] { return response_end("Upgrade:", "Sec-WebSocket-Extensions: a\r\nUpgrade:"); }},
      {Error::refused, [] { return response_end("101", "403"); }},
      {Error::plain_http,
       [] {
         Connection server = Connection::server();
         feed(server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
         CHECK_FALSE(server.refuse({.status = 200}));
         return feed(server, "").back().why;
       }},
      {Error::no_sha1,
       [] {
         const WithoutSha1 without;
         return client_request_end("ws://a/");
       }},
      {Error::handshake_incomplete,
       [] {
         Connection server = Connection::server();
         return feed_eof(server).back().why;
       }},

      {Error::malformed_url, [] { return url_error("ws://a b/"); }},
      {Error::unsupported_url_scheme, [] { return client_request_end("https://example.org/"); }},
      {Error::missing_host_name, [] { return url_error("ws:///"); }},
      {Error::invalid_port, [] { return url_error("ws://a:99999/"); }},
      {Error::url_has_fragment, [] { return url_error("ws://a/#b"); }},

      {Error::handshake_timeout,
       [] {
         Connection server = Connection::server();
         tell(server, at(0s));
         return tell(server, at(1h)).back().why;
       }},
      {Error::idle_timeout,
       [] {
         Config config;
         config.idle_timeout = 15s;
         return time_end(config);
       }},
      {Error::pong_timeout,
       [] {
         Config config;
         config.ping_interval = 10s;
         config.pong_timeout = 5s;
         return time_end(config);
       }},
      {Error::close_timeout,
       [] {
         Connection server = open_server();
         tell(server, at(0s));
         CHECK_FALSE(server.close());
         take_output(server);
         return tell(server, at(1h)).back().why;
       }},
      {Error::write_timeout,
       [] {
         Connection server = open_server();
         tell(server, at(0s));
         CHECK_FALSE(server.send(Kind::text, bytes_of("x")));
         return tell(server, at(1h)).back().why;
       }},
      {Error::message_timeout,
       [] {
         Config config;
         config.message_timeout = 1s;
         Connection server = open_server(config);
         tell(server, at(0s));
         feed(server, client_frame(begin_text));
         return tell(server, at(1s)).back().why;
       }},

      {Error::connection_reset,
       [] {
         Connection server = open_server();
         return feed_eof(server).back().why;
       }},
      {Error::closed_with_error,
       [] {
         Connection server = open_server();
         feed(server, client_frame(close_frame, close_body(1011)));
         return feed_eof(server).back().why;
       }},

      {Error::not_open,
       [] {
         Connection server = Connection::server();
         return server.ping();
       }},
      {Error::send_after_close,
       [] {
         Connection server = open_server();
         CHECK_FALSE(server.close());
         return server.ping();
       }},
      {Error::no_request,
       [] {
         Connection server = Connection::server();
         return server.accept();
       }},
      {Error::not_an_upgrade,
       [] {
         return answer_status([](Connection& server) { return server.accept(); },
                              "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
       }},
      {Error::message_kind_changed,
       [] {
         Connection server = open_server();
         CHECK_FALSE(server.send(Kind::text, ConstBytes{}, false));
         return server.send(Kind::binary, ConstBytes{});
       }},
      {Error::message_unfinished,
       [] {
         Connection server = open_server();
         CHECK_FALSE(server.send(Kind::text, ConstBytes{}, false));
         return server.send(Kind::text, SharedBytes());
       }},
      {Error::control_payload_too_long,
       [] {
         Connection server = open_server();
         return server.ping(bytes_of(std::string(126, 'x')));
       }},
      {Error::close_code_not_sendable,
       [] {
         Connection server = open_server();
         return server.close(CloseCode::abnormal);
       }},
      {Error::close_reason_too_long,
       [] {
         Connection server = open_server();
         return server.close(CloseCode::normal, std::string(124, 'x'));
       }},
      {Error::close_reason_not_utf8,
       [] {
         Connection server = open_server();
         return server.close(CloseCode::normal, "\xFF");
       }},
      {Error::invalid_header,
       [] { return client_request_end(ClientRequest("ws://a/").header("a b", "c")); }},
      {Error::reserved_header,
       [] { return client_request_end(ClientRequest("ws://a/").header("upgrade", "h2c")); }},
      {Error::invalid_subprotocol,
       [] { return client_request_end(ClientRequest("ws://a/").subprotocol("")); }},
      {Error::subprotocol_not_requested,
       [] {
         return answer_status(
             [](Connection& server) { return server.accept({.subprotocol = "a"}); });
       }},
      {Error::invalid_status,
       [] {
         return answer_status([](Connection& server) { return server.refuse({.status = 100}); });
       }},
      {Error::no_entropy,
       [] {
         Connection client = Connection::from_raw(Role::client, nullptr);
         return client.ping();
       }},
      {Error::invalid_config,
       [] { return make_error_code(Config{.write_buffer_size = 0}.check()); }},
  };
  return table;
}

}  // namespace

TEST_CASE("every Error is produced") {
  std::array<int, error_names.size()> produced{};
  for (const Row& row : rows()) {
    INFO(name_of(row.error));
    CHECK(name_of(row.produce()) == name_of(row.error));
    ++produced[static_cast<std::size_t>(row.error)];
  }
  // Connections hand out events, so only adapters know of waits: tests/adapter/asio_test.cpp, and
  // contract_loop.cpp.
  ++produced[static_cast<std::size_t>(Error::already_reading)];
  ++produced[static_cast<std::size_t>(Error::already_accepting)];
  for (std::size_t value = 0; value < produced.size(); ++value) {
    CHECK_MESSAGE(produced[value] == 1, name_of(static_cast<Error>(value)));
  }
}

TEST_CASE("every Error that ends a connection has a class, and a message that is not another's") {
  for (std::size_t value = 1; value < error_names.size(); ++value) {
    const std::error_code code = static_cast<Error>(value);
    int classes = 0;
    for (const ErrorClass candidate :
         {ErrorClass::protocol, ErrorClass::utf8, ErrorClass::capacity, ErrorClass::handshake,
          ErrorClass::url, ErrorClass::timeout, ErrorClass::closed, ErrorClass::misuse}) {
      classes += code == candidate;
    }
    CHECK_MESSAGE(classes == 1, name_of(code));
    for (std::size_t other = 0; other < value; ++other) {
      CHECK(code.message() != make_error_code(static_cast<Error>(other)).message());
    }
  }
}

}  // namespace wolframite::test
