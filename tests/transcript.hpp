// Transcripts: conversations written down in Markdown, as documentation that is run.
//
// A file is prose with fenced blocks, which are taken in their order:
//
//   setup         `role server` or `role client`; `handshake`, for a client with the URL, to begin
//   before it;
//                 or a member of Config and its value
//   receive       octets in hex that the peer sends; receive-text, lines that it sends with CR LF
//   between them eof           the peer ends the stream accept, close what the owner does: a
//   subprotocol; a code and a reason events        all that was told since the last such block, a
//   line each send          all that is to be written, in hex; send-text, as lines
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "support.hpp"

namespace wolframite::test {

struct Transcript {
  struct Block {
    std::string kind;
    std::string body;
  };
  std::string name;
  std::vector<Block> blocks;
};

inline std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t size = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, size));
    text.remove_prefix(std::min(size + 1, text.size()));
  }
  return lines;
}

inline Transcript read_transcript(const std::filesystem::path& path) {
  std::ifstream file(path);
  Transcript transcript{path.filename().string(), {}};
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with("```")) continue;
    Transcript::Block block{line.substr(3), {}};
    bool first = true;
    while (std::getline(file, line) && line != "```") {
      if (!first) block.body.push_back('\n');
      first = false;
      block.body.append(line);
    }
    transcript.blocks.push_back(std::move(block));
  }
  return transcript;
}

/// In the order of their names, so that they run the same everywhere.
inline std::vector<Transcript> read_transcripts(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".md") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Transcript> transcripts;
  for (const auto& path : paths) transcripts.push_back(read_transcript(path));
  return transcripts;
}

inline std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// What a `setup` block says.
struct TranscriptSetup {
  Role role = Role::server;
  bool handshake = false;
  std::string url;
  Config config;
};

inline TranscriptSetup read_setup(std::string_view body) {
  TranscriptSetup setup;
  for (const std::string& line : split_lines(body)) {
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string key = line.substr(0, space);
    const std::string value = line.substr(std::min(space + 1, line.size()));
    const auto size = [&] { return static_cast<std::size_t>(std::stoull(value)); };
    if (key == "role") {
      REQUIRE((value == "server" || value == "client"));
      setup.role = value == "client" ? Role::client : Role::server;
    } else if (key == "handshake") {
      setup.handshake = true;
      setup.url = value;
    } else if (key == "automatic_pong") {
      setup.config.automatic_pong = value == "true";
    } else if (key == "accept_unmasked_frames") {
      setup.config.accept_unmasked_frames = value == "true";
    } else if (key == "max_frame_size") {
      setup.config.max_frame_size = size();
    } else if (key == "max_message_size") {
      setup.config.max_message_size = size();
    } else {
      FAIL("unknown key: ", key);
    }
  }
  return setup;
}

inline Connection start(const TranscriptSetup& setup, Entropy& entropy) {
  if (!setup.handshake) return Connection::from_raw(setup.role, &entropy, setup.config);
  if (setup.role == Role::server) return Connection::server(setup.config);
  return Connection::client(setup.url, entropy, setup.config);
}

/// Runs a transcript, its input whole or by octets. Returns how many expectations it held to.
inline int run_transcript(const Transcript& transcript, bool by_octets) {
  INFO(transcript.name, by_octets ? ", by octets" : ", whole");
  REQUIRE_FALSE(transcript.blocks.empty());
  REQUIRE(transcript.blocks.front().kind == "setup");
  ZeroEntropy entropy;
  Connection connection = start(read_setup(transcript.blocks.front().body), entropy);
  Records events;
  int checked = 0;
  const auto receive = [&](const std::string& bytes) {
    if (by_octets) {
      feed_by_octets(connection, bytes, events);
    } else {
      feed(connection, bytes, events);
    }
  };
  for (std::size_t i = 1; i < transcript.blocks.size(); ++i) {
    const std::string& kind = transcript.blocks[i].kind;
    const std::string& body = transcript.blocks[i].body;
    INFO("block ", i, ": ", kind);
    if (kind == "receive") {
      receive(hex(body));
    } else if (kind == "receive-text") {
      receive(replace_all(body, "\n", "\r\n"));
    } else if (kind == "eof") {
      feed_eof(connection, events);
    } else if (kind == "accept") {
      CHECK_FALSE(connection.accept({.subprotocol = body}));
      feed(connection, "", events);
    } else if (kind == "close") {
      const auto code = static_cast<CloseCode>(std::stoi(body));
      CHECK_FALSE(connection.close(
          code, std::string_view(body).substr(std::min<std::size_t>(5, body.size()))));
    } else if (kind == "events") {
      std::string told;
      for (const Record& event : events)
        told.append(told.empty() ? "" : "\n").append(to_line(event));
      CHECK(told == body);
      events.clear();
      ++checked;
    } else if (kind == "send") {
      CHECK(to_hex(take_output(connection)) == to_hex(hex(body)));
      ++checked;
    } else if (kind == "send-text") {
      CHECK(replace_all(take_output(connection), "\r\n", "\n") == body);
      ++checked;
    } else {
      FAIL("unknown kind of block: ", kind);
    }
  }
  CHECK(events == Records{});
  return checked;
}

}  // namespace wolframite::test
