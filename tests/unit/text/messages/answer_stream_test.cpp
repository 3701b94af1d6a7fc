// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <string>
#include <vector>

#include <moxie/text/answer_stream.hpp>

#include "support/catch.hpp"

namespace {

using namespace moxie;

/// Events as one text: T(...) text, R(...) reasoning, B a call begins, C(name arguments id), M(...) malformed.
std::string shown(const std::vector<AnswerEvent>& events) {
  using Kind = AnswerEvent::Kind;
  std::string out;
  Kind before = Kind::kCall;
  for (const AnswerEvent& event : events) {
    const bool joins = event.kind == before && (event.kind == Kind::kText || event.kind == Kind::kReasoning);
    if (joins) out.pop_back();
    switch (event.kind) {
      case Kind::kText: out += (joins ? "" : "T(") + event.text + ")"; break;
      case Kind::kReasoning: out += (joins ? "" : "R(") + event.text + ")"; break;
      case Kind::kCallBegin: out += "B"; break;
      case Kind::kCall: out += "C(" + event.call.name + " " + event.call.arguments + " " + event.call.id + ")"; break;
      case Kind::kMalformedCall:
        CHECK(!event.note.ok());
        out += "M(" + event.text + ")";
        break;
    }
    before = event.kind;
  }
  return out;
}

std::string streamed(const std::vector<std::string_view>& pieces, const AnswerOptions& options) {
  AnswerStream stream(options);
  std::string out;
  std::vector<AnswerEvent> events;
  for (const std::string_view piece : pieces) REQUIRE(stream.feed(piece, events).ok());
  REQUIRE(stream.finish(events).ok());
  CHECK(stream.feed("x", events).code() == Code::kPrecondition);
  return shown(events);
}

/// Whole, cut at every byte, in single bytes, and in pieces at random: always the same.
std::string answer(std::string_view text, const AnswerOptions& options) {
  const std::string whole = streamed({text}, options);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    INFO("cut at " << cut);
    REQUIRE(streamed({text.substr(0, cut), text.substr(cut)}, options) == whole);
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  REQUIRE(streamed(bytes, options) == whole);
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = random() % 9;
      pieces.push_back(text.substr(at, size));
      at += size;
    }
    REQUIRE(streamed(pieces, options) == whole);
  }
  return whole;
}

TEST_CASE("Qwen3's answers: thinking, text and calls") {
  const AnswerOptions qwen{.tools = ToolSyntax::kHermes};
  CHECK(answer("Hello < world [x]\n\n", qwen) == "T(Hello < world [x]\n\n)");
  CHECK(answer("<think>\nHm.\n\nSo.\n</think>\n\nIt is 4.", qwen) == "R(Hm.\n\nSo.)T(It is 4.)");
  CHECK(answer("<think>\n\n</think>\n\nFour", qwen) == "T(Four)");
  CHECK(answer("A <think> is a tag </think>", qwen) == "T(A <think> is a tag </think>)");
  CHECK(answer("<think>a</think>b<think>c</think>", qwen) == "R(a)T(b<think>c</think>)");
  CHECK(answer("<think>never ends\n", qwen) == "R(never ends\n)");
  CHECK(answer("Hm</think>\nyes", {.begins_in_reasoning = true}) == "R(Hm)T(yes)");
  CHECK(answer(
            "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, \"</tool_call>\"]}}\n</tool_call>\n"
            "<tool_call>\n{\"arguments\": {}, \"name\": \"g\"}\n</tool_call>\nDone",
            qwen) == "T(Let me see.)BC(f {\"a\":[1,\"</tool_call>\"]} )BC(g {} )T(Done)");
  CHECK(answer("<think>x</think><tool_call>{\"name\": \"f\"}</tool_call>", qwen) == "R(x)BC(f {} )");
}

TEST_CASE("the arguments of a call are compact JSON") {
  CHECK(answer(R"(<tool_call>{"name": "f", "arguments": {"a": "1\n\u0002\/"}}</tool_call>)",
               {.tools = ToolSyntax::kHermes}) == R"(BC(f {"a":"1\n\u0002/"} ))");
}

TEST_CASE("a malformed call is kept as it came") {
  const AnswerOptions qwen{.tools = ToolSyntax::kHermes};
  CHECK(answer("a<tool_call>oops</tool_call>b", qwen) == "T(a)BM(<tool_call>oops</tool_call>)T(b)");
  CHECK(answer("<tool_call>{\"name\": 1}</tool_call>", qwen) == "BM(<tool_call>{\"name\": 1}</tool_call>)");
  CHECK(answer("<tool_call>{\"name\": \"f\", \"arguments\": 3}</tool_call>", qwen) ==
        "BM(<tool_call>{\"name\": \"f\", \"arguments\": 3}</tool_call>)");
  CHECK(answer("<tool_call>{\"name\": \"f\", \"argum", qwen) == "BM(<tool_call>{\"name\": \"f\", \"argum)");
  CHECK(answer("a\n<tool_cal", qwen) == "T(a\n<tool_cal)");
  AnswerOptions small = qwen;
  small.max_call_bytes = 10;
  CHECK(answer("<tool_call>{\"name\": \"f\"}</tool_call>", small) == "BM(<tool_call>{\"name\": \"f)T(\"}</tool_call>)");
}

TEST_CASE("Llama 3.1's calls") {
  const AnswerOptions llama{.tools = ToolSyntax::kLlama3};
  CHECK(answer("<|python_tag|>{\"name\": \"f\", \"parameters\": {\"x\": 1}}", llama) == "BC(f {\"x\":1} )");
  CHECK(answer("{\"name\": \"f\", \"parameters\": {\"x\": \"}\"}}", llama) == "BC(f {\"x\":\"}\"} )");
  CHECK(answer("{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}", llama) ==
        "BC(f {} )BC(g {} )");
  CHECK(answer("{\"answer\": 4} is JSON", llama) == "T({\"answer\": 4} is JSON)");
  CHECK(answer("{\"name\": ", llama) == "T({\"name\": )");
  CHECK(answer("See {\"name\": \"f\", \"parameters\": {}}", llama) == "T(See {\"name\": \"f\", \"parameters\": {}})");
  CHECK(answer("<|python_tag|>print(1)", llama) == "BM(<|python_tag|>print(1))");
}

TEST_CASE("Mistral's calls") {
  const AnswerOptions mistral{.tools = ToolSyntax::kMistral};
  CHECK(answer("[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": \"]\"}, \"id\": \"12345\"}, {\"name\": \"g\", "
               "\"arguments\": {}}]",
               mistral) == "BC(f {\"a\":\"]\"} 12345)BC(g {} )");
  CHECK(answer("[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}}]\nrest", mistral) == "BC(f {} )T(rest)");
  CHECK(answer("[TOOL_CALLS]f[ARGS]{\"a\": {\"b\": 1}}[TOOL_CALLS]g[CALL_ID]99[ARGS]{}", mistral) ==
        "BC(f {\"a\":{\"b\":1}} )BC(g {} 99)");
  CHECK(answer("text [TOOL] [TOOL_CALLS][]", mistral) == "T(text [TOOL] )BM([TOOL_CALLS][])");
  CHECK(answer("[TOOL_CALLS]f{\"a\": 1}", mistral) == "BM([TOOL_CALLS]f{\"a\": 1})");
}

TEST_CASE("no byte of a plain answer is lost or waits longer than it must") {
  const std::string text = "a<b [TOOL <tool <|py \n\n x\n";
  for (const ToolSyntax tools : {ToolSyntax::kNone, ToolSyntax::kHermes, ToolSyntax::kLlama3, ToolSyntax::kMistral}) {
    CHECK(answer(text, {.tools = tools}) == "T(" + text + ")");
  }
  AnswerStream stream({.tools = ToolSyntax::kHermes});
  std::vector<AnswerEvent> events;
  REQUIRE(stream.feed("ab<tool", events).ok());
  CHECK(shown(events) == "T(ab)");
  REQUIRE(stream.feed("box", events).ok());
  CHECK(shown(events) == "T(ab<toolbox)");
}

}  // namespace
