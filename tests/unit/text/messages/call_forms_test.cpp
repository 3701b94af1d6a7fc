// SPDX-License-Identifier: Apache-2.0
// Calls as published models write them, form by form. What is read is what the templates of these models render for a
// history, so each text here is one that a model was trained on.
#include <random>

#include <moxie/text/answer_stream.hpp>

#include "support/catch.hpp"
#include "text/messages/streamed.hpp"

namespace moxie::test {

namespace {

const OfferedTools& offered() {
  static const OfferedTools tools =
      OfferedTools::parse(
          R"([{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{
        "city":{"type":"string"},"days":{"type":"integer"},"deep":{"type":"object"},"on":{"type":"boolean"},
        "zip":{"type":["string","null"]},"either":{"anyOf":[{"type":"integer"},{"type":"string"}]},
        "list":{"type":"array"}}}}},{"type":"function","function":{"name":"now","parameters":{"type":"object"}}}])",
          "tools")
          .value();
  return tools;
}

AnswerOptions read_as(std::initializer_list<std::string_view> forms) {
  AnswerOptions options{.offered = offered()};
  for (const std::string_view name : forms) {
    options.forms.push_back(find_call_form(name));
    REQUIRE(options.forms.back() != nullptr);
    options.channels = options.channels || name == "gpt-oss";
  }
  return options;
}

}  // namespace

TEST_CASE("each form is read as it is written") {
  const std::vector<ToolCall> calls = {
      {.id = "",
       .name = "weather",
       .arguments = R"({"city":"Oslo","days":3,"deep":{"a":[1,"x"]},"on":true,"zip":null})"},
      {.id = "", .name = "weather", .arguments = R"({"city":"A \"b\"\n</x> é","days":18446744073709551616})"},
      {.id = "", .name = "now", .arguments = "{}"}};
  for (const CallForm& form : kCallForms) {
    INFO(form.name);
    const std::string text = write_calls(form, calls).value();
    INFO(text);
    AnswerOptions options{.forms = {&form}, .offered = offered()};
    options.channels = form.encoding == CallForm::Encoding::kChannel;
    std::string expected;
    for (const ToolCall& call : calls) {
      expected += "BC(" + call.name + " " + call.arguments + " ";
      // The name is the id there.
      expected += form.name_is_id ? "functions." + call.name + ")" : ")";
    }
    CHECK(answer(text, options) == expected);
    if (form.encoding == CallForm::Encoding::kChannel) continue;
    if (form.begin.empty() && form.bare) {  // behind words it is text
      CHECK(answer("Let me see.\n" + text, options) == "T(Let me see.\n" + text + ")");
      continue;
    }
    CHECK(answer("Let me see.\n" + text + "\nSo.", options) == "T(Let me see.)" + expected + "T(So.)");
  }
}

TEST_CASE("a name must be written, and arguments") {
  const AnswerOptions hermes = read_as({"hermes"});
  CHECK(answer(R"(<tool_call>{"name": "now"}</tool_call>)", hermes) == R"(BM(<tool_call>{"name": "now"}</tool_call>))");
  CHECK(answer(R"(<tool_call>{"name": "weather", "parameters": {"city": "Oslo"}}</tool_call>)", hermes) ==
        R"(BC(weather {"city":"Oslo"} ))");
  CHECK(answer(R"(<tool_call>{"name": "now", "parameters": {}, "arguments": {}}</tool_call>)", hermes) ==
        R"(BM(<tool_call>{"name": "now", "parameters": {}, "arguments": {}}</tool_call>))");
  CHECK(answer(R"(<tool_call>{"name": "now", "args": {}}</tool_call>)", hermes) ==
        R"(BM(<tool_call>{"name": "now", "args": {}}</tool_call>))");
  CHECK(answer(R"(<tool_call>{"arguments": {}}</tool_call>)", hermes) ==
        R"(BM(<tool_call>{"arguments": {}}</tool_call>))");
  CHECK(answer(R"(<tool_call>{"name": "now", "arguments": null}</tool_call>)", hermes) ==
        R"(BM(<tool_call>{"name": "now", "arguments": null}</tool_call>))");
  CHECK(answer(R"(<tool_call>{"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}</tool_call>)", hermes) ==
        R"(BC(weather {"city":"Oslo"} ))");
}

TEST_CASE("an object alone is a call of a tool that was offered, or an answer") {
  const AnswerOptions llama = read_as({"llama3"});
  for (const char* text :
       {R"({"name": "Alice", "age": 30})", R"({"name": "Alice", "parameters": {"age": 30}})", R"({"name": "weather"})",
        R"({"name": "weather", "city": "Oslo"})", R"({"name": "wea)", R"({"weather": {}})",
        R"({"name": "weather", "parameters": 1})", R"([{"name": "weather"}])"}) {
    CHECK(answer(text, llama) == "T(" + std::string(text) + ")");
  }
  CHECK(answer(R"({"name": "weather", "parameters": {}})", llama) == "BC(weather {} )");
  CHECK(answer(R"({"type": "function", "name": "weather", "parameters": {"city": "Oslo"}})", llama) ==
        R"(BC(weather {"city":"Oslo"} ))");
  // Without tools nothing is a call.
  CHECK(answer(R"({"name": "weather", "parameters": {}})", {.forms = {find_call_form("llama3")}}) ==
        R"(T({"name": "weather", "parameters": {}}))");
}

TEST_CASE("a call that lacks its end marker at the end is taken if it is complete") {
  const AnswerOptions hermes = read_as({"hermes"});
  CHECK(answer(R"(<tool_call>{"name": "now", "arguments": {}})", hermes) == "BC(now {} )");
  CHECK(answer("<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_c", hermes) == "BC(now {} )");
  CHECK(answer(R"(<tool_call>{"name": "now", "arguments": {})", hermes) ==
        R"(BM(<tool_call>{"name": "now", "arguments": {}))");
  CHECK(answer(R"(<tool_call>{"name": "now", "arguments": {}} and so on)", hermes) ==
        R"(BM(<tool_call>{"name": "now", "arguments": {}} and so on))");
  CHECK(answer(R"(<tool_call>{"name": "now", "arguments": {}}<tool_call>{"name": "now", "arguments": {}}</tool_call>)",
               hermes) == "BC(now {} )BC(now {} )");
  CHECK(answer("<tool_call>\n<function=weather>\n<parameter=city>\nOslo\n</parameter>\n</tool_call>",
               read_as({"qwen3-coder"})) == R"(BC(weather {"city":"Oslo"} ))");
  CHECK(answer("<tool_call>\n<function=weather>\n<parameter=city>\nOslo\n</par", read_as({"qwen3-coder"})) ==
        "BM(<tool_call>\n<function=weather>\n<parameter=city>\nOslo\n</par)");
}

TEST_CASE("a call that goes wrong does not take the next one with it") {
  const AnswerOptions hermes = read_as({"hermes"});
  const std::string good = R"(<tool_call>{"name": "now", "arguments": {}}</tool_call>)";
  for (const char* bad : {R"(<tool_call>{"name": "now", "arguments": {"a": "x""}}</tool_call>)",
                          R"(<tool_call>{"name": "now", "arguments": {"a": "x}}</tool_call>)",
                          R"(<tool_call>{"name": "now", "arguments": {"a": x"}}</tool_call>)",
                          R"(<tool_call>{"name": "now", "arguments": {"a": "x\"}}</tool_call>)",
                          R"(<tool_call>{"name": "now", "arguments": {}}}</tool_call>)",
                          "<tool_call>{\"name\": \"now\", \"arguments\": {\"a\": \"\n\"}}</tool_call>",
                          R"(<tool_call></tool_call>)", R"(<tool_call>now</tool_call>)"}) {
    INFO(bad);
    CHECK(answer(bad + ("\n" + good), hermes) == "BM(" + std::string(bad) + ")BC(now {} )");
    CHECK(answer(good + bad + good, hermes) == "BC(now {} )BM(" + std::string(bad) + ")BC(now {} )");
    CHECK(answer(bad + std::string(" text"), hermes) == "BM(" + std::string(bad) + ")T(text)");
  }
  // Without an end marker at all.
  CHECK(answer(R"(<tool_call>{"name": "now", )" + good, hermes) == R"(BM(<tool_call>{"name": "now", )BC(now {} ))");
  CHECK(answer(R"([TOOL_CALLS][{"name": "now", "arguments": {},}][TOOL_CALLS][{"name": "now", "arguments": {}}])",
               read_as({"mistral"})) == R"(BM([TOOL_CALLS][{"name": "now", "arguments": {},}])BC(now {} ))");
  // What is text in a string stays that.
  CHECK(answer(R"(<tool_call>{"name": "now", "arguments": {"a": "</tool_call>"}}</tool_call>)", hermes) ==
        R"(BC(now {"a":"</tool_call>"} ))");
}

TEST_CASE("values that were written as text have the type that the tool wants") {
  const auto value = [](std::string_view key, std::string_view text) {
    const std::string call = "<tool_call>\n<function=weather>\n<parameter=" + std::string(key) + ">\n" +
                             std::string(text) + "\n</parameter>\n</function>\n</tool_call>";
    std::string out = answer(call, read_as({"qwen3-coder"}));
    const std::string before = "BC(weather {\"" + std::string(key) + "\":";
    REQUIRE(out.starts_with(before));
    return out.substr(before.size(), out.size() - before.size() - 3);
  };
  CHECK(value("city", "Oslo") == R"("Oslo")");
  CHECK(value("city", "3") == R"("3")");
  CHECK(value("city", " \"quoted\" ") == R"(" \"quoted\" ")");
  CHECK(value("city", "two\nlines") == R"("two\nlines")");
  CHECK(value("city", "{\"a\": 1}") == R"("{\"a\": 1}")");
  CHECK(value("days", "3") == "3");
  CHECK(value("days", "1234567890123456789012") == "1234567890123456789012");
  CHECK(value("days", "three") == R"("three")");  // for the tool to refuse
  CHECK(value("on", "true") == "true");
  CHECK(value("on", "True") == "true");
  CHECK(value("zip", "0123") == R"("0123")");
  CHECK(value("zip", "null") == "null");
  CHECK(value("zip", "None") == "null");
  CHECK(value("either", "3") == "3");
  CHECK(value("either", "three") == R"("three")");
  CHECK(value("deep", "{\"a\": [1, 2.50]}") == R"({"a":[1,2.50]})");
  CHECK(value("deep", "{'a': [1, 'x', True]}") == R"({"a":[1,"x",true]})");
  CHECK(value("list", "[1, 2]") == "[1,2]");
  CHECK(value("list", "1") == R"("1")");
  CHECK(value("unknown", "[1]") == "[1]");
  CHECK(value("unknown", "text") == R"("text")");
  CHECK(value("city", "a </parameter> b") == R"("a </parameter> b")");
  CHECK(value("city", "") == R"("")");
}

TEST_CASE("a tagged call that is not one is malformed") {
  const AnswerOptions coder = read_as({"qwen3-coder"});
  for (const char* bad : {"<tool_call>\nweather\n</tool_call>", "<function=>\n</function>",
                          "<function=weather>x</function>", "<function=weather>\n<parameter=city>\nOslo\n</function>",
                          "<function=weather><parameter=city>a<parameter=days>3</parameter></function>",
                          "<function=weather><parameter=city>a</parameter><parameter=city>b</parameter></function>"}) {
    INFO(bad);
    CHECK(answer(bad, coder) == "BM(" + std::string(bad) + ")");
  }
  CHECK(answer("<tool_call>now</tool_call>", read_as({"glm"})) == "BC(now {} )");
  CHECK(answer("<tool_call>two words</tool_call>", read_as({"glm"})) == "BM(<tool_call>two words</tool_call>)");
}

TEST_CASE("several forms may be live at once") {
  const AnswerOptions both = read_as({"hermes", "llama3"});
  CHECK(answer(R"(<tool_call>{"name": "now", "arguments": {}}</tool_call>)", both) == "BC(now {} )");
  CHECK(answer(R"(<|python_tag|>{"name": "now", "parameters": {}})", both) == "BC(now {} )");
  CHECK(answer(R"({"name": "now", "parameters": {}})", both) == "BC(now {} )");
  const AnswerOptions three = read_as({"qwen3-coder", "hermes"});
  CHECK(answer(R"(<tool_call>{"name": "now", "arguments": {}}</tool_call>)", three) == "BC(now {} )");
  CHECK(answer("<tool_call>\n<function=now>\n</function>\n</tool_call>", three) == "BC(now {} )");
  CHECK(answer("<function=now></function>", three) == "BC(now {} )");
}

TEST_CASE("Kimi's ids name the function, DeepSeek's fences hold the arguments") {
  CHECK(answer("I see.<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>"
               "{\"city\": \"Oslo\"}<|tool_call_end|><|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}"
               "<|tool_call_end|><|tool_calls_section_end|>",
               read_as({"kimi-k2"})) ==
        R"(T(I see.)BC(weather {"city":"Oslo"} functions.weather:0)BC(now {} functions.now:1))");
  CHECK(
      answer(
          "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{\"city\": \"Oslo\"}\n```"
          "<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```<｜tool▁call▁end｜>"
          "<｜tool▁calls▁end｜>",
          read_as({"deepseek-v3"})) == R"(BC(weather {"city":"Oslo"} )BC(now {} ))");
  CHECK(answer("<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜>", read_as({"deepseek-v3.1"})) ==
        "BC(now {} )");
  CHECK(answer("<|tool_calls|><|tool_call:begin|>id7<|tool_call:name|>now<|tool_call:args|>{}<|tool_call:end|>",
               read_as({"solar-open"})) == "BC(now {} id7)");
}

TEST_CASE("Python's literals become JSON") {
  const AnswerOptions lfm = read_as({"lfm2"});
  CHECK(answer(
            R"(<|tool_call_start|>[weather(city='O\'s "lo\n', days=-3, deep={'a': [1, None,], "b": (2.5,)}, on=False),)"
            R"( now()]<|tool_call_end|>Done)",
            lfm) ==
        R"(BC(weather {"city":"O's \"lo\n","days":-3,"deep":{"a":[1,null],"b":[2.5]},"on":false} )BC(now {} )T(Done))");
  CHECK(answer("<|tool_call_start|>[weather(city=\"\\u00e9\\x41\\U0001F600\")]<|tool_call_end|>", lfm) ==
        "BC(weather {\"city\":\"éA😀\"} )");
  for (const char* bad : {"[weather('Oslo')]", "[weather(city=Oslo)]", "[weather(city=f(1))]", "weather", "[]",
                          "[weather(city='a' 'b')]", "[weather(days=1_000)]", "[weather(days=1+1)]",
                          "[weather(city='a', city='b')]", "[weather(city='a]", "[now()] x", "[import os]"}) {
    INFO(bad);
    const std::string text = "<|tool_call_start|>" + std::string(bad) + "<|tool_call_end|>";
    CHECK(answer(text, lfm) == "BM(" + text + ")");
  }
}

TEST_CASE("the channels of gpt-oss") {
  const AnswerOptions oss = read_as({"gpt-oss"});
  CHECK(answer("<|channel|>analysis<|message|>They greet.<|end|><|start|>assistant<|channel|>final<|message|>Hello, "
               "friend.\n",
               oss) == "R(They greet.)T(Hello, friend.\n)");
  CHECK(answer("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.weather "
               "<|constrain|>json<|message|>{\"city\": \"Oslo\"}",
               oss) == R"(R(Hm.)BC(weather {"city":"Oslo"} ))");
  // The recipient may stand in front of the channel; calls may come in analysis.
  CHECK(answer(" to=functions.now<|channel|>commentary json<|message|>{}", oss) == "BC(now {} )");
  CHECK(answer("<|channel|>analysis to=functions.now code<|message|>{}", oss) == "BC(now {} )");
  CHECK(answer("<|channel|>commentary<|message|>I shall look.<|end|><|start|>assistant<|channel|>commentary "
               "to=functions.now json<|message|>{}<|call|>",
               oss) == "T(I shall look.)BC(now {} )");
  CHECK(answer("<|channel|>commentary to=functions.now json<|message|>{\"a\":<|end|><|start|>assistant<|channel|>final"
               "<|message|>Sorry.",
               oss) == "BM(<|channel|>commentary to=functions.now json<|message|>{\"a\":)T(Sorry.)");
  CHECK(answer("<|channel|>commentary to=python code<|message|>print(1)", oss) ==
        "BM(<|channel|>commentary to=python code<|message|>print(1))");
  // Where nothing was offered, nothing can be called, and nobody sees the marks.
  AnswerOptions no_tools{.channels = true};
  CHECK(answer("<|channel|>final<|message|>Yes.", no_tools) == "T(Yes.)");
  CHECK(answer("<|channel|>commentary to=functions.now json<|message|>{}", no_tools) ==
        "BM(<|channel|>commentary to=functions.now json<|message|>{})");
  CHECK(answer("Plain text.", oss) == "T(Plain text.)");
  CHECK(answer("today", oss) == "T(today)");
  CHECK(answer("", oss).empty());
}

TEST_CASE("Gemma's calls, with texts between marks of their own") {
  const AnswerOptions gemma = read_as({"gemma4"});
  CHECK(
      answer("<|tool_call>call:weather{city:<|\"|>O\"s\\lo }<tool_call|><|\"|>,days:3,deep:{a:[1,<|\"|>x<|\"|>,true]}}"
             "<tool_call|><|tool_call>call:now{}<tool_call|>",
             gemma) ==
      R"(BC(weather {"city":"O\"s\\lo }<tool_call|>","days":3,"deep":{"a":[1,"x",true]}} )BC(now {} ))");
  CHECK(answer("<|channel>thought\nHm.<channel|>So:<|tool_call>call:now{}<tool_call|>", gemma) ==
        "R(Hm.)T(So:)BC(now {} )");
  CHECK(answer("<|channel>thought\nA<channel|>B<|channel>thought\nC<channel|>D<channel|>", gemma) ==
        "R(A)T(B)R(C)T(D)");
  for (const char* bad : {"call:weather{city:Oslo}", "call:{}", "weather{}", "call:now{a:1", "call:now{a:1,a:2}",
                          "call:now{:1}", "call:now{a 1}", "call:now[]", "call:now"}) {
    INFO(bad);
    const std::string text = "<|tool_call>" + std::string(bad) + "<tool_call|>";
    CHECK(answer(text + "Yes", gemma) == "BM(" + text + ")T(Yes)");
  }
  // FunctionGemma's template writes numbers as texts; the tool says what they are.
  CHECK(answer("<start_function_call>call:weather{city:<escape>3<escape>,days:<escape>3<escape>}<end_function_call>",
               read_as({"functiongemma"})) == R"(BC(weather {"city":"3","days":3} ))");
}

TEST_CASE("functionary's answers are messages to recipients") {
  AnswerOptions options = read_as({"functionary-v3.2"});
  CHECK(call_at_end("assistant\n\n>>>", options.forms) == options.forms[0]);
  CHECK(call_at_end("assistant\n\n", options.forms) == nullptr);
  options.begins_in_call = options.forms[0];
  CHECK(answer("all\nHello, friend.\n", options) == "T(Hello, friend.\n)");
  CHECK(answer("weather\n{\"city\": \"Oslo\"}", options) == R"(BC(weather {"city":"Oslo"} ))");
  CHECK(answer("all\nI shall look.\n>>>weather\n{\"days\": 3}>>>now\n{}", options) ==
        R"(T(I shall look.)BC(weather {"days":3} )BC(now {} ))");
  CHECK(answer("now\n{\"a\": }>>>now\n{}", options) == "BM(now\n{\"a\": })BC(now {} )");
  // What is neither "all" nor a tool was no recipient.
  CHECK(answer("Plain text.", options) == "T(Plain text.)");
  CHECK(answer("all\nType\n>>> now is\n>>>x\n at the prompt", options) == "T(Type\n>>> now is\n>>>x\n at the prompt)");
  options.forms.clear();  // no tools
  CHECK(answer("all\nHello >>>now\n{}", options) == "T(Hello >>>now\n{})");
}

TEST_CASE("calls that begin with words are calls only if they are") {
  const AnswerOptions plus = read_as({"command-r-plus"});
  CHECK(answer("I will look.\nAction: ```json\n[\n    {\n        \"tool_name\": \"weather\",\n        \"parameters\": "
               "{\"city\": \"Oslo\"}\n    }\n]\n```",
               plus) == R"(T(I will look.)BC(weather {"city":"Oslo"} ))");
  CHECK(answer("\nAction: walk on.\n\nAction:\n```cpp\nint x;\n```", plus) ==
        "T(\nAction: walk on.\n\nAction:\n```cpp\nint x;\n```)");
  CHECK(answer("As JSON:\n```json\n{\"a\": 1}\n```", plus) == "T(As JSON:\n```json\n{\"a\": 1}\n```)");
  CHECK(answer("Action:```json\n[{\"tool_name\": \"weather\"}]```", plus) ==
        "BM(Action:```json\n[{\"tool_name\": \"weather\"}]```)");
  CHECK(answer(" functools[{\"name\": \"now\", \"arguments\": {}}]", read_as({"firefunction"})) == "T( )BC(now {} )");
  CHECK(answer("functools is a module", read_as({"firefunction"})) == "T(functools is a module)");
}

TEST_CASE("calls without any marker") {
  const AnswerOptions python = read_as({"pythonic"});
  CHECK(answer(R"([weather(city="O]s'lo", days="3"), now()])", python) ==
        R"(BC(weather {"city":"O]s'lo","days":3} )BC(now {} ))");
  for (const char* text : {"[1, 2, 3]", "[other(a=1)]", "[now()", "[now(], x", "[weather(city=Oslo)]", "[]", "now()"}) {
    CHECK(answer(text, python) == "T(" + std::string(text) + ")");
  }
  const AnswerOptions xlam = read_as({"xlam", "pythonic"});
  CHECK(answer(R"([{"name": "weather", "arguments": {"days": 3}}, {"name": "now", "arguments": {}}])", xlam) ==
        R"(BC(weather {"days":3} )BC(now {} ))");
  CHECK(answer("[ now()]", xlam) == "BC(now {} )");
  CHECK(answer(R"([{"name": "Alice", "arguments": {}}])", xlam) == R"(T([{"name": "Alice", "arguments": {}}]))");
  CHECK(answer("<function_calls>\nweather(city='Oslo')\nnow()\n</function_calls>", read_as({"olmo3"})) ==
        R"(BC(weather {"city":"Oslo"} )BC(now {} ))");
  CHECK(
      answer("<tool_calls>\n{\"name\": \"now\", \"arguments\": {}}\n{\"name\": \"weather\", \"arguments\": {\"days\": "
             "3}}\n</tool_calls>",
             read_as({"minimax-m1"})) == R"(BC(now {} )BC(weather {"days":3} ))");
  CHECK(answer("<|python_end|>{\"name\": \"now\", \"parameters\": {}}", read_as({"llama4"})) == "BC(now {} )");
}

TEST_CASE("a text in CDATA may hold any marker") {
  const AnswerOptions minicpm = read_as({"minicpm5"});
  CHECK(answer("<function name=\"weather\"><param name=\"city\"><![CDATA[a</param></function>\n]]></param>"
               "<param name=\"days\">3</param></function>",
               minicpm) == R"(BC(weather {"city":"a</param></function>\n","days":3} ))");
  CHECK(answer("<function name=\"weather\"><param name=\"city\"><![CDATA[a</param></function>", minicpm) ==
        "BM(<function name=\"weather\"><param name=\"city\"><![CDATA[a</param></function>)");
}

TEST_CASE("a call in reasoning that was left open") {
  // llama.cpp's server ends reasoning at the markers of these forms and of no others.
  AnswerOptions coder = read_as({"qwen3-coder"});
  const std::string call = "<tool_call>\n<function=now>\n</function>\n</tool_call>";
  CHECK(answer("<think>Hm.\n" + call, coder) == "R(Hm.)BC(now {} )");
  CHECK(answer("<think>Hm." + call + "\n</think>\nSo.", coder) == "R(Hm.)BC(now {} )T(So.)");
  CHECK(answer("<think>Hm. <function=now>", coder) == "R(Hm. <function=now>)");
  coder.begins_in = &kReasoningForms[0];
  CHECK(answer("Hm." + call, coder) == "R(Hm.)BC(now {} )");
  CHECK(answer("<think>Hm.<|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{}<|tool_call_end|>",
               read_as({"kimi-k2"})) == "R(Hm.)BC(now {} functions.now:0)");
  CHECK(
      answer(
          "<think>Hm.\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"now\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
          read_as({"deepseek-v4"})) == "R(Hm.)BC(now {} )");
  CHECK(answer("<|START_THINKING|>Hm.<|START_ACTION|>[{\"tool_name\": \"now\", \"parameters\": {}}]<|END_ACTION|>",
               read_as({"command-r7b"})) == "R(Hm.)BC(now {} )");
  const std::string hermes = R"(<think>Hm.<tool_call>{"name": "now", "arguments": {}}</tool_call>)";
  CHECK(answer(hermes, read_as({"hermes"})) == "R(" + hermes.substr(7) + ")");
  CHECK(answer(hermes + "</think>So.", read_as({"hermes"})) == "R(" + hermes.substr(7) + ")T(So.)");
  CHECK(answer("<think>Hm." + call, {}) == "R(Hm." + call + ")");  // no tools
}

TEST_CASE("other words for thinking") {
  CHECK(answer("[THINK]Hm.[/THINK]Four", {}) == "R(Hm.)T(Four)");
  CHECK(answer("<seed:think>Hm.</seed:think>Four", {}) == "R(Hm.)T(Four)");
  CHECK(reasoning_at_end("<|im_start|>assistant\n<think>\n") == &kReasoningForms[0]);
  CHECK(reasoning_at_end("<think></think>") == nullptr);
  CHECK(reasoning_at_end("") == nullptr);
}

TEST_CASE("whatever is cut off or mixed up, the events do not depend on the pieces") {
  std::mt19937 random(11);
  std::vector<std::string> parts = {"\n",
                                    " ",
                                    "{",
                                    "}",
                                    "\"",
                                    "\\",
                                    "a",
                                    "name",
                                    "\"name\":",
                                    "\"now\"",
                                    ",",
                                    "\"arguments\":{}",
                                    "<think>",
                                    "</think>",
                                    "assistant",
                                    "<|start|>",
                                    "<|message|>",
                                    "<|channel|>final",
                                    "to=functions.now",
                                    "[now()]",
                                    ":"};
  for (const CallForm& form : kCallForms) {
    for (const std::string_view marker :
         {form.section_begin, form.section_end, form.begin, form.end, form.name_end, form.key_begin, form.value_end}) {
      if (!marker.empty()) parts.emplace_back(marker);
    }
  }
  for (int round = 0; round < 400; ++round) {
    const CallForm& form = kCallForms[random() % std::size(kCallForms)];
    AnswerOptions options{.forms = {&form, find_call_form("hermes")}, .offered = offered()};
    options.channels = form.encoding == CallForm::Encoding::kChannel;
    std::string text;
    for (auto i = random() % 12; i > 0; --i) text += parts[random() % parts.size()];
    INFO(form.name << ": " << text);
    answer(text, options);
  }
}

}  // namespace moxie::test
