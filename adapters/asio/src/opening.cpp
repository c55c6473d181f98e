// The opening handshake, from either end.
#include <utility>
#include <variant>

#include "opening.hpp"
#include "wolframite/asio/detail/engine.hpp"
#include "wolframite/asio/detail/opening.hpp"

namespace wolframite::asio::detail {
namespace {

Response upgrade_required() {
  Response response;
  response.status = 426;
  response.headers.append("Sec-WebSocket-Version", "13");
  response.headers.append("Content-Type", "text/plain");
  response.body = "This is a WebSocket service.\n";
  return response;
}

}  // namespace

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
  opening->on_request = std::move(options.on_request);
  opening->on_request_async = std::move(options.on_request_async);
  engine.open(operation, std::move(opening), fault);
}

void open_client(Engine& engine, OpenOperation& operation, std::error_code fault) {
  engine.open(operation, std::make_unique<Opening>(), fault);
}

void Engine::open(OpenOperation& operation, std::unique_ptr<Opening> opening,
                  std::error_code fault) {
  operation.what = Operation::What::open;
  operation.owner = this;
  if (fault) {
    finish(operation, fault);
  } else {
    opener_ = &operation;
    opening_ = std::move(opening);
  }
  attend();
}

void Engine::continue_opening() {
  while (opener_ != nullptr) {
    const bool asking = opening_->asked && !opening_->answered;
    if (asking ? ended_ == nullptr : !poll()) return;
    take_step();
  }
}

void Engine::take_step() {
  handed_out_ = true;
  const auto copy_response = [this] {
    if (head_ != nullptr) opener_->response = *static_cast<const Response*>(head_);
  };
  switch (ended_ != nullptr ? Step::closed : step_) {
    case Step::requested:
      return ask_application();
    case Step::opened:
      copy_response();
      drop_view();
      return finish_opening({});
    case Step::refused:
      return copy_response();
    case Step::closed:
      return finish_opening(ended_->closed.why);
  }
}

void Engine::ask_application() {
  opening_->asked = true;
  // Not left in place: the answer may come from inside, and end the opening.
  const OnRequest on_request = std::move(opening_->on_request);
  const OnRequestAsync on_request_async = std::move(opening_->on_request_async);
  const auto& request = *static_cast<const Request*>(head_);
  try {
    if (on_request_async) {
      on_request_async(request, [weak = weak_from_this()](const Answer& with) {
        if (const auto engine = weak.lock()) engine->answer(with);
      });
    } else {
      answer(on_request ? on_request(request) : Answer());
    }
  } catch (...) {
    answer(Response{500, {}, {}, {}});
    throw;
  }
}

void Engine::answer(const Answer& with) {
  if (opener_ == nullptr || !opening_->asked || opening_->answered || stopped_) return;
  opening_->answered = true;
  std::error_code error;
  if (const auto* const response = std::get_if<Response>(&with)) {
    error = refuse(*response);
  } else if (!static_cast<const Request*>(head_)->is_upgrade()) {
    error = refuse(upgrade_required());
  } else {
    error = accept(std::get<Accept>(with));
    if (!error) return;
  }
  // Tells the client that its request could not be answered as the application wanted.
  if (error && ended_ == nullptr) static_cast<void>(refuse(Response{500, {}, {}, {}}));
  finish_opening(error ? error : make_error_code(Error::refused));
}

std::error_code Engine::accept(const Accept& with) {
  if ((buffer_ != nullptr && begin_ != end_) || session_.has_input()) {
    // The client has sent more before it had its answer: an error, and the connection's to find.
    holds_ = Holds::nothing;
    take_in(false);
    if (ended_ != nullptr) return ended_->closed.why;
  }
  attend();
  if (const std::error_code error = session_.connection().accept(with)) return error;
  drop_view();
  return {};
}

std::error_code Engine::refuse(const Response& response) {
  if (const std::error_code error = session_.connection().refuse(response)) return error;
  drop_view();
  handshaking_ = false;
  attend();
  return {};
}

void Engine::finish_opening(std::error_code result) {
  opening_.reset();
  finish(*std::exchange(opener_, nullptr), result);
  attend();
}

}  // namespace wolframite::asio::detail
