// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include <moxie/chat/chat.hpp>
#include <moxie/tool/arg.hpp>
#include <moxie/tool/tool.hpp>

#include "support/catch.hpp"
#include "support/running.hpp"
#include "support/scripted_model.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

constexpr std::string_view kAdd = R"(<tool_call>{"name":"add","arguments":{"a":)";

std::string add(int a, int b) {
  return joined({kAdd, std::to_string(a), R"(,"b":)", std::to_string(b), "}}</tool_call>"});
}
std::string call(std::string_view name) {
  return joined({R"(<tool_call>{"name":")", name, R"(","arguments":{}}</tool_call>)"});
}

/// Whatever a result ends in is the last byte of the prompt, and chooses the next script.
const Model& scripted() {
  static const Model model = [] {
    ScriptedModel scripts;
    scripts.say('A', {add(1, 1), "<tool_call>{not one}</tool_call>", add(3, 4)});
    scripts.say('B', {"<tool_call>[]</tool_call>", add(2, 5)});
    scripts.say('C', {add(4, 2), R"(<tool_call>{"name":"add)"});
    scripts.say('D', {"<tool_call>\"one\"</tool_call>", " and ", "<tool_call>{\"name\":\"\"}</tool_call>"});
    scripts.say('L', {call("long")});
    scripts.say('M', {call("binary")});
    scripts.say('S', {call("slow")});
    scripts.say('T', {call("thrower")});
    scripts.say('W', {call("waiter")});
    scripts.say('7', {"seven"});
    scripts.say('6', {"six"});
    scripts.say('}', {"that did not work"});
    return scripts.load();
  }();
  return model;
}

/// Tools that go wrong in each way that there is.
struct Tools {
  std::shared_ptr<Toolbox> shared = std::make_shared<Toolbox>();
  Toolbox& box = *shared;
  int slow = 0;

  Tools() {
    REQUIRE(box.add(tool("add", "Adds", [](Arg<"a", int> a, Arg<"b", int> b) { return *a + *b; })).ok());
    REQUIRE(box.add(tool("long", "Says much", [] { return std::string(1000, 'x'); })).ok());
    REQUIRE(box.add(tool("binary", "Says bytes", [] { return std::string("\xff<|end|>"); })).ok());
    REQUIRE(box.add(tool("slow", "Looks at no clock",
                         [this] {
                           ++slow;
                           std::this_thread::sleep_for(std::chrono::milliseconds(30));
                           return std::string("7");
                         }))
                .ok());
    REQUIRE(box.add(tool("waiter", "Waits until its time is over",
                         [](const ToolControl& control) -> Result<std::string> {
                           while (control.check("waiter").ok()) std::this_thread::yield();
                           MOXIE_TRY(control.check("waiter"));
                           return std::string("never");
                         }))
                .ok());
    REQUIRE(box.add(tool("thrower", "Throws", []() -> std::string { throw std::runtime_error("no \"wind\""); })).ok());
    for (const char* name : {"add", "long", "binary", "slow", "waiter", "thrower"}) REQUIRE(box.grant(name).ok());
  }
};

Kernel make_kernel() { return Kernel::create({.threads = 2, .memory_bytes = 64 << 20, .max_step_rows = 64}).value(); }

}  // namespace

TEST_CASE("a malformed call beside good ones is answered in its place") {
  Kernel kernel = make_kernel();
  Tools tools;
  Chat chat = Chat::create(kernel, scripted(), {.toolbox = tools.shared}).value();
  std::string heard;
  Generation answer = chat.ask("A", {.on_event = [&](const AnswerEvent& event) {
                                 if (event.kind == AnswerEvent::Kind::kCall) heard += "C";
                                 if (event.kind == AnswerEvent::Kind::kMalformedCall) heard += "M";
                                 return true;
                               }});
  CHECK(answer.run().message() == "");
  CHECK(heard == "CMC");
  CHECK(answer.text() == "<tool_call>{not one}</tool_call>seven");  // nothing of an answer is lost
  REQUIRE(chat.tool_uses().size() == 3);
  CHECK(chat.tool_uses()[0].outcome.text == "2");
  CHECK(chat.tool_uses()[2].outcome.text == "7");
  const ToolUse& malformed = chat.tool_uses()[1];
  CHECK(malformed.call.name.empty());
  CHECK(malformed.call.arguments == "<tool_call>{not one}</tool_call>");
  CHECK(malformed.outcome.verdict == ToolVerdict::kBadArguments);
  CHECK(malformed.outcome.status.code() == Code::kFormat);
  CHECK(malformed.outcome.text.starts_with(R"({"error":"the tool call is malformed: needed )"));

  const auto messages = chat.messages();
  REQUIRE(messages.size() == 6);
  CHECK(messages[1].tool_calls.size() == 2);
  CHECK(messages[2].content == "2");
  CHECK(messages[3].content == malformed.outcome.text);
  CHECK(messages[4].content == "7");
  CHECK(messages[3].tool_call_id.size() == 9);
  CHECK(messages[3].tool_call_id != messages[2].tool_call_id);
  CHECK(messages[3].tool_call_id != messages[4].tool_call_id);
  CHECK(tools.box.records().value().size() == 2);  // the toolbox was asked for two

  Generation first = chat.ask("B");
  CHECK(first.run().message() == "");
  REQUIRE(chat.tool_uses().size() == 2);
  CHECK(chat.tool_uses()[0].call.name.empty());
  CHECK(chat.tool_uses()[1].outcome.text == "7");
  CHECK(first.text().ends_with("seven"));

  Generation several = chat.ask("D");
  CHECK(several.run().message() == "");
  REQUIRE(chat.tool_uses().size() == 2);
  CHECK(chat.tool_uses()[0].call.arguments == "<tool_call>\"one\"</tool_call>");
  CHECK(chat.tool_uses()[1].call.arguments == R"(<tool_call>{"name":""}</tool_call>)");
  CHECK(several.text().ends_with("that did not work"));
}

TEST_CASE("a call that breaks off behind a good one is told too") {
  Kernel kernel = make_kernel();
  Tools tools;
  Chat chat = Chat::create(kernel, scripted(), {.toolbox = tools.shared}).value();
  Generation answer = chat.ask("C");
  CHECK(answer.run().message() == "");
  REQUIRE(chat.tool_uses().size() == 2);
  CHECK(chat.tool_uses()[0].outcome.text == "6");
  CHECK(chat.tool_uses()[1].call.arguments == R"(<tool_call>{"name":"add)");
  CHECK(answer.text().ends_with("that did not work"));

  // The limit of tokens cut it: that is no mistake of the model's, and nobody would read the result.
  Generation cut = chat.ask("D", {.max_tokens = 1});
  CHECK(cut.run().ok());
  CHECK(cut.stop_reason() == StopReason::kMaxTokens);
  CHECK(chat.tool_uses().empty());
}

TEST_CASE("a tool whose answer is too large, no text, too late, or an exception is an error that the model reads") {
  struct Case {
    std::string_view question;
    ToolVerdict verdict;
    Code code;
    std::string_view says;
  };
  const std::array<Case, 5> cases = {
      Case{"L", ToolVerdict::kBadAnswer, Code::kBudget, "long: needed an answer of at most 100 bytes, came 1000"},
      Case{"M", ToolVerdict::kBadAnswer, Code::kFormat, "binary: needed an answer in UTF-8"},
      Case{"S", ToolVerdict::kLate, Code::kDeadline, "slow: needed an end within its time"},
      Case{"W", ToolVerdict::kLate, Code::kDeadline, "waiter: needed an end within its time"},
      Case{"T", ToolVerdict::kFailed, Code::kHostException, "thrower"}};
  Kernel kernel = make_kernel();
  Tools tools;
  const ToolLimits limits{.max_answer_bytes = 100, .time = std::chrono::milliseconds(20)};
  Chat chat = Chat::create(kernel, scripted(), {.toolbox = tools.shared, .tool_limits = limits}).value();
  for (const Case& wrong : cases) {
    CAPTURE(std::string(wrong.question));
    Generation answer = chat.ask(wrong.question);
    CHECK(answer.run().message() == "");
    CHECK(answer.stop_reason() == StopReason::kEndToken);
    CHECK(answer.text() == "that did not work");
    REQUIRE(chat.tool_uses().size() == 1);
    const ToolOutcome& outcome = chat.tool_uses()[0].outcome;
    CHECK(outcome.verdict == wrong.verdict);
    CHECK(outcome.status.code() == wrong.code);
    CHECK(outcome.text.starts_with(joined({R"({"error":")", wrong.says})));
    CHECK(outcome.text.size() < 300);  // nothing of what was refused
    CHECK(chat.messages()[chat.messages().size() - 2].content == outcome.text);
    const auto records = tools.box.take_records().value();
    REQUIRE(records.size() == 1);
    CHECK(records[0].verdict == wrong.verdict);
  }
  CHECK(tools.slow == 1);
  Generation well = chat.ask("C");  // the chat and its kernel are as good as before
  CHECK(well.run().ok());
  CHECK(chat.tool_uses()[0].outcome.text == "6");
}

TEST_CASE("a tool has no more time than its answer") {
  Kernel kernel = make_kernel();
  Tools tools;
  Chat chat = Chat::create(kernel, scripted(), {.toolbox = tools.shared}).value();
  // A busy machine may need the shortest of these for what comes before the tool.
  for (const int milliseconds : {200, 1000, 5000}) {
    const auto begin = std::chrono::steady_clock::now();
    Generation answer = chat.ask("W", {.deadline = begin + std::chrono::milliseconds(milliseconds)});
    CHECK(answer.run().code() == Code::kDeadline);
    CHECK(answer.stop_reason() == StopReason::kDeadline);
    CHECK(chat.messages().empty());
    if (chat.tool_uses().empty() && milliseconds < 5000) continue;
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(8));  // a tool alone would have ten
    REQUIRE(chat.tool_uses().size() == 1);                                      // what was done stays known
    CHECK(chat.tool_uses()[0].outcome.verdict == ToolVerdict::kLate);
    break;
  }
  CHECK(chat.ask("C").run().ok());
}
