// A project of somebody else's that uses the core: two connections talk to each other in memory.
#include <cstdio>
#include <vector>
#include <wolframite/connection.hpp>

using namespace wolframite;

namespace {

/// Hands what `from` has to say to `to`. Returns the text that arrived, if a message did.
std::string carry(Connection& from, Connection& to) {
  std::string text;
  std::vector<std::byte> octets;
  for (ConstBytes part; from.output({&part, 1}) > 0; from.consume(part.size())) {
    octets.insert(octets.end(), part.begin(), part.end());
  }
  Bytes in(octets);
  while (const auto event = to.receive(in)) {
    if (const auto* message = std::get_if<Message>(&*event)) text = message->text();
  }
  return text;
}

}  // namespace

int main() {
  Connection server = Connection::from_raw(Role::server, nullptr);
  struct Fixed final : Entropy {
    void fill(Bytes bytes) override {
      for (std::byte& each : bytes) each = std::byte{0x5A};
    }
  } entropy;
  Connection client = Connection::from_raw(Role::client, &entropy);
  if (client.send(Kind::text, bytes_of("hello from outside"))) return 1;
  const std::string text = carry(client, server);
  std::printf("core: %s\n", text.c_str());
  return text == "hello from outside" ? 0 : 1;
}
