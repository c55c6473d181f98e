// Invariant: however a connection ends, Closed is the last event, comes once, and says truly how.
#include <doctest/doctest.h>

#include "support.hpp"

namespace wolframite::test {
namespace {

const std::error_code reset = std::make_error_code(std::errc::connection_reset);

}  // namespace

TEST_CASE(
    "the peer's Close is echoed with its code and reason, and the server ends the stream first") {
  Connection server = open_server();
  CHECK(feed(server, client_frame(close_frame, close_body(4001, "bye"))) ==
        Records{closing(4001, "bye")});
  CHECK_FALSE(server.is_open());
  CHECK_FALSE(server.wants_shutdown());
  CHECK(take_output(server) == server_frame(close_frame, close_body(4001, "bye")));
  CHECK(server.wants_shutdown());
  CHECK(server.wants_read());
  CHECK_FALSE(server.is_terminated());
  CHECK(feed_eof(server) == Records{closed_with_error(4001, "bye")});
  CHECK(server.is_terminated());
  CHECK_FALSE(server.wants_read());
}

TEST_CASE("SEC-40 a Close of the peer's with an error is an error to whoever sends after it") {
  for (const unsigned code : {1000U, 1001U, 1005U, 1002U, 1009U, 1011U, 3000U, 4999U}) {
    CAPTURE(code);
    const bool usual = code == 1000 || code == 1001 || code == 1005;
    const std::error_code why =
        usual ? std::error_code() : make_error_code(Error::closed_with_error);
    const std::error_code refusal = usual ? make_error_code(Error::send_after_close) : why;
    Connection server = open_server();
    feed(server, client_frame(close_frame, code == 1005 ? "" : close_body(code)));
    CHECK(server.why_closed() == why);
    CHECK(server.send(Kind::text, bytes_of("x")) == refusal);
    CHECK(server.send(Kind::text, SharedBytes(std::string(5000, 'x'))) == refusal);
    CHECK(server.ping() == refusal);
    CHECK(server.close() == refusal);
    take_output(server);
    CHECK(feed_eof(server) == Records{usual ? closed(code) : closed_with_error(code)});
    CHECK(server.send(Kind::text, bytes_of("x")) == refusal);
  }
}

TEST_CASE("the answer to our own Close is no error, whatever its code") {
  Connection server = open_server();
  CHECK_FALSE(server.close(CloseCode{4000}, "enough"));
  take_output(server);
  feed(server, client_frame(close_frame, close_body(4000)));
  CHECK(feed_eof(server) == Records{closed(4000)});
}

TEST_CASE("a server may close at once when the closing handshake is done and written") {
  Connection answers = open_server();
  CHECK_FALSE(answers.may_close());
  feed(answers, client_frame(close_frame, close_body(1000)));
  CHECK_FALSE(answers.may_close());
  take_output(answers);
  CHECK(answers.may_close());

  Connection begins = open_server();
  CHECK_FALSE(begins.close());
  take_output(begins);
  CHECK_FALSE(begins.may_close());
  feed(begins, client_frame(close_frame, close_body(1000)));
  CHECK(begins.may_close());
  CHECK(feed_eof(begins) == Records{closed(1000)});
  CHECK(begins.is_terminated());
  CHECK_FALSE(begins.may_close());

  // One that failed has to see to it that its Close is read.
  Connection fails = open_server();
  feed(fails, client_frame(0x83, "reserved"));
  take_output(fails);
  CHECK(fails.wants_shutdown());
  CHECK_FALSE(fails.may_close());

  TestEntropy entropy;
  Connection client = open_client(entropy);
  feed(client, server_frame(close_frame, close_body(1000)));
  take_output(client);
  CHECK_FALSE(client.may_close());
}

TEST_CASE("a client waits for the server to end the stream") {
  TestEntropy entropy;
  Connection client = open_client(entropy);
  CHECK(feed(client, server_frame(close_frame, close_body(1001))) == Records{closing(1001)});
  take_output(client);
  CHECK_FALSE(client.wants_shutdown());
  CHECK(client.wants_read());
  CHECK(feed_eof(client) == Records{closed(1001)});
  CHECK(client.wants_shutdown());
  CHECK(client.is_terminated());
}

TEST_CASE("a Close without body is echoed without one") {
  Connection server = open_server();
  CHECK(feed(server, client_frame(close_frame)) == Records{closing(1005)});
  CHECK(take_output(server) == server_frame(close_frame));
  CHECK(feed_eof(server) == Records{closed(1005)});
}

TEST_CASE("after close() data still arrives until the peer's Close, which is not echoed again") {
  Connection server = open_server();
  CHECK_FALSE(server.close(CloseCode::going_away, "restart"));
  CHECK_FALSE(server.is_open());
  CHECK(take_output(server) == server_frame(close_frame, close_body(1001, "restart")));
  CHECK_FALSE(server.wants_shutdown());
  CHECK(feed(server, client_frame(final_text, "one") + client_frame(begin_text, "t")) ==
        Records{text("one")});
  CHECK(feed(server, client_frame(final_continuation, "wo")) == Records{text("two")});
  CHECK(feed(server, client_frame(close_frame, close_body(1000))) == Records{closing(1000)});
  CHECK_FALSE(server.wants_write());
  CHECK(server.wants_shutdown());
  CHECK(feed_eof(server) == Records{closed(1000)});
}

TEST_CASE("every code that may be sent is, and comes back as it was") {
  for (unsigned code = 0; code < 66000; code += code < 5100 ? 1 : 997) {
    const auto close_code = static_cast<CloseCode>(code);
    const bool allowed = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                         (code >= 3000 && code <= 4999);
    Connection server = open_server();
    const std::error_code error = server.close(close_code, "r");
    if (allowed != !error) CHECK_MESSAGE(allowed == !error, code);
    if (allowed && take_output(server) != server_frame(close_frame, close_body(code, "r"))) {
      FAIL_CHECK("sent otherwise: ", code);
    }
  }
}

TEST_CASE("a Close that cannot be sent is refused and nothing is done") {
  Connection server = open_server();
  CHECK(server.close(CloseCode::no_status, "but a reason") == Error::close_code_not_sendable);
  CHECK(server.close(CloseCode::abnormal) == Error::close_code_not_sendable);
  CHECK(server.close(CloseCode::normal, std::string(124, 'x')) == Error::close_reason_too_long);
  CHECK(server.close(CloseCode::normal, "\xFF") == Error::close_reason_not_utf8);
  CHECK(server.is_open());
  CHECK_FALSE(server.wants_write());
  CHECK_FALSE(server.close(CloseCode::normal, std::string(123, 'x')));
  CHECK(server.close() == Error::send_after_close);
  CHECK(take_output(server) == server_frame(close_frame, close_body(1000, std::string(123, 'x'))));
}

TEST_CASE("close(no_status) sends an empty body") {
  Connection server = open_server();
  CHECK_FALSE(server.close(CloseCode::no_status));
  CHECK(take_output(server) == server_frame(close_frame));
}

TEST_CASE("both sides closing at once is a clean end") {
  Connection server = open_server();
  CHECK_FALSE(server.close(CloseCode::normal));
  CHECK(feed(server, client_frame(close_frame, close_body(3000))) == Records{closing(3000)});
  CHECK(take_output(server) == server_frame(close_frame, close_body(1000)));
  CHECK(feed_eof(server) == Records{closed_with_error(3000)});
}

TEST_CASE("the end of the stream without a Close is a reset") {
  for (const bool closing_ourselves : {false, true}) {
    Connection server = open_server();
    CHECK(feed(server, client_frame(begin_text, "unfinished")).empty());
    if (closing_ourselves) CHECK_FALSE(server.close());
    CHECK(feed_eof(server) == Records{closed(Error::connection_reset, 1006)});
    CHECK(server.is_terminated() == !closing_ourselves);
    take_output(server);
    CHECK(server.is_terminated());
    CHECK(server.wants_shutdown());
    CHECK(feed_eof(server).empty());
    CHECK(server.send(Kind::text, bytes_of("x")) == Error::send_after_close);
  }
}

TEST_CASE("SEC-40 what was queued before the peer ended its sending side is still written") {
  Connection server = open_server();
  CHECK(feed(server, client_frame(final_text, "a")) == Records{text("a")});
  CHECK_FALSE(server.send(Kind::text, bytes_of("echo")));
  CHECK(feed_eof(server) == Records{closed(Error::connection_reset, 1006)});
  CHECK_FALSE(server.is_terminated());
  CHECK(take_output(server) == server_frame(final_text, "echo"));
  CHECK(server.wants_shutdown());
  CHECK(server.is_terminated());

  Connection broken = open_server();
  CHECK_FALSE(broken.send(Kind::text, bytes_of("nobody reads this")));
  CHECK(feed_eof(broken, reset) == Records{closed(reset, 1006)});
  CHECK(broken.is_terminated());
}

TEST_CASE("the transport's reason is told") {
  Connection server = open_server();
  CHECK(feed_eof(server, reset) == Records{closed(reset, 1006)});
  Connection handshaking = Connection::server();
  CHECK(feed_eof(handshaking, reset) == Records{closed(reset, 1006)});
}

TEST_CASE("a half-closed peer still gets our echo") {
  Connection server = open_server();
  feed(server, client_frame(close_frame, close_body(1000)));
  CHECK(feed_eof(server) == Records{closed(1000)});
  CHECK_FALSE(server.is_terminated());
  CHECK_FALSE(server.wants_shutdown());
  CHECK(take_output(server) == server_frame(close_frame, close_body(1000)));
  CHECK(server.wants_shutdown());
  CHECK(server.is_terminated());
}

TEST_CASE("an end is not clean if our Close never left") {
  SUBCASE("reset with the echo still queued") {
    Connection server = open_server();
    feed(server, client_frame(close_frame, close_body(1000)));
    CHECK(feed_eof(server, reset) == Records{closed(reset, 1000)});
    CHECK(server.is_terminated());
  }
  SUBCASE("out of time with the echo still queued") {
    Connection server = open_server();
    CHECK(tell(server, at(0s)).empty());
    feed(server, client_frame(close_frame, close_body(1000)));
    CHECK(tell(server, at(10s)) == Records{closed(Error::close_timeout, 1000)});
    CHECK(server.is_terminated());
  }
  SUBCASE("but after both Closes went, a reset changes nothing") {
    Connection server = open_server();
    feed(server, client_frame(close_frame, close_body(1000)));
    take_output(server);
    CHECK(feed_eof(server, reset) == Records{closed(1000)});
  }
}

TEST_CASE("after a failure the stream is read and discarded until its end") {
  Connection server = open_server();
  CHECK(feed(server, "\xFF") == Records{failed(Error::reserved_bits_set)});
  CHECK(server.wants_read());
  CHECK(feed(server, Random(1).octets(10000)).empty());
  CHECK(server.close() == Error::send_after_close);
  CHECK(server.ping() == Error::send_after_close);
  take_output(server);
  CHECK(server.wants_shutdown());
  CHECK_FALSE(server.is_terminated());
  CHECK(feed_eof(server).empty());
  CHECK(server.is_terminated());
}

TEST_CASE("a violation after our Close sends no second one") {
  Connection server = open_server();
  CHECK_FALSE(server.close());
  take_output(server);
  CHECK(feed(server, "\xFF") == Records{failed(Error::reserved_bits_set)});
  CHECK_FALSE(server.wants_write());
  CHECK(server.wants_shutdown());
}

TEST_CASE("the end of the stream does not lose bytes read beyond the handshake") {
  const std::string part =
      client_frame(final_text, "early") + client_frame(close_frame, close_body(1000));
  Connection server = Connection::from_partially_read(bytes_of(part), Role::server, nullptr);
  CHECK(feed_eof(server) == Records{text("early"), closing(1000), closed(1000)});
}

TEST_CASE("a Close queued behind data leaves after it") {
  Connection server = open_server();
  CHECK_FALSE(server.send(Kind::text, bytes_of("last words")));
  CHECK_FALSE(server.close());
  CHECK(take_output(server) ==
        server_frame(final_text, "last words") + server_frame(close_frame, close_body(1000)));
}

}  // namespace wolframite::test
