// Two sides agree on permessage-deflate only as both said they would (RFC 7692 §5, §7.1).
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "deflate_negotiation.hpp"
#include "handshake.hpp"

namespace wolframite::detail {
namespace {

constexpr std::string_view header = "Sec-WebSocket-Extensions";

struct Choice {
  DeflateParameters agreed;
  std::string answer;
};

Choice choose(std::string_view offer, DeflateConfig config = {.enabled = true}) {
  Choice choice;
  const Headers headers{{header, offer}};
  std::size_t count = 0;
  REQUIRE(check_extensions(headers, count) == Error::none);
  choice.agreed = choose_deflate(headers, config, choice.answer);
  CHECK(choice.agreed.enabled == !choice.answer.empty());
  return choice;
}

Error read(std::string_view answer, DeflateParameters& agreed,
           DeflateConfig config = {.enabled = true}) {
  return read_deflate_answer(Headers{{header, answer}}, config, agreed);
}

TEST_CASE("a server without compression takes no offer") {
  CHECK(choose("permessage-deflate", {}).answer.empty());
}

TEST_CASE("an offer without parameters gets the largest windows and context takeover") {
  const Choice choice = choose("permessage-deflate");
  CHECK(choice.answer == "permessage-deflate");
  CHECK(choice.agreed == DeflateParameters{.enabled = true});
}

TEST_CASE("each parameter of an offer is met") {
  const Choice choice = choose(
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
      "server_max_window_bits=10; client_max_window_bits=11");
  CHECK(choice.agreed == DeflateParameters{.enabled = true,
                                           .server_no_context_takeover = true,
                                           .client_no_context_takeover = true,
                                           .server_window_bits = 10,
                                           .client_window_bits = 11});
  CHECK(choice.answer ==
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        "server_max_window_bits=10; client_max_window_bits=11");
}

TEST_CASE("every window size is agreed to, quoted or not") {
  for (int bits = 8; bits <= 15; ++bits) {
    const std::string value = std::to_string(bits);
    CHECK(choose("permessage-deflate; server_max_window_bits=" + value).agreed.server_window_bits ==
          bits);
    CHECK(choose("permessage-deflate; server_max_window_bits=\"" + value + "\"")
              .agreed.server_window_bits == bits);
    CHECK(choose("permessage-deflate; client_max_window_bits=" + value).agreed.client_window_bits ==
          bits);
  }
}

TEST_CASE("a server that wants a smaller client window needs the client to understand it") {
  const DeflateConfig small{.enabled = true, .client_window_bits = 10};
  CHECK(choose("permessage-deflate", small).answer.empty());
  const Choice choice = choose("permessage-deflate; client_max_window_bits", small);
  CHECK(choice.answer == "permessage-deflate; client_max_window_bits=10");
  CHECK(choice.agreed.client_window_bits == 10);
}

TEST_CASE("a server's own settings narrow what was offered") {
  const DeflateConfig config{.enabled = true,
                             .server_window_bits = 9,
                             .server_no_context_takeover = true,
                             .client_no_context_takeover = true};
  const Choice choice = choose("permessage-deflate; server_max_window_bits=12", config);
  CHECK(choice.answer ==
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        "server_max_window_bits=9");
}

TEST_CASE("SEC-14 an offer with a bad parameter is passed over, and the next one taken") {
  const std::vector<std::string> bad{"server_max_window_bits",
                                     "server_max_window_bits=7",
                                     "server_max_window_bits=16",
                                     "server_max_window_bits=1000",
                                     "server_max_window_bits=08",
                                     "server_max_window_bits=\"015\"",
                                     "server_max_window_bits=1e1",
                                     "client_max_window_bits=7",
                                     "client_max_window_bits=16",
                                     "client_max_window_bits=-1",
                                     "client_max_window_bits=99999999999999999999",
                                     "server_no_context_takeover=1",
                                     "client_no_context_takeover=yes",
                                     "unknown",
                                     "unknown=1",
                                     "server_no_context_takeover; server_no_context_takeover",
                                     "client_max_window_bits; client_max_window_bits=10",
                                     "server_max_window_bits=10; server_max_window_bits=10"};
  for (const std::string& parameter : bad) {
    CAPTURE(parameter);
    CHECK(choose("permessage-deflate; " + parameter).answer.empty());
    const Choice second = choose("permessage-deflate; " + parameter +
                                 ", x-other; a=b, permessage-deflate; server_max_window_bits=9");
    CHECK(second.answer == "permessage-deflate; server_max_window_bits=9");
  }
}

TEST_CASE("offers may be spread over several header lines") {
  std::string answer;
  const Headers headers{{header, "permessage-deflate; unknown"}, {header, "permessage-deflate"}};
  CHECK(choose_deflate(headers, {.enabled = true}, answer).enabled);
  CHECK(answer == "permessage-deflate");
}

TEST_CASE("a client offers what its settings say") {
  CHECK(offer_deflate({}).empty());
  CHECK(offer_deflate({.enabled = true}) == "permessage-deflate; client_max_window_bits");
  CHECK(offer_deflate({.enabled = true,
                       .server_window_bits = 9,
                       .client_window_bits = 10,
                       .server_no_context_takeover = true,
                       .client_no_context_takeover = true}) ==
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        "server_max_window_bits=9; client_max_window_bits=10");
}

TEST_CASE("a client takes the answers that its offer allows") {
  DeflateParameters agreed;
  CHECK(read("permessage-deflate", agreed) == Error::none);
  CHECK(agreed == DeflateParameters{.enabled = true});
  CHECK(read("permessage-deflate; server_max_window_bits=8; client_max_window_bits=\"9\"; "
             "server_no_context_takeover; client_no_context_takeover",
             agreed) == Error::none);
  CHECK(agreed == DeflateParameters{.enabled = true,
                                    .server_no_context_takeover = true,
                                    .client_no_context_takeover = true,
                                    .server_window_bits = 8,
                                    .client_window_bits = 9});
  CHECK(read_deflate_answer({}, {.enabled = true}, agreed) == Error::none);
  CHECK_FALSE(agreed.enabled);
}

TEST_CASE("SEC-14 a client refuses an answer that was not offered, or is malformed") {
  DeflateParameters agreed;
  for (const std::string_view answer :
       {"x-other", "permessage-deflate, permessage-deflate", "permessage-deflate; unknown",
        "permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=0",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9"}) {
    CAPTURE(answer);
    CHECK(read(answer, agreed) == Error::unrequested_extension);
  }
  CHECK(read("permessage-deflate", agreed, {}) == Error::unrequested_extension);
}

TEST_CASE("SEC-14 a client refuses an answer wider than it offered") {
  DeflateParameters agreed;
  const DeflateConfig narrow{.enabled = true, .server_window_bits = 10, .client_window_bits = 10};
  CHECK(read("permessage-deflate", agreed, narrow) == Error::unrequested_extension);
  CHECK(read("permessage-deflate; server_max_window_bits=11", agreed, narrow) ==
        Error::unrequested_extension);
  CHECK(read("permessage-deflate; server_max_window_bits=10; client_max_window_bits=11", agreed,
             narrow) == Error::unrequested_extension);
  CHECK(read("permessage-deflate; server_max_window_bits=10", agreed, narrow) == Error::none);
  CHECK(agreed.client_window_bits == 10);
  const DeflateConfig forgetful{.enabled = true, .server_no_context_takeover = true};
  CHECK(read("permessage-deflate", agreed, forgetful) == Error::unrequested_extension);
  CHECK(read("permessage-deflate; server_no_context_takeover", agreed, forgetful) == Error::none);
}

}  // namespace
}  // namespace wolframite::detail
