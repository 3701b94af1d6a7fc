// SPDX-License-Identifier: Apache-2.0
// Schemas against JSON written by hand from JSON Schema and OpenAI's `tools`; the order of keys is part of the promise,
// for templates put the text into prompts.
#include <functional>

#include <moxie/text/message.hpp>
#include <moxie/tool/toolbox.hpp>

#include "support/catch.hpp"
#include "support/described_types.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;

std::string plain(Arg<"x", int> x) { return std::to_string(*x); }

template <class T>
std::string schema_of() {
  const auto one = tool("one", "One", [](Arg<"x", T>) { return std::string(); });
  return std::string(one.parameters());
}

std::string with(std::string_view type) {
  return R"({"type":"object","properties":{"x":{)" + std::string(type) +
         R"(}},"required":["x"],"additionalProperties":false})";
}

TEST_CASE("a schema says what each type accepts") {
  CHECK(schema_of<bool>() == with(R"("type":"boolean")"));
  CHECK(schema_of<std::string>() == with(R"("type":"string")"));
  CHECK(schema_of<double>() == with(R"("type":"number")"));
  CHECK(schema_of<float>() == with(R"("type":"number")"));
  CHECK(schema_of<std::int8_t>() == with(R"("type":"integer","minimum":-128,"maximum":127)"));
  CHECK(schema_of<std::uint8_t>() == with(R"("type":"integer","minimum":0,"maximum":255)"));
  CHECK(schema_of<std::int16_t>() == with(R"("type":"integer","minimum":-32768,"maximum":32767)"));
  CHECK(schema_of<std::uint16_t>() == with(R"("type":"integer","minimum":0,"maximum":65535)"));
  CHECK(schema_of<std::int32_t>() == with(R"("type":"integer","minimum":-2147483648,"maximum":2147483647)"));
  CHECK(schema_of<std::uint32_t>() == with(R"("type":"integer","minimum":0,"maximum":4294967295)"));
  CHECK(schema_of<std::int64_t>() ==
        with(R"("type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807)"));
  CHECK(schema_of<std::uint64_t>() == with(R"("type":"integer","minimum":0)"));
  CHECK(schema_of<Between<int, -3, 14>>() == with(R"("type":"integer","minimum":-3,"maximum":14)"));
  CHECK(schema_of<Unit>() == with(R"("type":"string","enum":["metric","imperial \"old\""])"));
  CHECK(schema_of<std::vector<std::vector<bool>>>() ==
        with(R"("type":"array","items":{"type":"array","items":{"type":"boolean"}})"));
}

TEST_CASE("a bound that no template can be given is left out of the schema, and kept") {
  constexpr std::uint64_t kPast = std::uint64_t{1} << 63U;
  CHECK(schema_of<Between<std::uint64_t, 5, kPast - 1>>() ==
        with(R"("type":"integer","minimum":5,"maximum":9223372036854775807)"));
  CHECK(schema_of<Between<std::uint64_t, 5, kPast>>() == with(R"("type":"integer","minimum":5)"));
  CHECK(schema_of<Between<std::uint64_t, kPast, kPast + 1>>() == with(R"("type":"integer")"));
  Toolbox box;
  REQUIRE(box.add(tool("far", "Far",
                       [](Arg<"at", std::uint64_t>, Arg<"x", Between<std::uint64_t, kPast, kPast + 1>>) {
                         return std::string("there");
                       }))
              .ok());
  REQUIRE(box.grant("far").ok());
  CHECK(parse_value(box.schemas().value(), "tools").status().message() == "");
  CHECK(box.call("far", R"({"at":18446744073709551615,"x":9223372036854775809})").text == "there");
  CHECK(box.call("far", R"({"at":0,"x":9223372036854775810})").verdict == ToolVerdict::kBadArguments);
  CHECK(box.call("far", R"({"at":0,"x":9223372036854775807})").verdict == ToolVerdict::kBadArguments);
}

TEST_CASE("an optional argument may be left out or null") {
  CHECK(schema_of<std::optional<std::string>>() ==
        R"({"type":"object","properties":{"x":{"anyOf":[{"type":"string"},{"type":"null"}]}},)"
        R"("required":[],"additionalProperties":false})");
}

TEST_CASE("a nested struct is an object with nothing else in it") {
  CHECK(schema_of<Place>() == with(R"("type":"object","properties":{"city":{"type":"string","description":"Its name"},)"
                                   R"("country":{"anyOf":[{"type":"string"},{"type":"null"}]}},"required":["city"],)"
                                   R"("additionalProperties":false)"));
}

TEST_CASE("a tool without arguments takes an empty object") {
  const auto nothing = tool("nothing", "", [] { return std::string(); });
  CHECK(nothing.parameters() == R"({"type":"object","properties":{},"required":[],"additionalProperties":false})");
}

TEST_CASE("a schema is known to the compiler") {
  const auto one = [](Arg<"x", bool, "So">) { return std::string(); };
  static_assert(
      Tool<decltype(one)>::parameters().starts_with(R"({"type":"object","properties":{"x":{"type":"boolean")"));
}

TEST_CASE("functions, lambdas and std::function are tools; the control is no argument") {
  const std::string expected = schema_of<int>();
  CHECK(tool("a", "", &plain).parameters() == expected);
  CHECK(tool("b", "", std::function<std::string(Arg<"x", int>)>(&plain)).parameters() == expected);
  const auto controlled = [](const Arg<"x", int>&, const ToolControl&) noexcept { return Status(); };
  CHECK(tool("c", "", controlled).parameters() == expected);
}

// Descriptions go into JSON as they are, so they are well-formed UTF-8.
static_assert(moxie::detail::is_plain_text("caf\u00e9\n\t\U0001f600"));
static_assert(!moxie::detail::is_plain_text("\xed\xa0\x80"), "a surrogate");
static_assert(!moxie::detail::is_plain_text("\xe0\x80\xaf"), "a form that is too long");
static_assert(!moxie::detail::is_plain_text("\xf4\x90\x80\x80"), "beyond Unicode");
static_assert(!moxie::detail::is_plain_text("\xc3"), "half a character");

TEST_CASE("a toolbox shows what was granted, in OpenAI's form") {
  Toolbox toolbox;
  CHECK(toolbox.schemas().value() == "[]");
  REQUIRE(toolbox.add(tool("say", "Says \"x\"\nloudly, as in caf\u00e9", &plain)).ok());
  REQUIRE(toolbox.add(tool("hide", "Hidden", &plain)).ok());
  REQUIRE(toolbox.add(tool("do-it_2", "", [] { return Status(); })).ok());
  CHECK(toolbox.schemas().value() == "[]");
  REQUIRE(toolbox.grant("do-it_2").ok());
  REQUIRE(toolbox.grant("say").ok());
  CHECK(toolbox.schemas().value() ==
        "[{\"type\":\"function\",\"function\":{\"name\":\"say\",\"description\":\"Says \\\"x\\\"\\nloudly, as in "
        "caf\u00e9\",\"parameters\":" +
            schema_of<int>() +
            "}},{\"type\":\"function\",\"function\":{\"name\":\"do-it_2\",\"description\":\"\",\"parameters\":"
            "{\"type\":\"object\",\"properties\":{},\"required\":[],\"additionalProperties\":false}}}]");
  CHECK(toolbox.names().value() == std::vector<std::string>{"say", "hide", "do-it_2"});
}

}  // namespace
