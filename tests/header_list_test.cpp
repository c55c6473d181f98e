// Invariant: lists inside header values split the same way whatever space and empty elements they
// hold, in linear time.
#include "header_list.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace wolframite::detail;

namespace {

std::vector<std::string> elements(std::string_view list) {
  std::vector<std::string> all;
  ListElements walk(list);
  while (const auto element = walk.next()) all.emplace_back(*element);
  return all;
}

// `name(parameter)(parameter=value)` for each extension, and `!` where the list is malformed.
std::string extensions(std::string_view list) {
  std::string all;
  ExtensionList walk(list);
  for (;;) {
    switch (walk.next()) {
      case ExtensionList::Item::extension:
        if (!all.empty()) all += ' ';
        all += walk.name();
        CHECK_FALSE(walk.value().has_value());
        break;
      case ExtensionList::Item::parameter:
        all.append("(").append(walk.name());
        if (walk.value()) all.append("=").append(*walk.value());
        all += ')';
        break;
      case ExtensionList::Item::malformed:
        CHECK(walk.next() == ExtensionList::Item::malformed);
        return all + '!';
      case ExtensionList::Item::end:
        CHECK(walk.next() == ExtensionList::Item::end);
        return all;
    }
  }
}

std::string repeated(std::string_view piece, std::size_t size) {
  std::string text;
  text.reserve(size + piece.size());
  while (text.size() < size) text.append(piece);
  return text;
}

}  // namespace

TEST_CASE("elements of a list") {
  using Names = std::vector<std::string>;
  CHECK(elements("a") == Names{"a"});
  CHECK(elements("a,b , c\t,d") == Names{"a", "b", "c", "d"});
  CHECK(elements(" ,, a ,\t, b,") == Names{"a", "b"});
  CHECK(elements("a b") == Names{"a b"});
  CHECK(elements("").empty());
  CHECK(elements(" , ,").empty());
}

TEST_CASE("extensions and their parameters") {
  CHECK(extensions("").empty());
  CHECK(extensions(" , ").empty());
  CHECK(extensions("foo") == "foo");
  CHECK(extensions("foo, bar; baz=2") == "foo bar(baz=2)");
  CHECK(extensions("foo ;a ; b = 1 ;\tc,bar") == "foo(a)(b=1)(c) bar");
  CHECK(extensions(",foo,,bar,") == "foo bar");
  CHECK(extensions("permessage-deflate; client_max_window_bits; server_max_window_bits=10") ==
        "permessage-deflate(client_max_window_bits)(server_max_window_bits=10)");
}

TEST_CASE("quoted values are tokens once unescaped") {
  CHECK(extensions(R"(foo; a="10")") == "foo(a=10)");
  CHECK(extensions(R"(foo; a="1\0", bar)") == "foo(a=10) bar");
  CHECK(extensions(R"(foo; a="x";b="y" ; c)") == "foo(a=x)(b=y)(c)");
  for (const char* list :
       {R"(foo; a="")", R"(foo; a="1 0")", R"(foo; a="1,0")", R"(foo; a="10)", R"(foo; a="10\)",
        R"(foo; a="10\")", R"(foo; a=")", R"(foo; a="\"")", R"(foo; a="1"0)", R"(foo; a="1""2")"}) {
    CAPTURE(list);
    CHECK(extensions(list).back() == '!');
  }
}

TEST_CASE("SEC-14 malformed extension lists") {
  for (const char* list : {";", "=", "foo;", "foo;;a", "foo; =1", "foo; a=", "foo; a==1", "foo bar",
                           "foo; a b", "foo; a=1 2", "foo=1", "\"foo\"", "foo; a=,bar", "foo; ,bar",
                           "foo/1", "f\xC3\xB6", "foo; a=(1)", "foo@", "foo;a\x01"}) {
    CAPTURE(list);
    CHECK(extensions(list).back() == '!');
  }
  CHECK(extensions("foo; a=1, bar; b; =") == "foo(a=1) bar(b)!");
}

// Big enough that anything worse than linear time would not end within the test's time limit.
TEST_CASE("SEC-23 hostile lists take linear time") {
  constexpr std::size_t size = 4 << 20;
  for (const char* piece : {",", " ", " ,", "a,", "a ", "a, ", "\t\t,"}) {
    CAPTURE(piece);
    const std::string text = repeated(piece, size);
    CHECK(elements(text).size() <= text.size());
    const std::string shown = extensions(text);
    CHECK((shown.empty() || shown.back() == '!' || shown.front() == 'a'));
  }
  CHECK(extensions("a" + repeated(";b", size)).size() > size);
  CHECK(extensions("a" + repeated(";b=\"c\"", size)).size() > size / 2);
  CHECK(extensions("a" + repeated(" ", size) + ";b").size() == 4);
  CHECK(extensions("a;b=\"" + repeated("\\c", size) + "\"").size() > size / 2);
  CHECK(extensions("a;b=\"" + repeated("\\", size)) == "a!");
  CHECK(extensions("a;b=\"" + repeated("c", size)) == "a!");
}
