// SPDX-License-Identifier: Apache-2.0
#include <moxie/text/chat_template.hpp>
#include <moxie/text/message.hpp>
#include <moxie/text/template_traits.hpp>

#include "support/catch.hpp"
#include "support/safetensors_writer.hpp"

namespace {

using namespace moxie;

std::string rendered(const Value& value, std::string_view source = "{{ v | tojson }}") {
  const std::pair<std::string_view, Value> variables[] = {{"v", value}};
  return ChatTemplate::parse(source).value().render({.variables = variables}).value().text;
}

constexpr std::string_view kChat = R"([
  {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}]},
  {"role": "assistant", "content": null, "reasoning_content": "hm",
   "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1.0}"}},
                  {"function": {"name": "g", "arguments": {"y": [2, null]}}}]},
  {"role": "tool", "tool_call_id": "1", "name": "f", "content": "ok", "extra": true}])";

TEST_CASE("messages are read in OpenAI's form") {
  const auto messages = parse_messages(kChat, "chat.json");
  INFO(messages.status().message());
  REQUIRE(messages.ok());
  REQUIRE(messages->size() == 3);
  CHECK((*messages)[0].parts == std::vector<ContentPart>{{"text", "a"}, {"image", ""}});
  CHECK(!(*messages)[1].content);
  CHECK((*messages)[1].reasoning == "hm");
  CHECK((*messages)[1].tool_calls == std::vector<ToolCall>{{"1", "f", "{\"x\": 1.0}"}, {"", "g", "{\"y\":[2,null]}"}});
  CHECK((*messages)[2] == Message{.role = "tool", .content = "ok", .tool_call_id = "1", .name = "f"});
  CHECK(rendered(to_value(*messages).value()) ==
        R"([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}]}, )"
        R"({"role": "assistant", "content": null, "reasoning_content": "hm", "reasoning": "hm", "tool_calls": )"
        R"([{"id": "1", "type": "function", "function": {"name": "f", "arguments": {"x": 1.0}}}, )"
        R"({"type": "function", "function": {"name": "g", "arguments": {"y": [2, null]}}}]}, )"
        R"({"role": "tool", "content": "ok", "tool_call_id": "1", "name": "f"}])");
}

TEST_CASE("a chat in JSON keeps every field, and arguments become objects") {
  const Value chat = parse_chat(kChat, "chat.json").value();
  CHECK(
      rendered(chat, "{{ v[2].extra }} {{ v[1].tool_calls[0].function.arguments.x }} {{ v[1].tool_calls[0].type }}") ==
      "True 1.0 function");
}

TEST_CASE("whole numbers of any size keep their digits") {
  using test::joined;
  for (const std::string_view digits : {"9223372036854775807", "9223372036854775808", "18446744073709551615",
                                        "1234567890123456789012", "-9223372036854775809"}) {
    const std::string list = joined({"[", digits, "]"});
    const std::string object = joined({"{\"n\":", digits, "}"});
    CHECK(rendered(parse_value(list, "n").value()) == list);
    CHECK(rendered(parse_value(digits, "n").value(), "{{ v }} {{ v is number }} {{ v == v }} {{ v ~ '' }}") ==
          joined({digits, " True True ", digits}));
    const Message call{.role = "assistant", .tool_calls = {{"", "f", object}}};
    CHECK(rendered(to_value({&call, 1}).value(), "{{ v[0].tool_calls[0].function.arguments | tojson }}") ==
          joined({"{\"n\": ", digits, "}"}));
    const std::string chat =
        joined({R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": )", object, "}}]}]"});
    CHECK(parse_messages(chat, "chat")->front().tool_calls.front().arguments == object);
  }
  const std::pair<std::string_view, Value> variables[] = {{"v", parse_value("18446744073709551615", "n").value()}};
  CHECK(ChatTemplate::parse("{{ v + 1 }}").value().render({.variables = variables}).status().code() ==
        Code::kUnsupported);
}

TEST_CASE("a history is told as the template wants it") {
  const std::vector<Message> messages = {{.role = "user", .content = "q"},
                                         {.role = "assistant",
                                          .content = "",
                                          .reasoning = "hm",
                                          .tool_calls = {{"1", "f", "{\"x\":1}"}, {"2", "g", "{}"}}},
                                         {.role = "tool", .content = "bad", .tool_call_id = "9"},
                                         {.role = "tool", .content = "one", .tool_call_id = "1"},
                                         {.role = "tool", .content = "two", .tool_call_id = "2"},
                                         {.role = "assistant", .content = "said"},
                                         {.role = "tool", .content = "bad too", .tool_call_id = "8"}};
  const auto told = [&](const TemplateTraits& traits) {
    return rendered(to_value(messages, traits).value(),
                    "{% for m in v %}{{ m.role[0] }}({{ m.content | tojson }}{% for c in m.tool_calls %} "
                    "{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}){% endfor %}");
  };
  CHECK(told({}) == R"(u("q")a("" f{"x": 1} g{})t("bad")t("one")t("two")a("said")t("bad too"))");
  CHECK(told({.writes_calls = true}) == R"(u("q")a(null f{"x": 1} g{})t("bad")t("one")t("two")a("said")t("bad too"))");
  CHECK(told({.writes_calls = true, .arguments_as_text = true, .null_content = false}) ==
        R"(u("q")a("" f"{\"x\":1}" g"{}")t("bad")t("one")t("two")a("said")t("bad too"))");
  CHECK(told({.writes_calls = true, .one_call_each = true}) ==
        R"(u("q")a(null f{"x": 1})t("one")a(null g{})t("two")t("bad")a("said")t("bad too"))");
  CHECK(told({.writes_calls = true, .stray_results = false}) ==
        R"(u("q")a(null f{"x": 1} g{})t("one")t("two\nbad")a("said")u("bad too"))");
}

TEST_CASE("what is no chat is refused") {
  for (const std::string_view json :
       {"", "{}", "[1]", "[{}]", "[{\"role\": 1}]", "[{\"role\": \"a\", \"content\": 1}]",
        "[{\"role\": \"a\", \"content\": [1]}]", "[{\"role\": \"a\", \"tool_calls\": 1}]",
        "[{\"role\": \"a\", \"tool_calls\": [{}]}]",
        "[{\"role\": \"a\", \"tool_calls\": [{\"name\": \"f\", \"arguments\": \"[1]\"}]}]", "[{\"role\": \"a\"}"}) {
    INFO(json);
    CHECK(parse_messages(json, "chat.json").status().code() == Code::kFormat);
  }
  CHECK(parse_value(std::string(100, '[') + std::string(100, ']'), "n").status().code() == Code::kFormat);
  const Message broken{.role = "assistant", .tool_calls = {{"", "f", "no"}}};
  CHECK(to_value({&broken, 1}).status().code() == Code::kFormat);
}

}  // namespace
