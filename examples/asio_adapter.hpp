// The echo programs over Asio, for `--adapter asio`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <wolframite/options.hpp>

/// Serves echoes until SIGTERM or SIGINT. Returns the program's status.
int serve_over_asio(const std::string& host, std::uint16_t port,
                    const wolframite::SharedConfig& config,
                    std::function<wolframite::Answer(const wolframite::Request&)> on_request,
                    std::optional<wolframite::TlsContext> tls);

/// A message to send, and the text that names it.
struct AsioSample {
  wolframite::Kind kind;
  std::string data;
};

/// Sends each sample to the echo server at `url` and checks that it comes back.
int check_over_asio(const std::string& url, const wolframite::ConnectOptions& options,
                    const std::vector<AsioSample>& samples);

/// Keeps `window` messages of 128 octets on their way until so many messages have come back, or so
/// much time has passed, and prints how many that were a second.
int bench_over_asio(const std::string& url, const wolframite::ConnectOptions& options,
                    std::size_t messages, std::chrono::milliseconds time);

/// Echoes in each of the cases of the Autobahn server at `url`.
int autobahn_over_asio(const std::string& url, const wolframite::ConnectOptions& options);
