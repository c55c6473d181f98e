// Invariant: every Error has a message of its own, one class, the close code of RFC 6455 §7.4.1 and
// the HTTP status that tell the peer of it; and compares equal to that class alone.
#include "wolframite/error.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "wolframite/close_code.hpp"

namespace wolframite {
namespace {

constexpr int last = static_cast<int>(Error::invalid_config);

std::vector<Error> all_errors() {
  std::vector<Error> errors;
  for (int value = 1; value <= last; ++value) errors.push_back(static_cast<Error>(value));
  return errors;
}

constexpr ErrorClass classes[] = {ErrorClass::protocol,  ErrorClass::utf8,   ErrorClass::capacity,
                                  ErrorClass::handshake, ErrorClass::url,    ErrorClass::timeout,
                                  ErrorClass::closed,    ErrorClass::misuse, ErrorClass::tls};

// Classes are runs of the enumeration: the first value of each run.
ErrorClass class_of(Error error) {
  if (error >= Error::not_open) return ErrorClass::misuse;
  if (error >= Error::connection_reset) return ErrorClass::closed;
  if (error >= Error::handshake_timeout) return ErrorClass::timeout;
  if (error >= Error::malformed_url) return ErrorClass::url;
  if (error >= Error::malformed_request_line) return ErrorClass::handshake;
  if (error >= Error::frame_too_big) return ErrorClass::capacity;
  if (error >= Error::invalid_utf8) return ErrorClass::utf8;
  return ErrorClass::protocol;
}

TEST_CASE("every error has a message of its own") {
  std::set<std::string> messages;
  for (const Error error : all_errors()) {
    const std::string message = make_error_code(error).message();
    CAPTURE(message);
    REQUIRE(message == describe(error));
    REQUIRE(message.size() >= 20);
    REQUIRE(messages.insert(message).second);
  }
}

TEST_CASE("every error is of one class") {
  for (const Error error : all_errors()) {
    CAPTURE(describe(error));
    for (const ErrorClass value : classes) {
      REQUIRE((make_error_code(error) == value) == (value == class_of(error)));
    }
    REQUIRE(make_error_code(error).default_error_condition() ==
            make_error_condition(class_of(error)));
  }
}

TEST_CASE("an error is not the class of the same number") {
  const std::error_code code = Error::reserved_bits_set;
  REQUIRE(code.value() == static_cast<int>(ErrorClass::protocol));
  const std::error_code second = Error::unknown_data_opcode;
  REQUIRE(second.value() == static_cast<int>(ErrorClass::utf8));
  CHECK(second != ErrorClass::utf8);
  CHECK(code.category() != make_error_condition(ErrorClass::protocol).category());
}

TEST_CASE("no error is false and of no class") {
  const std::error_code none = Error::none;
  CHECK_FALSE(none);
  CHECK(none.message() == "no error");
  for (const ErrorClass value : classes) CHECK(none != value);
}

TEST_CASE("codes convert from the enumeration and carry the category's name") {
  const std::error_code code = Error::accept_mismatch;
  CHECK(code);
  CHECK(code == Error::accept_mismatch);
  CHECK(code != Error::missing_accept);
  CHECK(code.category() == error_category());
  CHECK(std::string_view(error_category().name()) == "wolframite");
}

TEST_CASE("other categories are of none of the classes") {
  const std::error_code refused = std::make_error_code(std::errc::connection_refused);
  for (const ErrorClass value : classes) CHECK(refused != value);
}

TEST_CASE("every class has a message of its own") {
  std::set<std::string> messages;
  for (const ErrorClass value : classes) {
    const std::error_condition condition = value;
    CHECK(condition);
    CHECK(messages.insert(condition.message()).second);
  }
}

TEST_CASE("numbers that are no error are told so") {
  for (const int value : {-1, last + 1, 255, 256, 1 << 20}) {
    const std::error_code code(value, error_category());
    CHECK(code.message() == "not an error of wolframite");
    for (const ErrorClass each : classes) CHECK(code != each);
  }
  const std::error_condition condition(99, make_error_condition(ErrorClass::url).category());
  CHECK(condition.message() == "not an error class of wolframite");
  CHECK(condition.category().name() != std::string_view(error_category().name()));
}

TEST_CASE("the categories have a dynamic type, which Boost.System asks for") {
  class Foreign : public std::error_category {};
  for (const std::error_category* const category :
       {&error_category(), &make_error_condition(ErrorClass::url).category()}) {
    CHECK(dynamic_cast<const Foreign*>(category) == nullptr);
  }
}

TEST_CASE("close codes tell the peer what it did; abnormal where no Close frame can") {
  const std::map<Error, CloseCode> exceptions{
      {Error::frame_too_big, CloseCode::message_too_big},
      {Error::message_too_big, CloseCode::message_too_big},
      {Error::out_of_memory, CloseCode::internal_error},
      {Error::idle_timeout, CloseCode::going_away},
      {Error::pong_timeout, CloseCode::internal_error},
      {Error::message_timeout, CloseCode::policy_violation},
      {Error::invalid_utf8, CloseCode::invalid_payload},
      {Error::invalid_deflate, CloseCode::invalid_payload},
  };
  for (const Error error : all_errors()) {
    CAPTURE(describe(error));
    const auto found = exceptions.find(error);
    const CloseCode otherwise =
        class_of(error) == ErrorClass::protocol ? CloseCode::protocol_error : CloseCode::abnormal;
    REQUIRE(close_code_for(error) == (found == exceptions.end() ? otherwise : found->second));
  }
  CHECK(close_code_for(Error::none) == CloseCode::normal);
}

TEST_CASE("HTTP statuses tell the client what is wrong with its request") {
  const std::map<Error, int> exceptions{
      {Error::method_not_get, 405},    {Error::unsupported_version, 426},
      {Error::head_too_big, 431},      {Error::too_many_headers, 431},
      {Error::out_of_memory, 500},     {Error::version_not_http_1_1, 505},
      {Error::handshake_timeout, 408}, {Error::no_sha1, 500},
  };
  for (const Error error : all_errors()) {
    CAPTURE(describe(error));
    const auto found = exceptions.find(error);
    REQUIRE(http_status_for(error) == (found == exceptions.end() ? 400 : found->second));
  }
}

}  // namespace
}  // namespace wolframite
