// SPDX-License-Identifier: Apache-2.0
// Every round of a chat works on a fresh clone of the constraint.
#include <algorithm>

#include <moxie/chat/chat.hpp>
#include <moxie/tool/arg.hpp>
#include <moxie/tool/tool.hpp>

#include "support/catch.hpp"
#include "support/running.hpp"
#include "support/script_constraint.hpp"
#include "support/scripted_model.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

Kernel make_kernel() { return Kernel::create({.threads = 2, .memory_bytes = 64 << 20, .max_step_rows = 64}).value(); }

const Model& scripted() {
  static const Model model = [] {
    ScriptedModel scripts;
    scripts.say('A', {"Hello", ", ", "world"});
    scripts.loop("<|assistant|>", "Hello");
    // A template that ends in <|assistant|>: then the context is a beginning of the next prompt.
    const TemporaryFolder folder;
    scripts.write(folder.path());
    write_file(folder / "chat_template.jinja", joined({"{% for m in messages %}", ScriptedModel::kRole,
                                                       "{{ m.content }}<|end|>{% endfor %}"
                                                       "{% if add_generation_prompt %}<|assistant|>{% endif %}"}));
    return Model::load(folder.path()).value();
  }();
  return model;
}

std::shared_ptr<const TokenConstraint> saying(std::string_view text, bool forces) {
  return std::make_shared<ScriptConstraint>(
      ScriptConstraint::Rules{scripted().tokenizer()->encode(text, {.add_special = false}).value(), forces});
}

}  // namespace

TEST_CASE("every answer of a chat begins with the constraint afresh, also where the last one was cut") {
  std::vector<std::vector<TokenId>> contexts;
  for (const bool forces : {true, false}) {
    Kernel kernel = make_kernel();
    Chat chat = Chat::create(kernel, scripted()).value();
    const GenerationOptions options{.constraint = saying("exactly this", forces)};
    GenerationOptions cut = options;
    cut.max_tokens = 7;
    Generation first = chat.ask("A", cut);
    CHECK(first.run().ok());
    CHECK(first.text() == "exactly");
    CHECK(first.stop_reason() == StopReason::kMaxTokens);
    const std::size_t before = chat.context()->size();
    cut.max_tokens = SIZE_MAX;
    cut.stop = {"this"};
    Generation stopped = chat.ask("and A", cut);
    CHECK(stopped.run().ok());
    CHECK(stopped.text() == "exactly ");
    // What was taken and not computed, <|end|><|user|>and A<|end|><|assistant|>, and 12 tokens, of which the last ones
    // are not computed: all of them where they were forced.
    CHECK(stopped.usage().cached_tokens == before);
    CHECK(stopped.usage().computed_tokens == (forces ? 7U + 9U : 1U + 9U + 11U));
    Generation whole = chat.ask("once more A", options);
    CHECK(whole.run().ok());
    CHECK(whole.text() == "exactly this");
    CHECK(whole.stop_reason() == StopReason::kEndToken);
    REQUIRE(chat.messages().size() == 6);
    CHECK(chat.messages()[1].content == "exactly");
    CHECK(chat.messages()[3].content == "exactly ");
    Generation free = chat.ask("A");
    CHECK(free.run().ok());
    CHECK(free.text() == "Hello, world");
    const auto tokens = chat.context()->tokens();
    contexts.emplace_back(tokens.begin(), tokens.end());
  }
  CHECK(contexts[0] == contexts[1]);  // tokens that were forced and not fed are not lost to the next question
}

TEST_CASE("every round with tools begins with the constraint afresh") {
  for (const bool forces : {true, false}) {
    Kernel kernel = make_kernel();
    int calls = 0;
    const auto box = std::make_shared<Toolbox>();
    REQUIRE(box->add(tool("again", "Counts", [&calls] { return ++calls; })).ok());
    REQUIRE(box->grant("again").ok());
    Chat chat =
        Chat::create(kernel, scripted(), {.toolbox = box, .max_tool_rounds = 2, .tool_forms = {"hermes"}}).value();
    Generation answer =
        chat.ask("A", {.constraint = saying(R"(<tool_call>{"name":"again","arguments":{}}</tool_call>)", forces)});
    CHECK(answer.run().message() == "");
    CHECK(answer.stop_reason() == StopReason::kToolRounds);
    CHECK(calls == 2);
  }
}
