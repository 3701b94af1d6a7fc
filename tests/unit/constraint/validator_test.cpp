// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <moxie/constraint/schema.hpp>

#include "constraint/suite.hpp"
#include "support/catch.hpp"

using namespace moxie;

namespace {

std::string first_problem(std::string_view schema, std::string_view instance) {
  const auto problems = Schema::compile(schema).value().check(instance).value();
  return problems.empty() ? "" : problems.front().text();
}

Status compile(std::string_view schema) { return Schema::compile(schema).status(); }

}  // namespace

TEST_CASE("the validator decides every required test of the official suite") {
  const SchemaOptions options{.documents = test::suite_remotes()};
  REQUIRE(options.documents.size() > 10);
  std::size_t decided = 0;
  test::each_suite_test([&](const std::string& file, const auto& group, const auto& one) {
    CAPTURE(file, group["description"].dump(), one["description"].dump());
    const auto schema = Schema::compile(group["schema"].dump(), options);
    REQUIRE(schema.status().message() == "");
    const auto problems = schema->check(one["data"].dump());
    REQUIRE(problems.status().message() == "");
    CHECK(problems->empty() == one["valid"].template get<bool>());
    ++decided;
  });
  CHECK(decided == 1299);
}

TEST_CASE("a problem says where it is, what was needed and what came") {
  const std::string_view schema =
      R"({"type":"object","required":["name"],"additionalProperties":false,"properties":{
          "name":{"type":"string","minLength":2},"tags":{"type":"array","items":{"enum":["red","green"]}},
          "size":{"type":"integer","minimum":1,"maximum":9}}})";
  CHECK(first_problem(schema, R"({"name":"Ada","tags":["red"],"size":3})") == "");
  CHECK(first_problem(schema, R"({})") == "the value: needed the member \"name\", came none");
  CHECK(first_problem(schema, R"({"name":"Ada","tags":["red","blue"]})") ==
        "/tags/1: needed one of \"red\", \"green\", came \"blue\"");
  CHECK(first_problem(schema, R"({"name":"A"})") == "/name: needed at least 2 characters, came 1");
  CHECK(first_problem(schema, R"({"name":"Ada","size":10})") == "/size: needed at most 9, came 10");
  CHECK(first_problem(schema, R"({"name":"Ada","colour":1})") ==
        "the value: needed no member but \"name\" \"tags\" \"size\", came \"colour\"");
  CHECK(first_problem(schema, "[1]") == "the value: needed an object, came a list of 1");
  const auto problems = Schema::compile(schema).value().check(R"({"name":5,"size":"x"})").value();
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].schema_path == "#/properties/name/type");
  CHECK(problems[1].instance_path == "/size");
}

TEST_CASE("of alternatives the nearest says what it misses") {
  const std::string_view schema = R"({"anyOf":[{"type":"null"},{"type":"object","required":["a","b"]}]})";
  const auto problems = Schema::compile(schema).value().check(R"({"a":1})").value();
  REQUIRE(problems.size() == 2);
  CHECK(problems[1].text() == "the value: needed the member \"b\", came none");
}

TEST_CASE("a schema that cannot be right is refused with its path") {
  CHECK(compile("{").code() == Code::kFormat);
  CHECK(compile("3").code() == Code::kFormat);
  CHECK(compile(R"({"properties":{"a":{"type":"text"}}})").where() == "#/properties/a/type");
  CHECK(compile(R"({"properties":{"a":{"minLength":-1}}})").code() == Code::kFormat);
  CHECK(compile(R"({"$ref":"#/nowhere"})").code() == Code::kNotFound);
  CHECK(compile(R"({"$ref":"http://example.com/other"})").code() == Code::kNotFound);
  CHECK(compile(R"({"$ref":"#"})").code() == Code::kFormat);
  CHECK(compile(R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"})")
            .code() == Code::kFormat);
  CHECK(compile(R"({"$schema":"http://example.com/own"})").code() == Code::kUnsupported);
  CHECK(compile(std::string(60000, '[')).code() == Code::kFormat);
  CHECK(compile(R"({"multipleOf":0})").code() == Code::kFormat);
  const auto look_ahead =
      Schema::compile(R"x({"properties":{"a":{"pattern":"^(?!x)"}}})x").value().check(R"({"a":"b"})");
  CHECK(look_ahead.status().code() == Code::kUnsupported);
  CHECK(look_ahead.status().where() == "#/properties/a/pattern");
}

TEST_CASE("an earlier draft is read with its own words") {
  const char* draft4 = R"({"$schema":"http://json-schema.org/draft-04/schema#","minimum":3,"exclusiveMinimum":true})";
  CHECK(first_problem(draft4, "3") == "the value: needed more than 3, came 3");
  const char* draft7 = R"({"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}],
      "additionalItems":false,"dependencies":{"a":["b"]},"definitions":{"x":{"$id":"#here"}},"properties":{"c":{"$ref":"#here"}}})";
  CHECK(first_problem(draft7, R"(["a"])") == "");
  CHECK(first_problem(draft7, R"(["a",1])") == "/1: needed nothing here, came 1");
  CHECK(first_problem(draft7, R"({"a":1})") == "the value: needed the member \"b\", came none");
}

TEST_CASE("numbers are compared as they are, not as doubles") {
  CHECK(first_problem(R"({"const":9007199254740993})", "9007199254740992") != "");
  CHECK(first_problem(R"({"multipleOf":0.01})", "19.99") == "");
  CHECK(first_problem(R"({"multipleOf":0.01})", "19.991") != "");
  CHECK(first_problem(R"({"enum":[1.0]})", "1") == "");
  CHECK(first_problem(R"({"maximum":123456789012345678901234567890})", "123456789012345678901234567891") != "");
}

TEST_CASE("alternatives inside alternatives take bounded time") {
  std::string schema;
  schema = R"({"$defs":{"a0":{"type":"integer"})";
  for (int i = 1; i < 40; ++i) {
    const std::string below = R"({"$ref":"#/$defs/a)" + std::to_string(i - 1) + "\"}";
    schema += ",\"a" + std::to_string(i) + R"(":{"oneOf":[)" + below + "," + below + "]}";
  }
  schema += R"(},"$ref":"#/$defs/a39"})";
  CHECK(Schema::compile(schema).value().check("\"x\"").status().code() == Code::kBudget);
}
