#include "pair.hpp"

#include <algorithm>
#include <system_error>

#include "check.hpp"

namespace wolframite::fuzz {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t largest_message = 3000;
constexpr std::size_t write_limit = 2048;

Config timed_config(Reader& input) {
  Config config = chosen_config(input);
  // Offered, agreed on and used both ways, unless nothing that shapes it was chosen.
  config.deflate.enabled =
      config.deflate.server_no_context_takeover || config.deflate.client_window_bits == 9;
  config.deflate.threshold = 4;
  config.max_head_size = 64 * 1024;
  config.max_headers = 124;
  config.write_buffer_size = write_limit / 2;
  config.max_write_buffer_size = write_limit;
  const auto time = [&input] {
    return input.one_of({milliseconds(20'000), milliseconds(0), milliseconds(1), milliseconds(500),
                         milliseconds::max()});
  };
  config.handshake_timeout = time();
  config.idle_timeout = time();
  config.ping_interval = time();
  config.pong_timeout = time();
  config.close_timeout = time();
  REQUIRE(config.check() == Error::none);
  return config;
}

/// An owner that misuses the connection is told so, and nothing worse.
void expect_misuse_or_full(std::error_code status) {
  REQUIRE(!status || status == ErrorClass::misuse || status == ErrorClass::closed ||
          status == Error::write_buffer_full);
}

}  // namespace

Pair::Pair(Reader& input)
    : input_(input),
      config_(timed_config(input)),
      reads_(input),
      writes_(input),
      client_(Connection::client(ClientRequest("ws://example.org/").subprotocol("chat"), entropy_,
                                 config_)),
      server_(Connection::server(config_)) {}

void Pair::step() {
  const bool is_client = input_.flag();
  End& end = is_client ? client_ : server_;
  End& peer = is_client ? server_ : client_;
  switch (input_.up_to(11)) {
    case 0:
    case 1:
      send(end);
      break;
    case 2:
      command(end);
      break;
    case 3:
    case 4:
      transfer(end, peer, input_.up_to(255));
      break;
    case 5:
    case 6:
      deliver(end, input_.up_to(255));
      break;
    case 7:
      turn(end, peer);
      break;
    case 8:
      now_ += milliseconds(input_.one_of({1, 0, 200, 5000, 60'000}));
      advance(end);
      break;
    case 9:
      if (!end.arriving.empty()) {
        char& octet = end.arriving[input_.up_to(255) % end.arriving.size()];
        octet = static_cast<char>(octet ^ (1 << input_.up_to(7)));
        corrupted_ = true;
      }
      break;
    case 10: {
      Connection moved(std::move(end.connection));
      end.connection = std::move(moved);
      break;
    }
    case 11:
      if (input_.up_to(15) == 15) cut();
      break;
  }
  check_bounds(end);
}

void Pair::send(End& end) {
  const std::size_t size = input_.one_of<std::size_t>({5, 0, 1, 125, 126, 1200, largest_message});
  const std::size_t how = input_.up_to(7);
  const Kind kind = (how & 1U) != 0 ? Kind::text : Kind::binary;
  const bool last = (how & 2U) == 0;
  const bool shared = how == 4;
  const std::string payload(size, static_cast<char>('a' + end.sent.size() % 26));
  const std::size_t pending = end.connection.pending_output();
  const std::error_code status = shared ? end.connection.send(kind, SharedBytes(payload))
                                        : end.connection.send(kind, bytes_of(payload), last);
  expect_misuse_or_full(status);
  REQUIRE(!status || end.connection.pending_output() == pending);
  if (status) return;
  end.unfinished += payload;
  if (!last && !shared) return;
  end.sent.push_back(line_of_message(kind, end.unfinished));
  end.unfinished.clear();
}

void Pair::command(End& end) {
  const std::string text(input_.one_of<std::size_t>({0, 3, 123, 125, 126}), 'r');
  switch (input_.up_to(4)) {
    case 0:
      return expect_misuse_or_full(end.connection.ping(bytes_of(text)));
    case 1:
      return expect_misuse_or_full(end.connection.pong(bytes_of(text)));
    case 2:
      return expect_misuse_or_full(end.connection.accept());
    case 3:
      return expect_misuse_or_full(end.connection.refuse({.status = 404}));
    default:
      const int code = input_.one_of({1000, 1001, 1005, 1006, 4999, 5000});
      return expect_misuse_or_full(end.connection.close(static_cast<CloseCode>(code), text));
  }
}

// `buffer` is where the event was received from.
void Pair::handle(End& end, const Event& event, const SharedBytes& buffer) {
  end.recorder.add(event);
  if (std::holds_alternative<Requested>(event) && input_.up_to(7) < 7) {
    expect_misuse_or_full(end.connection.accept({.subprotocol = "chat"}));
  }
  // One end only, or messages would go on for ever.
  const auto* message = std::get_if<Message>(&event);
  if (message != nullptr && &end == &server_ && ++pieces_seen_ % 2 == 0)
    send_on(end, *message, pieces_seen_ % 4 == 0 ? buffer : SharedBytes());
}

void Pair::send_on(End& end, Message message, SharedBytes buffer) {
  const std::string text(message.text());
  const std::size_t pending = end.connection.pending_output();
  const std::error_code status = buffer.size() == 0
                                     ? end.connection.send(Message(message))
                                     : end.connection.send(Message(message), std::move(buffer));
  expect_misuse_or_full(status);
  REQUIRE(!status || end.connection.pending_output() == pending);
  if (status) return;
  end.unfinished += text;
  if (!message.last) return;
  end.sent.push_back(line_of_message(message.kind, end.unfinished));
  end.unfinished.clear();
}

void Pair::transfer(End& from, End& to, std::size_t limit) {
  const std::string taken = take_output(from.connection, writes_, limit);
  if (!to.input_ends) to.arriving += taken;
  if (from.connection.wants_shutdown()) to.input_ends = true;
}

void Pair::deliver(End& end, std::size_t limit) {
  const std::string part = end.arriving.substr(0, limit);
  end.arriving.erase(0, part.size());
  if (!end.input_ended) {
    std::string_view left = part;
    do {
      const auto piece = std::make_shared<std::string>(left.substr(0, reads_.next(left.size())));
      left.remove_prefix(piece->size());
      Bytes in = std::as_writable_bytes(std::span(*piece));
      const SharedBytes buffer(piece, in);
      while (const auto event = end.connection.receive(in)) handle(end, *event, buffer);
      REQUIRE(in.empty() || corrupted_);  // what lies behind a request is not taken
    } while (!left.empty());
  }
  if (!end.arriving.empty() || !end.input_ends || end.input_ended) return;
  end.input_ended = true;
  while (const auto event = end.connection.receive_eof()) handle(end, *event);
  REQUIRE(end.recorder.has_closed());
}

void Pair::advance(End& end) {
  while (const auto event = end.connection.advance(now_)) handle(end, *event);
  if (const auto due = end.connection.deadline()) REQUIRE(*due > now_);
}

void Pair::cut() {
  for (End* end : {&client_, &server_}) {
    end->arriving.clear();
    end->input_ends = end->input_ended = true;
    const std::error_code why = std::make_error_code(std::errc::connection_reset);
    while (const auto event = end->connection.receive_eof(why)) handle(*end, *event);
  }
}

/// As an adapter does it. Returns whether anything happened.
bool Pair::turn(End& end, End& peer) {
  const std::size_t before = end.recorder.lines().size() + end.arriving.size() +
                             end.connection.pending_output() + (end.input_ended ? 1 : 0);
  advance(end);
  deliver(end, std::string::npos);
  transfer(end, peer, std::string::npos);
  if (end.connection.is_terminated()) peer.input_ends = true;
  check_bounds(end);
  const std::size_t after = end.recorder.lines().size() + end.arriving.size() +
                            end.connection.pending_output() + (end.input_ended ? 1 : 0);
  return before != after || !peer.arriving.empty() || (peer.input_ends && !peer.input_ended);
}

void Pair::settle() {
  const auto run = [this] {
    constexpr int enough = 1000;
    int rounds = 0;
    for (bool busy = true; busy; ++rounds) {
      REQUIRE(rounds < enough);
      busy = turn(client_, server_);
      busy = turn(server_, client_) || busy;
    }
  };
  run();
  for (End* end : {&client_, &server_}) expect_misuse_or_full(end->connection.close());
  run();
  constexpr int enough_deadlines = 8;
  for (int i = 0; i < enough_deadlines; ++i) {
    const auto due = std::min(client_.connection.deadline().value_or(Time::max()),
                              server_.connection.deadline().value_or(Time::max()));
    if (due == Time::max()) break;
    now_ = std::max(now_, due);
    run();
  }
  const auto is_set = [](milliseconds time) { return time.count() != 0 && time != time.max(); };
  if (is_set(config_.handshake_timeout) && is_set(config_.close_timeout)) {
    REQUIRE(client_.recorder.has_closed() && server_.recorder.has_closed());
  }
  check_messages(client_, server_);
  check_messages(server_, client_);
  cut();
}

void Pair::check_over() {
  for (End* end : {&client_, &server_}) {
    Connection& connection = end->connection;
    REQUIRE(end->recorder.has_closed());
    take_output(connection, writes_);
    REQUIRE(connection.is_terminated() && connection.wants_shutdown() && !connection.wants_read());
    REQUIRE(!connection.deadline() && !connection.is_open());
    Bytes nothing;
    REQUIRE(!connection.receive(nothing) && !connection.receive_eof());
    REQUIRE(!connection.advance(now_ + std::chrono::hours(1)));
    for (const std::error_code status : {connection.close(), connection.ping()}) {
      REQUIRE(status == ErrorClass::misuse || status == ErrorClass::closed);
    }
    REQUIRE(!connection.wants_write());
  }
}

void Pair::check_bounds(const End& end) const {
  constexpr std::size_t frame = FrameHeader::max_size + largest_message;
  constexpr std::size_t pongs = 34 * 131;
  constexpr std::size_t close_or_handshake = 512;
  REQUIRE(end.connection.pending_output() <= write_limit + frame + pongs + close_or_handshake);
}

/// What arrives was sent, in that order; and all of it, if the receiver saw a clean end.
void Pair::check_messages(const End& from, const End& to) const {
  if (corrupted_) return;
  const Lines& got = to.recorder.messages();
  REQUIRE(got.size() <= from.sent.size());
  REQUIRE_SAME(got, Lines(from.sent.begin(), from.sent.begin() + static_cast<long>(got.size())));
  REQUIRE(!to.recorder.is_clean() || got.size() == from.sent.size());
}

}  // namespace wolframite::fuzz
