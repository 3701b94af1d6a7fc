// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cmath>
#include <limits>

#include "support/catch.hpp"
#include "support/described_types.hpp"
#include "support/tools.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;

// What arrived in the tool, as JSON of its own writing; or how it was refused.
template <class T>
std::string echo(std::string_view value) {
  const auto tool = moxie::tool("echo", "", [](Arg<"x", T> x) {
    ResultText text(1U << 20U);
    if (!ToolType<T>::write(text, *x).ok()) return std::string("<not written>");
    return text.take();
  });
  return answer_of(tool, R"({"x":)" + std::string(value) + "}");
}

std::string refused(std::string_view needed, std::string_view came) {
  return "<bad arguments: echo: needed x as " + std::string(needed) + ", came " + std::string(came) + ">";
}

// A number beyond 64 bits was read as the nearest double, and is shown as one.
TEST_CASE("whole numbers are taken up to the limits of their type and not beyond") {
  CHECK(echo<std::int8_t>("-128") == "-128");
  CHECK(echo<std::int8_t>("127") == "127");
  CHECK(echo<std::int8_t>("-129") == refused("a whole number in [-128, 127]", "-129"));
  CHECK(echo<std::int8_t>("128") == refused("a whole number in [-128, 127]", "128"));
  CHECK(echo<std::uint8_t>("255") == "255");
  CHECK(echo<std::uint8_t>("256") == refused("a whole number in [0, 255]", "256"));
  CHECK(echo<std::uint32_t>("4294967295") == "4294967295");
  CHECK(echo<std::uint32_t>("4294967296") == refused("a whole number in [0, 4294967295]", "4294967296"));
  CHECK(echo<std::uint32_t>("-1") == refused("a whole number in [0, 4294967295]", "-1"));
  CHECK(echo<std::int64_t>("9223372036854775807") == "9223372036854775807");
  CHECK(echo<std::int64_t>("-9223372036854775808") == "-9223372036854775808");
  CHECK(echo<std::int64_t>("9223372036854775808") ==
        refused("a whole number in [-9223372036854775808, 9223372036854775807]", "9223372036854775808"));
  CHECK(echo<std::int64_t>("-9223372036854775809") ==
        refused("a whole number in [-9223372036854775808, 9223372036854775807]", "-9223372036854775809"));
  CHECK(echo<std::uint64_t>("18446744073709551615") == "18446744073709551615");
  CHECK(echo<std::uint64_t>("18446744073709551616") ==
        refused("a whole number in [0, 18446744073709551615]", "18446744073709551616"));
  using Days = Between<int, 1, 14>;
  CHECK(echo<Days>("14") == "14");
  CHECK(echo<Days>("0") == refused("a whole number in [1, 14]", "0"));
  CHECK(echo<Days>("15") == refused("a whole number in [1, 14]", "15"));
}

TEST_CASE("a whole number may be written as a real one, as JSON Schema says, while that is exact") {
  CHECK(echo<int>("3.0") == "3");
  CHECK(echo<int>("3e2") == "300");
  CHECK(echo<int>("-0") == "0");
  CHECK(echo<unsigned>("-0") == "0");
  CHECK(echo<int>("3.5") == refused("a whole number in [-2147483648, 2147483647]", "3.5"));
  CHECK(echo<std::int64_t>("9007199254740992.0") == "9007199254740992");
  CHECK(echo<std::uint64_t>("1e19") == refused("a whole number in [0, 18446744073709551615]", "1e+19"));
}

TEST_CASE("real numbers are finite and fit their type") {
  CHECK(echo<double>("0.1") == "0.1");
  CHECK(echo<double>("-0") == "-0");
  CHECK(echo<double>("18446744073709551615") == "18446744073709551616");
  CHECK(echo<double>("1e308") == "1e+308");
  CHECK(echo<double>("1e999") == "<bad arguments: echo: needed numbers that a double can hold, came 1e999>");
  CHECK(echo<double>("NaN").starts_with("<bad arguments: echo: needed JSON, came a mistake"));
  CHECK(echo<float>("0.5") == "0.5");
  CHECK(echo<float>("3.5e38") == refused("a number that a float can hold", "3.5e+38"));
  CHECK(echo<double>("\"1\"") == refused("a number", "\"1\""));
}

TEST_CASE("no type is taken for another") {
  const std::string_view values[] = {"null", "true", "1", "1.5", "\"a\"", "[]", "{}"};
  const auto accepted = [&](auto type) {
    std::string list;
    for (const std::string_view value : values) {
      if (!echo<decltype(type)>(value).starts_with("<bad arguments: echo: needed x as")) list.append(value).append(" ");
    }
    return list;
  };
  CHECK(accepted(bool()) == "true ");
  CHECK(accepted(int()) == "1 ");
  CHECK(accepted(double()) == "1 1.5 ");
  CHECK(accepted(std::string()) == "\"a\" ");
  CHECK(accepted(std::optional<std::string>()) == "null \"a\" ");
  CHECK(accepted(std::vector<int>()) == "[] ");
  CHECK(accepted(Unit()) == "");
}

TEST_CASE("enums are named, nothing else") {
  CHECK(echo<Unit>(R"("imperial \"old\"")") == R"("imperial \"old\"")");
  CHECK(echo<Unit>(R"("Metric")") == refused(R"(one of metric, imperial "old")", R"("Metric")"));
  CHECK(echo<Unit>("0") == refused(R"(one of metric, imperial "old")", "0"));
}

TEST_CASE("what is wrong inside a value is named by its path") {
  CHECK(echo<Trip>(R"({"places":[{"city":"Oslo"},{"city":"Rome","country":null}],"unit":"metric","price":1})") ==
        R"({"places":[{"city":"Oslo","country":null},{"city":"Rome","country":null}],"unit":"metric","price":1})");
  const auto place = [](std::string_view second) {
    return echo<Trip>(R"({"places":[{"city":"Oslo"},)" + std::string(second) + R"(],"unit":"metric","price":1})");
  };
  CHECK(place("7") == "<bad arguments: echo: needed x.places[1] as an object, came 7>");
  CHECK(place("{}") == "<bad arguments: echo: needed a value for 'x.places[1].city', came none>");
  CHECK(place(R"({"city":"a","zip":1})") ==
        "<bad arguments: echo: needed nothing in x.places[1] but city, country, came 'zip'>");
  CHECK(place(R"({"city":"a","country":7})") ==
        "<bad arguments: echo: needed x.places[1].country as a string, came 7>");
}

TEST_CASE("arguments are one object with what the schema asks for, once") {
  std::atomic<int> calls = 0;
  const auto two = tool("two", "", [&calls](Arg<"a", int> a, Arg<"b", std::optional<int>> b) {
    ++calls;
    return *a + b->value_or(0);
  });
  const auto call = [&](std::string_view arguments) { return answer_of(two, arguments); };
  CHECK(call(R"({"a":1,"b":2})") == "3");
  CHECK(call(R"( { "b" : null , "\u0061" : 1 } )") == "1");
  REQUIRE(calls == 2);

  const std::string deep = R"({"a":)" + std::string(1000, '[') + std::string(1000, ']') + "}";
  const std::pair<std::string, std::string_view> bad[] = {
      {"", "needed a value for 'a', came none"},
      {"{}", "needed a value for 'a', came none"},
      {R"({"a":1,"a":2})", "needed each key of an object once, came 'a' twice"},
      {R"({"a":1,"\u0061":1})", "needed each key of an object once, came 'a' twice"},
      {R"({"a":1,"c":2})", "needed nothing but a, b, came 'c'"},
      {R"({"a":1,"":2})", "needed nothing but a, b, came ''"},
      {R"({"a":1,"A":2})", "needed nothing but a, b, came 'A'"},
      {"[1]", "needed arguments as an object, came an array of 1"},
      {"null", "needed arguments as an object, came null"},
      {"1", "needed arguments as an object, came 1"},
      {R"("{\"a\":1}")", R"(needed arguments as an object, came "{"a":1}")"},
      {"   ", "needed JSON, came a mistake"},
      {R"({"a":1)", "needed JSON, came a mistake"},
      {R"({"a":1}{})", "needed JSON, came a mistake"},
      {R"({'a':1})", "needed JSON, came a mistake"},
      {R"({"a":1,})", "needed JSON, came a mistake"},
      {R"({"a":0x10})", "needed JSON, came a mistake"},
      {"\xef\xbb\xbf{\"a\":1}", "needed JSON, came a byte order mark"},
      {std::string("{\"a\":1}\0", 8), "needed JSON, came a zero byte"},
      {"{\"a\":\"\xff\"}", "needed JSON, came a mistake"},
      {"{\"a\":\"\xed\xa0\x80\"}", "needed JSON, came a mistake"},
      {R"({"a":"\ud800"})", "needed JSON, came a mistake"},
      {deep, "needed JSON nested at most 16 deep, came deeper"},
      {R"({"a":1e999})", "needed numbers that a double can hold, came 1e999"},
      {R"({"a":<|im_end|>})", "needed JSON, came a mistake"},
  };
  for (const auto& [arguments, words] : bad) {
    const std::string answer = call(arguments);
    INFO(arguments.substr(0, 100) << " gave " << answer);
    CHECK(answer.starts_with("<bad arguments: two: " + std::string(words)));
  }
  CHECK(calls == 2);
}

TEST_CASE("arguments are bounded in bytes, depth and values") {
  const auto list = tool("list", "", [](Arg<"x", std::vector<int>> x) { return x->size(); });
  const auto of = [](std::size_t n) {
    std::string text = R"({"x":[0)";
    for (std::size_t i = 1; i < n; ++i) text += ",0";
    return text + "]}";
  };
  // The object, the key, the list and its numbers.
  CHECK(answer_of(list, of(97), {.max_argument_values = 100}) == "97");
  CHECK(answer_of(list, of(98), {.max_argument_values = 100}) ==
        "<bad arguments: list: needed at most 100 values, came more>");
  CHECK(answer_of(list, of(3), {.max_argument_bytes = 13}) == "3");
  CHECK(answer_of(list, of(3), {.max_argument_bytes = 12}) ==
        "<bad arguments: list: needed at most 12 bytes of JSON, came 13>");
  CHECK(answer_of(list, std::string(1U << 20U, '{')) ==
        "<bad arguments: list: needed at most 65536 bytes of JSON, came 1048576>");
}

TEST_CASE("text arrives byte for byte, control tokens and zero bytes too") {
  std::string seen;
  const auto keep = tool("keep", "", [&seen](Arg<"x", std::string> x) {
    seen = *x;
    return Status();
  });
  CHECK(answer_of(keep, R"({"x":"<|im_end|>\n<|im_start|>system\u0000\ud83d\ude00"})") == "ok");
  CHECK(seen == std::string("<|im_end|>\n<|im_start|>system\0\xf0\x9f\x98\x80", 34));
}

}  // namespace
