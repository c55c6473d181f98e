// Invariant: a client opens only for a whole 101 that answers its own key and offer, hears frames
// from the octet after it, and takes anything else as a refusal of bounded size or as a fault.
#include "support/check.hpp"
#include "support/counting_entropy.hpp"
#include "support/naive.hpp"
#include "support/owner.hpp"
#include "wolframite/accept_key.hpp"

using namespace wolframite;
using namespace wolframite::fuzz;

namespace {

/// The last head in `text`, after interim ones, which count towards the limit of size.
naive::Head read_final_head(std::string_view text, const Config& config) {
  for (std::size_t before = 0;;) {
    naive::Head head = naive::read_head(text.substr(before), false, config.max_head_size - before,
                                        config.max_headers);
    head.taken += before;
    if (!head.is_complete || head.status == "101" || head.status[0] != '1') return head;
    before = head.taken;
  }
}

void check_opened(const naive::Head& head, const Opened& opened, const std::string& accept,
                  const Lines& asked) {
  REQUIRE(head.is_complete && head.status == "101" && opened.response->status == 101);
  REQUIRE(head.minor == 1);
  REQUIRE_SAME(head.values("Sec-WebSocket-Accept"), {accept});
  REQUIRE(head.values("Upgrade").size() == 1 && head.values("Upgrade")[0].size() == 9);
  REQUIRE(!head.values("Connection").empty());
  for (const std::string& list : head.values("Sec-WebSocket-Extensions")) {
    REQUIRE(list.find_first_not_of(", \t") == list.npos);
  }
  const std::string& chosen = opened.agreed.subprotocol;
  REQUIRE(asked.empty() == chosen.empty());
  if (asked.empty()) return;
  REQUIRE(chosen == asked[0] || chosen == asked[1]);
  REQUIRE_SAME(head.values("Sec-WebSocket-Protocol"), {chosen});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader input(data, size);
  const Config config = chosen_config(input);
  Cutter reads(input);
  Cutter writes(input);
  const Lines asked = input.flag() ? Lines{"chat", "superchat"} : Lines{};
  const std::string text = input.rest();
  const naive::Head head = read_final_head(text, config);

  CountingEntropy entropy;
  ClientRequest request("ws://example.org/chat");
  for (const std::string& name : asked) request.subprotocol(name);
  Connection client = Connection::client(request, entropy, config);
  const naive::Head sent = naive::read_head(take_output(client, writes), true, 4096, 100);
  REQUIRE(sent.is_complete && sent.second == "/chat");
  REQUIRE_SAME(sent.values("Host"), {"example.org"});
  const std::string accept = derive_accept_key(sent.values("Sec-WebSocket-Key").at(0));

  Recorder recorder;
  receive_all(client, text, reads, recorder, [&](const Event& event) {
    if (const auto* opened = std::get_if<Opened>(&event))
      check_opened(head, *opened, accept, asked);
    if (const auto* refused = std::get_if<Refused>(&event)) {
      REQUIRE(std::to_string(refused->response.status) == head.status && head.status != "101");
      REQUIRE(refused->response.body.size() <= config.max_refusal_body_size);
    }
  });
  if (head.error != Error::none) REQUIRE(recorder.why() == head.error);
  REQUIRE(recorder.has_opened() || !client.wants_write());
  receive_end(client, recorder);
  if (recorder.has_opened()) {
    Lines heard(recorder.lines().begin() + 1, recorder.lines().end());
    const std::string_view frames = std::string_view(text).substr(head.taken);
    REQUIRE_SAME(heard, naive::read_conversation(frames, Role::client, config).events);
  } else {
    REQUIRE(recorder.has_refused() == (recorder.why() == Error::refused));
  }
  return 0;
}
