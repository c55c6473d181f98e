// A handler with an immediate executor is called through that where the operation completes at
// once, and from inside of the initiating function if the executor does so; any other one never is.
#include <asio/system_executor.hpp>
#include <string>
#include <utility>
#include <vector>

#include "asio_rig.hpp"
#include "wire.hpp"

namespace wolframite::test {
namespace {

template <class Function>
struct AtOnce {
  using immediate_executor_type = net::system_executor;
  [[nodiscard]] immediate_executor_type get_immediate_executor() const noexcept { return {}; }
  template <class... Results>
  void operator()(Results... results) const {
    function(std::move(results)...);
  }
  Function function;
};
template <class Function>
AtOnce<Function> at_once(Function function) {
  return {std::move(function)};
}

/// Runs `function` on the executor of the streams.
template <class Function>
void run_on(net::io_context& context, Function function) {
  bool called = false;
  net::post(context, [&] {
    function();
    called = true;
  });
  run_until(context, [&] { return called; });
}

TEST_CASE("what completes at once does so inside of the initiating function, if its handler asks") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  TcpStream stream = opened(std::move(left), Role::server);
  int sent = 0, posted = 0;
  run_on(context, [&] {
    stream.async_send("a", [&](error_code) { ++posted; });
    stream.async_send("b", at_once([&](error_code error) {
                        CHECK_FALSE(error);
                        ++sent;
                      }));
    CHECK(sent == 1);
    CHECK(posted == 0);
  });
  settle(context);
  CHECK(sent == 1);
  CHECK(posted == 1);
  std::string both(6, '\0');
  net::read(right, net::buffer(both));
  CHECK(both == server_frame(final_text, "a") + server_frame(final_text, "b"));
}

TEST_CASE("a message at hand is given at once, one that has to come is not") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  TcpStream stream = opened(std::move(left), Role::server);
  std::vector<std::string> got;
  const auto note = at_once([&](error_code, Message message) { got.emplace_back(message.text()); });
  stream.async_next(note);
  net::write(right, net::buffer(client_frame(final_text, "a") + client_frame(final_text, "b")));
  CHECK(got.empty());
  settle(context);
  CHECK(got == std::vector<std::string>{"a"});
  run_on(context, [&] {
    stream.async_next(note);
    CHECK(got == std::vector<std::string>{"a", "b"});
    stream.async_next(note);
    CHECK(got.size() == 2);
    stream.cancel();
    CHECK(got.size() == 2);
  });
  settle(context);
  CHECK(got.size() == 3);
}

TEST_CASE("a handler that is called at once may drop the stream") {
  net::io_context context;
  auto [left, right] = connected(context.get_executor(), context.get_executor());
  TcpStream stream = opened(std::move(left), Role::server);
  bool called = false;
  run_on(context, [&] {
    stream.async_ready(at_once([&](error_code error) {
      CHECK_FALSE(error);
      stream = TcpStream();
      called = true;
    }));
    CHECK(called);
  });
  settle(context);
}

}  // namespace
}  // namespace wolframite::test
