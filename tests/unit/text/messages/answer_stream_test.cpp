// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <moxie/text/answer_stream.hpp>

#include "support/catch.hpp"
#include "text/messages/streamed.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;

TEST_CASE("Qwen3's answers: thinking, text and calls") {
  const AnswerOptions qwen{.forms = {find_call_form("hermes")}};
  CHECK(answer("Hello < world [x]\n\n", qwen) == "T(Hello < world [x]\n\n)");
  CHECK(answer("<think>\nHm.\n\nSo.\n</think>\n\nIt is 4.", qwen) == "R(Hm.\n\nSo.)T(It is 4.)");
  CHECK(answer("<think>\n\n</think>\n\nFour", qwen) == "T(Four)");
  CHECK(answer("A <think> is a tag </think>", qwen) == "T(A <think> is a tag </think>)");
  CHECK(answer("<think>a</think>b<think>c</think>", qwen) == "R(a)T(b<think>c</think>)");
  CHECK(answer("<think>never ends\n", qwen) == "R(never ends\n)");
  CHECK(answer("Hm</think>\nyes", {.begins_in = &kReasoningForms[0]}) == "R(Hm)T(yes)");
  CHECK(answer(
            "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, \"</tool_call>\"]}}\n</tool_call>\n"
            "<tool_call>\n{\"arguments\": {}, \"name\": \"g\"}\n</tool_call>\nDone",
            qwen) == "T(Let me see.)BC(f {\"a\":[1,\"</tool_call>\"]} )BC(g {} )T(Done)");
  CHECK(answer("<think>x</think><tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>", qwen) == "R(x)BC(f {} )");
}

TEST_CASE("the arguments of a call are compact JSON, its strings and numbers as they were written") {
  CHECK(answer(R"(<tool_call>{"name": "f", "arguments": {"a": "1\n\u0002\/ {", "b" : [ 1.50, 1E2 ] }}</tool_call>)",
               {.forms = {find_call_form("hermes")}}) == R"(BC(f {"a":"1\n\u0002\/ {","b":[1.50,1E2]} ))");
  CHECK(answer(R"(<tool_call>{"name": "f", "arguments": {"n": 1234567890123456789012, "m": 9223372036854775808}})"
               "</tool_call>",
               {.forms = {find_call_form("hermes")}}) ==
        R"(BC(f {"n":1234567890123456789012,"m":9223372036854775808} ))");
}

TEST_CASE("a malformed call is kept as it came") {
  const AnswerOptions qwen{.forms = {find_call_form("hermes")}};
  CHECK(answer("a<tool_call>oops</tool_call>b", qwen) == "T(a)BM(<tool_call>oops</tool_call>)T(b)");
  CHECK(answer("<tool_call>{\"name\": 1}</tool_call>", qwen) == "BM(<tool_call>{\"name\": 1}</tool_call>)");
  CHECK(answer("<tool_call>{\"name\": \"f\", \"arguments\": 3}</tool_call>", qwen) ==
        "BM(<tool_call>{\"name\": \"f\", \"arguments\": 3}</tool_call>)");
  CHECK(answer("<tool_call>{\"name\": \"f\", \"argum", qwen) == "BM(<tool_call>{\"name\": \"f\", \"argum)");
  CHECK(answer("a\n<tool_cal", qwen) == "T(a\n<tool_cal)");
  AnswerOptions small = qwen;
  small.max_call_bytes = 10;
  CHECK(answer("<tool_call>{\"name\": \"f\"}</tool_call>", small) == "BM(<tool_call>{\"name\": \")");
  CHECK(answer("<tool_call>{\"name\": \"f\"}</tool_call> b", small) == "BM(<tool_call>{\"name\": \")T(b)");
}

TEST_CASE("Llama 3.1's calls") {
  const OfferedTools offered = OfferedTools::parse(R"([{"function":{"name":"f"}},{"name":"g"}])", "tools").value();
  const AnswerOptions llama{.forms = {find_call_form("llama3")}, .offered = offered};
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
  const AnswerOptions mistral{.forms = {find_call_form("mistral"), find_call_form("mistral-v11")}};
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
  CHECK(answer(text, {}) == "T(" + text + ")");
  for (const CallForm& form : kCallForms) {
    if (form.encoding == CallForm::Encoding::kChannel) continue;
    INFO(form.name);
    CHECK(answer(text, {.forms = {&form}}) == "T(" + text + ")");
  }
  AnswerStream stream({.forms = {find_call_form("hermes")}});
  std::vector<AnswerEvent> events;
  REQUIRE(stream.feed("ab<tool", events).ok());
  CHECK(shown(events) == "T(ab)");
  REQUIRE(stream.feed("box", events).ok());
  CHECK(shown(events) == "T(ab<toolbox)");
}

}  // namespace
