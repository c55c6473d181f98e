// The opening handshake, from either end.
#include <utility>
#include <variant>

#include "opening.hpp"
#include "wolframite/asio/detail/engine.hpp"
#include "wolframite/asio/detail/opening.hpp"

namespace wolframite::asio::detail {

Beginning begin_server(const net::any_io_executor& executor, const AcceptOptions& options) {
  std::pmr::memory_resource& memory = pool_of(executor).memory();
  Beginning beginning{Connection::server(options.config, &memory), {}, {}};
  beginning.fault = make_error_code(options.config->check());
  if (options.tls) {
    beginning.tls = std::make_unique<TlsEngine>(*options.tls, Role::server, "", &memory);
  }
  return beginning;
}

Beginning begin_client(const net::any_io_executor& executor, const ClientRequest& request,
                       const SharedConfig& config, const Connector* connector) {
  std::pmr::memory_resource& memory = pool_of(executor).memory();
  Beginning beginning{Connection::client(request, entropy(), config, &memory), {}, {}};
  beginning.fault = make_error_code(request.error());
  if (!beginning.fault) beginning.fault = make_error_code(config->check());
  if (beginning.fault || connector == nullptr) return beginning;
  const auto context = connector->context(request.url().secure);
  if (!context) {
    beginning.fault = context.error();
  } else if (*context) {
    beginning.tls =
        std::make_unique<TlsEngine>(**context, Role::client, request.url().host, &memory);
  }
  return beginning;
}

void open_server(Engine& engine, OpenOperation& operation, AcceptOptions options,
                 std::error_code fault) {
  auto opening = std::make_unique<Opening>();
  opening->on_request = std::move(options.on_request.get());
  opening->on_request_async = std::move(options.on_request_async.get());
  engine.open(operation, std::move(opening), fault);
}

void open_client(Engine& engine, OpenOperation& operation, std::error_code fault) {
  engine.open(operation, std::make_unique<Opening>(), fault);
}

void Engine::open(OpenOperation& operation, std::unique_ptr<Opening> opening,
                  std::error_code fault) {
  attend();
  operation.owner = this;
  if (fault) {
    finish(operation, fault);
  } else {
    opener_ = &operation;
    opening_ = std::move(opening);
  }
}

void Engine::continue_opening() {
  while (opener_ != nullptr) {
    const bool asking = opening_->asked && !opening_->answered;
    if (asking ? !ended_ : !poll()) return;
    take_next_step();
  }
}

void Engine::take_next_step() {
  const auto copy_response = [this] {
    if (has_response()) opener_->response = response();
  };
  switch (take_step()) {
    case HandshakeStep::requested:
      return ask_application();
    case HandshakeStep::opened:
      copy_response();
      drop_view();
      return finish_opening({});
    case HandshakeStep::refused:
      return copy_response();
    case HandshakeStep::closed:
      return finish_opening(closed()->why);
  }
}

void Engine::ask_application() {
  opening_->asked = true;
  // Not left in place: the answer may come from inside, and end the opening.
  const OnRequest on_request = std::move(opening_->on_request);
  const OnRequestAsync on_request_async = std::move(opening_->on_request_async);
  try {
    if (on_request_async) {
      on_request_async(request(), [weak = weak_from_this()](const Answer& with) {
        if (const auto engine = weak.lock()) engine->answer(with);
      });
    } else {
      answer(on_request ? on_request(request()) : Answer());
    }
  } catch (...) {
    answer(Response{500, {}, {}, {}});
    throw;
  }
}

void Engine::answer(const Answer& with) {
  if (opener_ == nullptr || !opening_->asked || opening_->answered || ended_ || stopped_) return;
  opening_->answered = true;
  if (const std::error_code error = StreamRules::answer(with)) finish_opening(error);
}

void Engine::finish_opening(std::error_code result) {
  opening_.reset();
  finish(*std::exchange(opener_, nullptr), result);
  attend();
}

}  // namespace wolframite::asio::detail
