// Invariant: however a head is cut, the parser finds in it what a naive reading line by line does:
// the same parts and end, or the same fault at the same octet, and it stays with that.
#include "wolframite/http_head.hpp"

#include "support/check.hpp"
#include "support/naive.hpp"
#include "support/owner.hpp"
#include "support/reader.hpp"

using namespace wolframite;
using namespace wolframite::fuzz;

namespace {

Lines lines_of(const Headers& headers) {
  Lines lines;
  for (const Headers::Field& field : headers) {
    lines.push_back(std::string(field.name).append(": ").append(field.value));
  }
  return lines;
}

Lines lines_of(const naive::Head& head) {
  Lines lines;
  for (const auto& [name, value] : head.fields) lines.push_back(name + ": " + value);
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader input(data, size);
  const bool is_request = input.flag();
  Cutter cutter(input);
  const HttpHead::Limits limits{.size = input.one_of<std::size_t>({65536, 0, 1, 20, 60, 200}),
                                .headers = input.one_of<std::size_t>({124, 0, 1, 3})};
  const std::string text = input.rest();
  const naive::Head expected = naive::read_head(text, is_request, limits.size, limits.headers);

  HttpHead head(is_request ? HttpHead::Start::request : HttpHead::Start::response, limits);
  Error error = Error::none;
  std::size_t taken = 0;
  for (std::size_t at = 0; at < text.size() && taken == at;) {
    const std::size_t piece_size = cutter.next(text.size() - at);
    const std::vector<char> piece(text.data() + at, text.data() + at + piece_size);
    ConstBytes in = bytes_of({piece.data(), piece.size()});
    error = head.receive(in);
    at += piece_size;
    taken = at - in.size();
    if (error != Error::none || head.is_complete()) break;
  }
  REQUIRE(error == expected.error);
  REQUIRE(head.is_complete() == expected.is_complete);
  REQUIRE(taken == expected.taken);
  REQUIRE(!head.is_complete() || head.version_minor() == expected.minor);
  ConstBytes more = bytes_of("GET");
  REQUIRE(!(head.is_complete() || error != Error::none) ||
          (head.receive(more) == error && more.size() == 3));

  if (!head.is_complete()) return 0;
  if (is_request) {
    REQUIRE(head.is_head_request() == (expected.first == "HEAD"));
    const Request request = head.take_request();
    REQUIRE(request.method == expected.first && request.target == expected.second);
    REQUIRE_SAME(lines_of(request.headers), lines_of(expected));
  } else {
    const Response response = head.take_response();
    REQUIRE(response.reason == expected.first);
    REQUIRE(std::to_string(response.status) == expected.status);
    REQUIRE_SAME(lines_of(response.headers), lines_of(expected));
  }
  return 0;
}
