// Invariant: a server reads a request as a naive reading does, asks its owner only about one
// without fault, and answers any with just one complete response; before the answer it takes no
// more.
#include "support/check.hpp"
#include "support/naive.hpp"
#include "support/owner.hpp"
#include "wolframite/accept_key.hpp"

using namespace wolframite;
using namespace wolframite::fuzz;

namespace {

void check_asked(const naive::Head& head, const Request& request) {
  REQUIRE(head.is_complete && head.first == request.method && request.target == head.second);
  REQUIRE(head.first != "CONNECT" && request.version_minor == head.minor);
  REQUIRE(head.values("Host").size() + (head.minor == 0) >= 1);
  REQUIRE(head.values("Host").size() <= 1 && head.values("Transfer-Encoding").empty());
  const auto length = head.values("Content-Length");
  REQUIRE(length.empty() || (length.size() == 1 && length[0] == "0"));
  if (!request.is_upgrade()) return;
  REQUIRE(head.first == "GET" && head.minor == 1);
  REQUIRE(head.values("Sec-WebSocket-Version") == Lines{"13"});
  const auto keys = head.values("Sec-WebSocket-Key");
  REQUIRE(keys.size() == 1 && keys[0].size() == 24 && keys[0].ends_with("=="));
  REQUIRE(!head.values("Upgrade").empty() && !head.values("Connection").empty());
  REQUIRE(request.subprotocols().empty() == head.values("Sec-WebSocket-Protocol").empty());
}

std::error_code answer(Connection& server, const Request& request, std::size_t how) {
  const std::error_code refusal = server.refuse({.headers = {{"X", "a\r\nContent-Length: 9"}}});
  REQUIRE(refusal == Error::invalid_header && !server.wants_write());
  if (how == 0) return server.refuse({.status = 403, .body = "no"});
  const auto asked = request.subprotocols();
  return server.accept({.subprotocol = std::string(asked.empty() ? "" : asked.back())});
}

void check_answer(const std::string& output, const naive::Head& request, std::error_code why,
                  bool to_head) {
  const naive::Head head = naive::read_head(output, false, 1 << 20, 100);
  REQUIRE(head.is_complete);
  if (head.status == "101") {
    REQUIRE(head.taken == output.size());
    const std::string key = request.values("Sec-WebSocket-Key").at(0);
    return REQUIRE_SAME(head.values("Sec-WebSocket-Accept"), {derive_accept_key(key)});
  }
  const Error error = static_cast<Error>(why.value());
  const bool refused = error == Error::refused || error == Error::plain_http;
  REQUIRE(head.status == std::to_string(refused ? 403 : http_status_for(error)));
  if (to_head && head.taken == output.size()) return;  // its length is that of what is left out
  REQUIRE_SAME(head.values("Content-Length"), {std::to_string(output.size() - head.taken)});
  REQUIRE(head.values("Connection").at(0).starts_with("close"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader input(data, size);
  const Config config = chosen_config(input);
  Cutter reads(input);
  Cutter writes(input);
  const std::size_t how = input.up_to(2);  // 2 leaves the request without an answer
  const std::string text = input.rest();
  const naive::Head head = naive::read_head(text, true, config.max_head_size, config.max_headers);

  Connection server = Connection::server(config);
  Recorder recorder;
  const std::size_t end = head.is_complete ? head.taken : text.size();
  const std::string_view fed = std::string_view(text).substr(0, end);
  bool accepted = false;
  receive_all(server, fed, reads, recorder, [&](const Event& event) {
    if (const auto* asked = std::get_if<Requested>(&event)) {
      check_asked(head, asked->request);
      accepted = how < 2 && !answer(server, asked->request, how) && how == 1;
    }
  });
  const std::string output = take_output(server, writes);
  if (head.error != Error::none) REQUIRE(recorder.why() == head.error);
  std::string behind = text.substr(end);
  Bytes in = std::as_writable_bytes(std::span(behind));
  if (output.empty()) REQUIRE(!server.receive(in) && in.size() == behind.size());
  const bool to_head = text.starts_with("HEAD ") || text.starts_with("\r\nHEAD ");
  if (!output.empty()) check_answer(output, head, recorder.why(), to_head);
  REQUIRE(output.empty() == (!recorder.has_opened() && !recorder.has_closed()));
  REQUIRE(recorder.has_opened() == accepted);
  receive_end(server, recorder);
  return 0;
}
