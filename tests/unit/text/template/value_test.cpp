// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "rendering.hpp"
#include "support/catch.hpp"

namespace {

using namespace moxie;

TEST_CASE("a key given twice keeps its first place and its last value") {
  const Value::Member members[] = {{"a", Value(1)}, {"b", Value(2)}, {"a", Value(3)}};
  CHECK(test::render("{{ m }}", {{"m", Value::map(members).value()}})->text == "{'a': 3, 'b': 2}");
}

TEST_CASE("values nest 100 deep and no deeper") {
  Value value = Value::list({}).value();
  for (int depth = 2; depth <= 100; ++depth) value = Value::list({&value, 1}).value();
  CHECK(Value::list({&value, 1}).status().code() == Code::kBudget);
  const Value::Member member{"a", value};
  CHECK(Value::map({&member, 1}).status().code() == Code::kBudget);
  CHECK(test::render("{{ v | tojson | length }}", {{"v", value}})->text == "200");
}

TEST_CASE("every key of a large mapping is found") {
  std::vector<std::string> names;
  for (int i = 0; i < 500; ++i) names.push_back("key" + std::to_string(i * 7919 % 500));
  std::vector<Value::Member> members;
  for (std::size_t i = 0; i < names.size(); ++i) members.push_back({names[i], Value(static_cast<std::int64_t>(i))});
  const Value map = Value::map(members).value();
  for (std::size_t i = 0; i < names.size(); i += 17) {
    CHECK(test::render("{{ m." + names[i] + " }}", {{"m", map}})->text == std::to_string(i));
  }
  CHECK(test::render("{{ m.key500 is defined }}{{ 'key499' in m }}", {{"m", map}})->text == "FalseTrue");
}

TEST_CASE("bytes that are no UTF-8 are carried through, one character each") {
  const Value bytes = Value::string("a\xff\xc3(\xe2\x82 \xed\xa0\x80z").value();
  CHECK(test::render("{{ s }}", {{"s", bytes}})->text == "a\xff\xc3(\xe2\x82 \xed\xa0\x80z");
  CHECK(test::render("{{ s | length }}", {{"s", bytes}})->text == "11");
  CHECK(test::render("{{ s[::-1] }}", {{"s", bytes}})->text ==
        "z\x80\xa0\xed \x82\xe2(\xc3\xff"
        "a");
  CHECK(test::render("{{ s | upper | tojson }}", {{"s", bytes}}).ok());
}

TEST_CASE("a value outlives the template that it was given to") {
  Value value = test::data(R"({"a": [1, "b"]})");
  {
    const auto rendered = test::render("{% set x = v %}{{ x.a[1] }}", {{"v", value}});
    CHECK(rendered->text == "b");
  }
  CHECK(test::render("{{ v.a }}", {{"v", value}})->text == "[1, 'b']");
}

}  // namespace
