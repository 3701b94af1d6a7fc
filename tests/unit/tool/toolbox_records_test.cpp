// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "support/catch.hpp"
#include "support/tools.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;

TEST_CASE("every call is recorded with its exact bytes, in the order of the calls") {
  Toolbox toolbox;
  REQUIRE(toolbox
              .add(tool("half", "",
                        [](Arg<"x", int> x) -> Result<int> {
                          if (*x % 2 != 0) return Status(Code::kInvalidArgument, "half", "an even number", Text(*x));
                          return *x / 2;
                        }))
              .ok());
  REQUIRE(toolbox.add(tool("throw", "", []() -> int { throw std::logic_error("no"); })).ok());
  REQUIRE(toolbox.add(tool("no", "", [] { return 0; })).ok());
  REQUIRE(toolbox.grant("half").ok());
  REQUIRE(toolbox.grant("throw").ok());

  struct Expected {
    std::string name, arguments;
    ToolVerdict verdict;
    Code code;
    std::string answer;
  };
  const Expected expected[] = {
      {"half", " {\"x\" : 4.0 }\n", ToolVerdict::kAnswered, Code::kOk, "2"},
      {"half", R"({"x":3})", ToolVerdict::kFailed, Code::kInvalidArgument, ""},
      {"half", R"({"x":3)", ToolVerdict::kBadArguments, Code::kFormat, ""},
      {"half", R"({"y":3})", ToolVerdict::kBadArguments, Code::kInvalidArgument, ""},
      {"half", std::string("\xff\0\x01<|im_end|>", 13), ToolVerdict::kBadArguments, Code::kFormat, ""},
      {"throw", "", ToolVerdict::kFailed, Code::kHostException, ""},
      {"no", "{}", ToolVerdict::kNotGranted, Code::kPrecondition, ""},
      {"nobody", "{}", ToolVerdict::kUnknownTool, Code::kNotFound, ""},
  };
  for (const Expected& e : expected) CHECK(toolbox.call(e.name, e.arguments).verdict == e.verdict);

  const auto records = toolbox.records().value();
  REQUIRE(records.size() == std::size(expected));
  for (std::size_t i = 0; i < records.size(); ++i) {
    const ToolRecord& record = records[i];
    INFO("call " << i << ": " << record.status.message());
    CHECK(record.number == i);
    CHECK(record.name == expected[i].name);
    CHECK(record.arguments == expected[i].arguments);
    CHECK(record.argument_bytes == expected[i].arguments.size());
    CHECK(record.verdict == expected[i].verdict);
    CHECK(record.status.code() == expected[i].code);
    CHECK(record.answer == expected[i].answer);
    CHECK(record.answer_bytes == expected[i].answer.size());
    CHECK(record.duration.count() > 0);
  }
  CHECK(toolbox.take_records().value().size() == records.size());
  CHECK(toolbox.records().value().empty());
  static_cast<void>(toolbox.call("half", R"({"x":2})"));
  CHECK(toolbox.records().value().at(0).number == records.size());
}

TEST_CASE("what is too long for a record is cut and its length kept") {
  Toolbox toolbox;
  REQUIRE(toolbox.add(tool("t", "", [] { return std::string(1000, 'a'); })).ok());
  REQUIRE(toolbox.grant("t").ok());
  const ToolLimits limits{.max_argument_bytes = 10, .max_answer_bytes = 20};
  CHECK(toolbox.call("t", "{}", limits).verdict == ToolVerdict::kBadAnswer);
  CHECK(toolbox.call(std::string(1000, 'n'), std::string(500, ' '), limits).verdict == ToolVerdict::kUnknownTool);
  const auto records = toolbox.records().value();
  REQUIRE(records.size() == 2);
  CHECK(records[0].answer == std::string(20, 'a'));
  CHECK(records[0].answer_bytes == 1000);
  CHECK(records[1].name == std::string(256, 'n'));
  CHECK(records[1].arguments == std::string(10, ' '));
  CHECK(records[1].argument_bytes == 500);
}

TEST_CASE("a call is on record before it begins") {
  Toolbox toolbox;
  ToolRecord seen;
  REQUIRE(toolbox
              .add(tool("look", "",
                        [&] {
                          seen = toolbox.records().value().back();
                          return toolbox.take_records().value().size();
                        }))
              .ok());
  REQUIRE(toolbox.grant("look").ok());
  CHECK(toolbox.call("look", "").text == "0");  // what still runs is not taken
  CHECK(seen.name == "look");
  CHECK(seen.verdict == ToolVerdict::kRunning);
  CHECK(toolbox.records().value().at(0).verdict == ToolVerdict::kAnswered);
}

TEST_CASE("without room for its record a call is refused, and no record is lost") {
  int calls = 0;
  Toolbox toolbox({.max_record_bytes = 64U * 1024});
  REQUIRE(toolbox.add(tool("count", "", [&calls] { return ++calls; })).ok());
  REQUIRE(toolbox.grant("count").ok());
  const ToolLimits limits{.max_answer_bytes = 1000};
  ToolOutcome last;
  int answered = 0;
  for (int i = 0; i < 1000; ++i) {
    last = toolbox.call("count", "{}", limits);
    answered += last.status.ok() ? 1 : 0;
  }
  CHECK(answered == calls);
  CHECK(answered > 10);
  CHECK(answered < 1000);
  CHECK(last.verdict == ToolVerdict::kNotRun);
  CHECK(last.status.code() == Code::kBudget);
  const auto records = toolbox.take_records().value();
  REQUIRE(records.size() == static_cast<std::size_t>(answered));
  CHECK(records.back().answer == std::to_string(answered));
  CHECK(toolbox.call("count", "{}", limits).status.ok());
  // More than there can ever be room for.
  CHECK(toolbox.call("count", "{}", {.max_answer_bytes = static_cast<std::size_t>(-1)}).status.code() == Code::kBudget);
}

}  // namespace
