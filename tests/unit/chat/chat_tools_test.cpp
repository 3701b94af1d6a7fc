// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

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
  CHECK(answer.text() == "seven");  // a reader sees no markup
  REQUIRE(chat.tool_uses().size() == 3);
  CHECK(chat.tool_uses()[0].outcome.text == "2");
  CHECK(chat.tool_uses()[2].outcome.text == "7");
  const ToolUse& malformed = chat.tool_uses()[1];
  CHECK(malformed.call.name.empty());
  CHECK(malformed.call.arguments == "<tool_call>{not one}</tool_call>");
  CHECK(malformed.outcome.verdict == ToolVerdict::kBadArguments);
  CHECK(malformed.outcome.status.code() == Code::kFormat);
  CHECK(malformed.outcome.text.starts_with(R"({"error":"the tool call is malformed: needed )"));
  CHECK(malformed.outcome.text.ends_with(
      R"(; write a call as <tool_call>\n{\"name\": \"NAME\", \"arguments\": {\"KEY\": \"VALUE\"}}\n</tool_call>"})"));

  const auto messages = chat.messages();
  REQUIRE(messages.size() == 6);
  CHECK(messages[1].content == "<tool_call>{not one}</tool_call>");  // the model sees what it is told about
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

namespace {

/// A template that shows tools and calls in the form of `shape`, and who says what behind which byte.
Model told(std::string_view calls, const std::vector<std::string>& says) {
  const TemporaryFolder folder;
  ScriptedModel scripts;
  scripts.say('A', says);
  scripts.say('7', {"seven"});
  scripts.say('6', {"six"});
  scripts.say('}', {"that did not work"});
  scripts.write(folder.path());
  write_file(folder / "chat_template.jinja",
             joined({"{% if tools %}<|system|>{{ tools | tojson }}{% endif %}{% for m in messages %}"
                     "{% if m.role == 'assistant' %}{% if m.tool_calls %}",
                     calls, "{% else %}{{ m.content }}{% endif %}<|end|>{% else %}", ScriptedModel::kRole,
                     "{{ m.content }}{% endif %}{% endfor %}"}));
  return Model::load(folder.path()).value();
}

constexpr std::string_view kDeepSeek =
    "{% for c in m.tool_calls %}<｜tool▁call▁begin｜>{{ c.function.name + '<｜tool▁sep｜>' + c.function.arguments }}"
    "<｜tool▁call▁end｜>{% endfor %}{{ '<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>' if false }}";
constexpr std::string_view kCoder =
    "{% for c in m.tool_calls %}<tool_call>\n<function={{ c.function.name }}>\n"
    "{% for k, v in c.function.arguments.items() %}<parameter={{ k }}>\n{{ v }}\n</parameter>\n{% endfor %}"
    "</function>\n</tool_call>{% endfor %}";
constexpr std::string_view kLlama =
    "{% if m.tool_calls | length > 1 %}{{ raise_exception('only one call') }}{% endif %}"
    "{\"name\": \"{{ m.tool_calls[0].function.name }}\", \"parameters\": "
    "{{ m.tool_calls[0].function.arguments | tojson }}}";

}  // namespace

TEST_CASE("the form of calls follows from the template") {
  struct Case {
    std::string_view name;
    std::string_view calls;
    std::string said;
  };
  const std::array<Case, 3> cases = {
      Case{"arguments as text", kDeepSeek,
           "<｜tool▁call▁begin｜>add<｜tool▁sep｜>{\"a\": 3, \"b\": 4}<｜tool▁call▁end｜>"},
      Case{"tags", kCoder,
           "<tool_call>\n<function=add>\n<parameter=a>\n3\n</parameter>\n<parameter=b>\n4\n</parameter>\n</function>\n"
           "</tool_call>"},
      Case{"an object alone", kLlama, "{\"name\": \"add\", \"parameters\": {\"a\": 3, \"b\": 4}}"}};
  Kernel kernel = make_kernel();
  for (const Case& each : cases) {
    INFO(each.name);
    Tools tools;
    const Model model = told(each.calls, {each.said});
    Chat chat = Chat::create(kernel, model, {.toolbox = tools.shared}).value();
    Generation answer = chat.ask("A");
    CHECK(answer.run().message() == "");
    CHECK(answer.text() == "seven");
    REQUIRE(chat.tool_uses().size() == 1);
    CHECK(chat.tool_uses()[0].call.arguments == R"({"a":3,"b":4})");
  }
}

TEST_CASE("a template that takes one call for each message gets several as several") {
  Kernel kernel = make_kernel();
  Tools tools;
  const Model model = told(kLlama, {R"({"name": "add", "parameters": {"a": 1, "b": 5}}; )"
                                    R"({"name": "add", "parameters": {"a": 3, "b": 4}})"});
  CHECK(model.chat_template()->traits.one_call_each);
  Chat chat = Chat::create(kernel, model, {.toolbox = tools.shared}).value();
  Generation answer = chat.ask("A");
  CHECK(answer.run().message() == "");
  CHECK(answer.text() == "seven");
  REQUIRE(chat.tool_uses().size() == 2);
  CHECK(chat.messages()[1].tool_calls.size() == 2);
}

TEST_CASE("an answer in JSON with a name is an answer") {
  Kernel kernel = make_kernel();
  Tools tools;
  Chat chat =
      Chat::create(kernel, told(kLlama, {R"({"name": "Alice", )", R"("age": 30})"}), {.toolbox = tools.shared}).value();
  Generation answer = chat.ask("A");
  CHECK(answer.run().message() == "");
  CHECK(answer.text() == R"({"name": "Alice", "age": 30})");
  CHECK(chat.tool_uses().empty());
  CHECK(answer.stop_reason() == StopReason::kEndToken);
}

TEST_CASE("a whole number that is too long is refused by the tool, and the turn goes on") {
  Kernel kernel = make_kernel();
  for (const std::string_view digits : {"9223372036854775808", "18446744073709551615", "1234567890123456789012"}) {
    INFO(digits);
    Tools tools;
    const Model model = told(
        kCoder, {joined({"<function=add><parameter=a>", digits, "</parameter><parameter=b>4</parameter></function>"})});
    Chat chat = Chat::create(kernel, model, {.toolbox = tools.shared}).value();
    Generation answer = chat.ask("A");
    CHECK(answer.run().message() == "");
    CHECK(answer.text() == "that did not work");
    REQUIRE(chat.tool_uses().size() == 1);
    CHECK(chat.tool_uses()[0].call.arguments == joined({"{\"a\":", digits, ",\"b\":4}"}));
    CHECK(chat.tool_uses()[0].outcome.verdict == ToolVerdict::kBadArguments);
  }
}

TEST_CASE("tools that nobody would hear of, or whose calls nobody could read, are refused") {
  Kernel kernel = make_kernel();
  Tools tools;
  const TemporaryFolder folder;
  ScriptedModel scripts;
  scripts.say('A', {add(3, 4)});
  scripts.say('7', {"seven"});
  scripts.write(folder.path());
  write_file(folder / "chat_template.jinja",
             joined({"{% for m in messages %}", ScriptedModel::kRole, "{{ m.content }}{% endfor %}"}));
  const Model deaf = Model::load(folder.path()).value();
  const Status status = Chat::create(kernel, deaf, {.toolbox = tools.shared}).status();
  CHECK(status.code() == Code::kUnsupported);
  CHECK(Chat::create(kernel, deaf).ok());
  CHECK(Chat::create(kernel, deaf, {.toolbox = tools.shared, .tool_forms = {"hermit"}}).status().code() ==
        Code::kInvalidArgument);
  Chat chat = Chat::create(kernel, deaf, {.toolbox = tools.shared, .tool_forms = {"llama3", "hermes"}}).value();
  CHECK(chat.ask("A").run().ok());
  CHECK(chat.tool_uses().size() == 1);
}

TEST_CASE("where tools are offered, the template for tools is taken") {
  Kernel kernel = make_kernel();
  Tools tools;
  const TemporaryFolder folder;
  ScriptedModel scripts;
  scripts.say('A', {add(3, 4)});
  scripts.say('7', {"seven"});
  scripts.say('B', {"plain"});
  scripts.write(folder.path());
  const std::string tail =
      joined({"{% for m in messages %}", ScriptedModel::kRole, "{{ m.content }}{{ x }}{% endfor %}"});
  write_file(folder / "chat_template.jinja", tail);
  std::filesystem::create_directory(folder / "additional_chat_templates");
  write_file(folder / "additional_chat_templates" / "tool_use.jinja",
             joined({"{% for t in tools or [] %}{{ t | tojson }}{% endfor %}<tool_call></tool_call>", tail}));
  write_file(folder / "additional_chat_templates" / "broken.jinja", "{% if %}");
  const Model model = Model::load(folder.path()).value();
  const auto prompt = [&](const ChatOptions& options, std::string_view question) {
    Chat chat = Chat::create(kernel, model, options).value();
    Generation answer = chat.ask(question);
    CHECK(answer.run().message() == "");
    const auto tokens = chat.context()->tokens();
    return model.tokenizer()->decode({tokens.data(), tokens.data() + tokens.size()}).value();
  };
  CHECK(prompt({.toolbox = tools.shared}, "A").starts_with("{\"type\": \"function\""));
  CHECK(prompt({}, "B").starts_with("<|user|>B"));
  CHECK(prompt({.template_name = "tool_use"}, "B").starts_with("<tool_call></tool_call><|user|>B"));
  CHECK(Chat::create(kernel, model, {.template_name = "rag"}).status().code() == Code::kNotFound);
  CHECK(Chat::create(kernel, model, {.template_name = "broken"}).status().code() == Code::kFormat);
  // One of the host's own, with a variable.
  write_file(folder / "own.jinja", "{% for m in messages %}<|user|>{{ style }}{{ m.content }}{% endfor %}");
  const auto own = std::make_shared<const CheckpointTemplate>(load_chat_template(folder / "own.jinja").value());
  CHECK(prompt({.chat_template = own, .variables = {{"style", Value::string("kind ").value()}}}, "B")
            .starts_with("<|user|>kind B"));
}
