// SPDX-License-Identifier: Apache-2.0
// A model that answers in channels as gpt-oss does, from a folder and from a GGUF file. Its template is our own, in the
// form that github.com/openai/harmony describes.
#include <algorithm>
#include <filesystem>

#include <moxie/chat/chat.hpp>
#include <moxie/model/convert.hpp>
#include <moxie/tool/arg.hpp>
#include <moxie/tool/tool.hpp>

#include "support/catch.hpp"
#include "support/scripted_model.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

constexpr std::string_view kHarmony =
    "{% if tools %}<|start|>developer<|message|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% for m in messages %}{% if m.role == 'assistant' %}{% if m.tool_calls %}"
    "<|start|>assistant to=functions.{{ m.tool_calls[0].function.name }}<|channel|>commentary json<|message|>"
    "{{ m.tool_calls[0].function.arguments | tojson }}<|call|>"
    "{% elif loop.last and not add_generation_prompt %}<|start|>assistant<|channel|>final<|message|>{{ m.content }}"
    "<|return|>{% else %}<|start|>assistant<|channel|>final<|message|>{{ m.content }}<|end|>{% endif %}"
    "{% else %}<|start|>{% if m.role == 'tool' %}functions.add to=assistant<|channel|>commentary{% else %}user{% endif "
    "%}"
    "<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}";

// The prompt ends in the same byte always, so its answer is one; a tool that was called changes nothing.
ScriptedModel script(const std::vector<std::string>& pieces, const std::string& end) {
  ScriptedModel scripts({"<|start|>", "<|channel|>", "<|message|>", "<|return|>", "<|call|>", "<|constrain|>"});
  scripts.say('t', pieces, false);
  scripts.loop(pieces.back(), end);
  return scripts;
}

void write(const ScriptedModel& scripts, const std::filesystem::path& folder) {
  scripts.write(folder);
  write_file(folder / "chat_template.jinja", kHarmony);
}

std::vector<std::string> names(const Model& model) {
  std::vector<std::string> out;
  for (const TokenId id : *model.end_tokens()) out.emplace_back(model.tokenizer()->token(id));
  std::ranges::sort(out);
  return out;
}

}  // namespace

TEST_CASE("what ends a channel does not end an answer, and channels are told apart") {
  const TemporaryFolder folder;
  // A token says what comes next, so none may come twice: the second header is one of plain text.
  const ScriptedModel scripts = script({"<|channel|>", "analysis", "<|message|>", "They greet.", "<|end|>", "<|start|>",
                                        "assistant<|channel|>final<|message|>", "Hello, ", "friend."},
                                       "<|return|>");
  write(scripts, folder.path());
  std::filesystem::create_directory(folder / "file");
  REQUIRE(convert_to_gguf(folder.path(), folder / "file" / "m.gguf", {.type = GgufFileType::kF32}).message() == "");
  Kernel kernel = Kernel::create({.threads = 1, .memory_bytes = 64 << 20, .max_step_rows = 64}).value();
  for (const std::filesystem::path& path : {folder.path(), folder / "file" / "m.gguf"}) {
    INFO(path);
    const Model model = Model::load(path).value();
    CHECK(names(model) == std::vector<std::string>{"<|call|>", "<|return|>"});
    Chat chat = Chat::create(kernel, model).value();
    Generation answer = chat.ask("Hi");
    CHECK(answer.run().message() == "");
    CHECK(answer.stop_reason() == StopReason::kEndToken);
    CHECK(answer.text() == "Hello, friend.");
    CHECK(answer.reasoning() == "They greet.");
    CHECK(chat.messages().back().content == "Hello, friend.");
  }
}

TEST_CASE("a message to a function is a call") {
  const TemporaryFolder folder;
  const ScriptedModel scripts = script(
      {"<|channel|>", "commentary to=functions.add ", "<|constrain|>", "json", "<|message|>", R"({"a": 3,"b":4})"},
      "<|call|>");
  write(scripts, folder.path());
  const Model model = Model::load(folder.path()).value();
  Kernel kernel = Kernel::create({.threads = 1, .memory_bytes = 64 << 20, .max_step_rows = 64}).value();
  const auto box = std::make_shared<Toolbox>();
  REQUIRE(box->add(tool("add", "Adds", [](Arg<"a", int> a, Arg<"b", int> b) { return *a + *b; })).ok());
  REQUIRE(box->grant("add").ok());
  Chat chat = Chat::create(kernel, model, {.toolbox = box, .max_tool_rounds = 1}).value();
  Generation answer = chat.ask("Add");
  CHECK(answer.run().message() == "");
  CHECK(answer.stop_reason() == StopReason::kToolRounds);
  CHECK(answer.text().empty());
  REQUIRE(chat.tool_uses().size() == 1);
  CHECK(chat.tool_uses()[0].call.name == "add");
  CHECK(chat.tool_uses()[0].outcome.text == "7");
}
