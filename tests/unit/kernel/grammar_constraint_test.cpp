// SPDX-License-Identifier: Apache-2.0
// Answers that a grammar holds to its texts.
#include <string>
#include <vector>

#include <moxie/kernel/grammar_constraint.hpp>
#include <moxie/kernel/kernel.hpp>
#include <moxie/model/model.hpp>

#include "support/catch.hpp"
#include "support/running.hpp"
#include "support/scripted_model.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

const Model& scripted() {
  static const Model model = [] {
    ScriptedModel scripts;
    scripts.say('A', {"Hello", ", ", "world"});
    scripts.say('E', {"\xf0", "\x9f", "\x98", "\x80"});
    scripts.loop("<|assistant|>", "Hello");
    const TemporaryFolder folder;
    scripts.write(folder.path());
    return Model::load(folder.path()).value();
  }();
  return model;
}

Kernel make_kernel() { return Kernel::create({.threads = 2, .memory_bytes = 64 << 20}).value(); }

std::shared_ptr<const TokenConstraint> held_to(const Grammar& grammar) {
  return make_constraint(grammar, Vocabulary::create(*scripted().tokenizer()).value()).value();
}

struct Answer {
  std::string text;
  StopReason reason;
  Usage usage;
};

Answer answer(std::string_view prompt, std::shared_ptr<const TokenConstraint> by, std::size_t max_tokens = 200) {
  Kernel kernel = make_kernel();
  Generation generation = kernel.generate(scripted(), prompt, {.max_tokens = max_tokens, .constraint = std::move(by)});
  CHECK(generation.run().message() == "");
  return {std::string(generation.text()), generation.stop_reason(), generation.usage()};
}

}  // namespace

TEST_CASE("an answer is one of a schema's values, whatever the model would say") {
  const Grammar grammar =
      Grammar::json_schema(R"({"type":"object","required":["kind","on"],"additionalProperties":false,
      "properties":{"kind":{"enum":["lamp","fan"]},"on":{"type":"boolean"}}})")
          .value();
  const Answer one = answer("A", held_to(grammar));
  CHECK(one.reason == StopReason::kEndToken);
  const std::string& text = one.text;
  CAPTURE(text);
  CHECK((text == R"({"kind":"lamp","on":true})" || text == R"({"kind":"lamp","on":false})" ||
         text == R"({"kind":"fan","on":true})" || text == R"({"kind":"fan","on":false})"));
}

TEST_CASE("a grammar that the model keeps to anyway changes nothing") {
  const Answer free = answer("A", nullptr);
  const Answer bound = answer("A", held_to(Grammar::regex("[A-Za-z, ]*").value()));
  CHECK(free.text == "Hello, world");
  CHECK(bound.text == free.text);
  CHECK(bound.usage.generated_tokens == free.usage.generated_tokens);
}

TEST_CASE("a text of which every token is forced needs no choice") {
  const Answer one = answer("A", held_to(Grammar::regex("xyz").value()));
  CHECK(one.text == "xyz");
  CHECK(one.reason == StopReason::kEndToken);
}

TEST_CASE("a limit of tokens cuts a constrained answer and says so") {
  const Answer one = answer("A", held_to(Grammar::regex("[a-z]{50}").value()), 7);
  CHECK(one.reason == StopReason::kMaxTokens);
  CHECK(one.usage.generated_tokens == 7);
}

TEST_CASE("a character whose bytes are tokens can be reached inside JSON") {
  const Answer one = answer("E", held_to(Grammar::regex(".?").value()));
  CHECK(one.text == "\xf0\x9f\x98\x80");
}
