// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>

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
    scripts.say('A', {"Hello", ", ", "world", "!"});
    scripts.say('B', {"x", "yes", "no"});
    return scripts.load();
  }();
  return model;
}

const Model& storyteller() {
  static const Model built_in = Model::load(test_data() / "../../examples/tiny-model/moxie-tiny.gguf").value();
  return built_in;
}

constexpr std::string_view kPrompt = "Tell me a short story about a fox named Mia and a bell.";

std::vector<TokenId> encode(const Model& model, std::string_view text) {
  return model.tokenizer()->encode(text, {.add_special = false}).value();
}

struct Answer {
  std::string text;
  std::vector<TokenId> tokens;
  StopReason reason = StopReason::kNone;
  std::size_t generated = 0;
  std::size_t context_size = 0;
  std::size_t steps = 0;
  std::vector<double> logprobs;
  std::vector<float> next_logits;  ///< of token 5 behind it
};

Answer answer_of(const Model& model, std::string_view prompt, const GenerationOptions& options,
                 const ContextOptions& limits = {}) {
  Kernel kernel = make_kernel();
  Context context = kernel.open(model, limits).value();
  Generation generation = kernel.generate(context, prompt, options);
  Answer answer;
  while (!generation.finished()) {
    REQUIRE(kernel.step(generation).ok());
    ++answer.steps;
  }
  CHECK(generation.status().message() == "");
  answer.text = generation.text();
  answer.tokens.assign(generation.tokens().begin(), generation.tokens().end());
  answer.reason = generation.stop_reason();
  answer.generated = generation.usage().generated_tokens;
  answer.context_size = context.size();
  for (std::size_t i = 0; i < answer.tokens.size(); ++i) answer.logprobs.push_back(generation.logprob(i).logprob);
  if (context.size() < context.max_positions()) {
    answer.next_logits = all_logits(kernel, context, std::array<TokenId, 1>{5}, model.config().vocab_size);
  }
  return answer;
}

void check_equal(const Answer& a, const Answer& b) {
  CHECK(a.text == b.text);
  CHECK(a.tokens == b.tokens);
  CHECK(a.reason == b.reason);
  CHECK(a.generated == b.generated);
  CHECK(a.logprobs == b.logprobs);
}

}  // namespace

TEST_CASE("an answer under a constraint is this exact text, and then it ends") {
  for (const Model* model : {&scripted(), &storyteller()}) {
    const std::string text = "The bell rang, and Mia ran home!";
    const auto script = encode(*model, text);
    for (const bool forces : {false, true}) {
      for (const double temperature : {0.0, 1.5}) {
        const Answer answer =
            answer_of(*model, kPrompt,
                      {.sampling = {.temperature = temperature},
                       .constraint = std::make_shared<ScriptConstraint>(ScriptConstraint::Rules{script, forces})});
        CHECK(answer.text == text);
        CHECK(answer.tokens == script);
        CHECK(answer.reason == StopReason::kEndToken);
        CHECK(answer.generated == script.size() + 1);
        // The prompt, all forced tokens at once, and the end token is chosen from the last of their rows.
        if (forces) CHECK(answer.steps <= script.size() / 64 + 3);
        if (!forces) CHECK(answer.steps > script.size());
      }
    }
  }
}

TEST_CASE("a constraint that never binds changes no bit of an answer") {
  for (const double temperature : {0.0, 0.9}) {
    GenerationOptions options{.sampling = {.temperature = temperature, .top_p = 0.95, .seed = 4, .logprobs = 2},
                              .max_tokens = 40};
    const Answer plain = answer_of(storyteller(), kPrompt, options);
    options.constraint = std::make_shared<ScriptConstraint>(ScriptConstraint::Rules{.free_after = true});
    const Answer constrained = answer_of(storyteller(), kPrompt, options);
    check_equal(constrained, plain);
    CHECK(constrained.next_logits == plain.next_logits);
    CHECK(constrained.steps == plain.steps);
    CHECK(plain.tokens.size() > 10);
  }
}

TEST_CASE("tokens forced at once give what the same tokens give one by one, and the bits of the rows behind them") {
  const auto script = encode(storyteller(), " Once there was a fox who could not sleep, and");
  REQUIRE(script.size() > 8);
  const auto with = [&](bool forces, GenerationOptions options, std::size_t begin = 0) {
    options.constraint = std::make_shared<ScriptConstraint>(
        ScriptConstraint::Rules{.script = script, .forces = forces, .free_after = true, .free_before = begin});
    return answer_of(storyteller(), kPrompt, options);
  };
  for (const double temperature : {0.0, 0.8}) {
    for (const std::size_t begin :
         std::vector<std::size_t>{0, 3}) {  // forced from the first token on, and behind chosen ones
      const GenerationOptions options{.sampling = {.temperature = temperature, .repetition_penalty = 1.2, .seed = 9},
                                      .max_tokens = 40};
      const Answer at_once = with(true, options, begin);
      const Answer single = with(false, options, begin);
      check_equal(at_once, single);
      CHECK(at_once.context_size == single.context_size);
      REQUIRE(!at_once.next_logits.empty());
      CHECK(at_once.next_logits == single.next_logits);
      CHECK(at_once.steps + script.size() <= single.steps + 1);
      CHECK(std::equal(script.begin(), script.end(), at_once.tokens.begin() + std::ptrdiff_t(begin)));
    }
  }
  // Where log probabilities are wanted, each token is chosen and has its own.
  const GenerationOptions logprobs{.sampling = {.logprobs = 1}, .max_tokens = 40};
  const Answer at_once = with(true, logprobs);
  check_equal(at_once, with(false, logprobs));
  CHECK(std::ranges::all_of(at_once.logprobs, [](double x) { return x < 0; }));
}

TEST_CASE("limits and stop strings end an answer at the same forced token as at a chosen one") {
  const std::string text = "one STOPPED two";
  const auto script = encode(scripted(), text);
  const auto with = [&](bool forces, GenerationOptions options, std::size_t positions) {
    options.constraint = std::make_shared<ScriptConstraint>(ScriptConstraint::Rules{script, forces});
    return answer_of(scripted(), "12B", options, {.max_positions = positions});
  };
  std::size_t full = 0;
  for (std::size_t n = 1; n <= script.size() + 1; ++n) {
    CAPTURE(n);
    check_equal(with(true, {.max_tokens = n}, 100), with(false, {.max_tokens = n}, 100));
    const Answer few = with(true, {}, 2 + n);
    check_equal(few, with(false, {}, 2 + n));
    full += few.reason == StopReason::kContextFull;
  }
  CHECK(full > 10);
  CHECK(with(true, {.max_tokens = 3}, 100).tokens.size() == 3);
  for (const char* stop : {"one", "STOP", "PED t", "two", "never"}) {
    const Answer stopped = with(true, {.stop = {stop}}, 100);
    check_equal(stopped, with(false, {.stop = {stop}}, 100));
    CHECK(stopped.text == text.substr(0, text.find(stop)));
  }
  // A forced end token ends it where it may end.
  auto ends = script;
  ends.push_back(ScriptedModel::kEnd);
  const auto constraint = [&](std::size_t may_end_from) {
    return std::make_shared<ScriptConstraint>(
        ScriptConstraint::Rules{.script = ends, .forces = true, .may_end_from = may_end_from});
  };
  const Answer ended = answer_of(scripted(), "12B", {.constraint = constraint(script.size())});
  CHECK(ended.text == text);
  CHECK(ended.reason == StopReason::kEndToken);
  CHECK(ended.tokens == script);
  Kernel kernel = make_kernel();
  Generation too_early = kernel.generate(scripted(), "12B", {.constraint = constraint(script.size() + 5)});
  CHECK(too_early.run().code() == Code::kInvalidArgument);
  CHECK(too_early.text() == text);
}

TEST_CASE("an end token comes only where the constraint may end") {
  // The model ends after four tokens; the constraint allows every token, the end token among them, but no end.
  const Answer barred = answer_of(scripted(), "A",
                                  {.max_tokens = 9,
                                   .constraint = std::make_shared<ScriptConstraint>(
                                       ScriptConstraint::Rules{.free_after = true, .may_end_from = 100})});
  CHECK(barred.text.starts_with("Hello, world!"));
  CHECK(barred.tokens.size() == 9);
  CHECK(barred.reason == StopReason::kMaxTokens);
  CHECK(std::ranges::find(barred.tokens, TokenId{ScriptedModel::kEnd}) == barred.tokens.end());
  // Without ends of the checkpoint's it is a token like any other.
  const Answer content = answer_of(scripted(), "A",
                                   {.max_tokens = 9,
                                    .ignore_end = true,
                                    .constraint = std::make_shared<ScriptConstraint>(
                                        ScriptConstraint::Rules{.free_after = true, .may_end_from = 100})});
  CHECK(content.tokens[4] == ScriptedModel::kEnd);
}

TEST_CASE("a state without a legal token is an error, and what came before it stays") {
  Kernel kernel = make_kernel();
  const auto script = encode(scripted(), "abc");
  const std::size_t V = scripted().config().vocab_size;
  const std::string came = "a mask of " + std::to_string(V) + " tokens with no bit set";
  Generation stuck = kernel.generate(scripted(), "A",
                                     {.constraint = std::make_shared<ScriptConstraint>(
                                          ScriptConstraint::Rules{.script = script, .may_end_from = 100})});
  CHECK(stuck.run().code() == Code::kInvalidArgument);
  CHECK(stuck.status().came() == came);
  CHECK(stuck.stop_reason() == StopReason::kError);
  CHECK(stuck.text() == "abc");
  // It may end, but there is no end token.
  Generation endless = kernel.generate(
      scripted(), "A",
      {.ignore_end = true, .constraint = std::make_shared<ScriptConstraint>(ScriptConstraint::Rules{script})});
  CHECK(endless.run().code() == Code::kInvalidArgument);
  CHECK(endless.status().came() == came);
  // The host may name an end token of its own, and one that does not exist.
  Generation own = kernel.generate(scripted(), "A",
                                   {.end_tokens = {'z', 1 << 30, -1},
                                    .ignore_end = true,
                                    .constraint = std::make_shared<ScriptConstraint>(ScriptConstraint::Rules{script})});
  CHECK(own.run().ok());
  CHECK(own.text() == "abc");
}

TEST_CASE("a constraint that fails or throws ends its own generation and no other") {
  const auto script = encode(scripted(), "abcdef");
  for (const ScriptConstraint::Member member :
       {ScriptConstraint::Member::kAllowed, ScriptConstraint::Member::kMayEnd, ScriptConstraint::Member::kAccept,
        ScriptConstraint::Member::kForced, ScriptConstraint::Member::kClone}) {
    for (const Code code : {Code::kIo, Code::kCancelled, Code::kDeadline, Code::kHostException}) {
      CAPTURE(int(member), name(code));
      Kernel kernel = make_kernel();
      Generation good = kernel.generate(scripted(), "A");
      ScriptConstraint::Rules rules{.script = script};
      rules.hook = [&](ScriptConstraint::Member called, std::size_t at) -> Status {
        if (called != member || (at < 2 && member != ScriptConstraint::Member::kClone)) return {};
        if (code == Code::kHostException) throw std::runtime_error("a defect of the host");
        return Status(code, "constraint", "a file", "none");
      };
      Generation bad =
          kernel.generate(scripted(), "A", {.constraint = std::make_shared<ScriptConstraint>(std::move(rules))});
      const std::array<Generation*, 2> both = {&bad, &good};
      while (kernel.step(both).value().unfinished > 0) {
      }
      CHECK(good.status().ok());
      CHECK(good.text() == "Hello, world!");
      CHECK(bad.status().code() == (code == Code::kIo ? Code::kIo : Code::kHostException));
      CHECK(bad.stop_reason() == StopReason::kError);
      const bool began = member != ScriptConstraint::Member::kClone;
      CHECK(bad.text() == (began ? "ab" : ""));
    }
  }
  Kernel kernel = make_kernel();
  ScriptConstraint::Rules wrong{.script = {97, 1 << 20}, .forces = true};
  Generation outside =
      kernel.generate(scripted(), "A", {.constraint = std::make_shared<ScriptConstraint>(std::move(wrong))});
  CHECK(outside.run().code() == Code::kInvalidArgument);
  CHECK(outside.tokens().empty());
  class Null final : public TokenConstraint {
    Status allowed(TokenMask) override { return {}; }
    Result<bool> may_end() override { return true; }
    Status accept(std::span<const TokenId>) override { return {}; }
    Result<std::unique_ptr<TokenConstraint>> clone() const override { return std::unique_ptr<TokenConstraint>(); }
  };
  CHECK(kernel.generate(scripted(), "A", {.constraint = std::make_shared<Null>()}).status().came() == "null");
  Null null;
  TokenConstraint& defaults = null;
  CHECK(defaults.forced()->empty());
  CHECK(defaults.rollback(0).ok());
  CHECK(defaults.rollback(1).code() == Code::kUnsupported);
  CHECK(defaults.save().status().code() == Code::kUnsupported);
}

TEST_CASE("generations with constraints of their own run in one step, and one object serves many") {
  Kernel kernel = make_kernel();
  const auto constraint = [](std::string_view text, bool forces) {
    return std::make_shared<ScriptConstraint>(ScriptConstraint::Rules{encode(scripted(), text), forces});
  };
  const auto shared = constraint("shared", false);
  std::vector<Generation> answers;
  answers.push_back(kernel.generate(scripted(), "A", {.constraint = constraint("first", false)}));
  answers.push_back(kernel.generate(scripted(), "A", {.constraint = constraint("second, forced", true)}));
  answers.push_back(kernel.generate(scripted(), "A"));
  answers.push_back(kernel.generate(scripted(), "A", {.constraint = shared}));
  answers.push_back(kernel.generate(scripted(), "B", {.constraint = shared}));
  std::size_t sampled = 0;
  for (bool goes_on = true; goes_on;) {
    const StepReport report = kernel.step(answers).value();
    sampled += report.sampled;
    goes_on = report.unfinished > 0;
  }
  std::vector<std::string> texts;
  for (const Generation& answer : answers) texts.emplace_back(answer.text());
  CHECK(texts == std::vector<std::string>{"first", "second, forced", "Hello, world!", "shared", "shared"});
  CHECK(sampled == 6 + 1 + 5 + 7 + 7);  // forced ones are not chosen
}

TEST_CASE("a constraint may cancel or destroy any generation") {
  for (const auto member : {ScriptConstraint::Member::kAllowed, ScriptConstraint::Member::kMayEnd,
                            ScriptConstraint::Member::kAccept, ScriptConstraint::Member::kForced}) {
    for (const bool destroy : {false, true}) {
      for (const bool own : {false, true}) {
        CAPTURE(int(member), destroy, own);
        Kernel kernel = make_kernel();
        std::optional<Generation> other;
        std::optional<Generation> one;
        ScriptConstraint::Rules rules{.script = encode(scripted(), "abcdef")};
        rules.hook = [&](ScriptConstraint::Member called, std::size_t at) -> Status {
          std::optional<Generation>& victim = own ? one : other;
          if (called != member || at != 2 || !victim) return {};
          if (destroy) {
            victim.reset();
          } else {
            victim->cancel();
          }
          return kernel.step(std::span<Generation>()).status().code() == Code::kPrecondition
                     ? Status()
                     : Status(Code::kInternal, "test", "a refused step", "none");
        };
        one = kernel.generate(scripted(), "A", {.constraint = std::make_shared<ScriptConstraint>(std::move(rules))});
        other = kernel.generate(scripted(), "A");
        for (int i = 0; i < 12; ++i) {
          std::vector<Generation*> both;
          if (one) both.push_back(&*one);
          if (other) both.push_back(&*other);
          REQUIRE(kernel.step(both).ok());
        }
        std::optional<Generation>& victim = own ? one : other;
        const std::optional<Generation>& spared = own ? other : one;
        CHECK(victim.has_value() != destroy);
        if (victim) CHECK(victim->status().code() == Code::kCancelled);
        REQUIRE(spared.has_value());
        CHECK(spared->status().message() == "");
        CHECK(spared->text() == (own ? "Hello, world!" : "abcdef"));
      }
    }
  }
}

TEST_CASE("the mask is charged to the kernel and given back at the end") {
  Kernel kernel = make_kernel();
  Context context = kernel.open(scripted()).value();
  const std::uint64_t before = kernel.memory()->used();
  const auto charged = [&](std::shared_ptr<const TokenConstraint> constraint) {
    Generation answer = kernel.generate(context, "A", {.constraint = std::move(constraint)});
    return kernel.memory()->used();
  };
  REQUIRE(kernel.generate(context, "A").run().ok());  // memory for choosing, kept for the next
  REQUIRE(context.truncate(0).ok());
  const std::uint64_t plain = charged(nullptr);
  const std::uint64_t with = charged(std::make_shared<ScriptConstraint>(ScriptConstraint::Rules{{97}}));
  CHECK(with - plain == TokenMask::words_for(scripted().config().vocab_size) * 8);
  CHECK(plain > before);
  Generation answer = kernel.generate(
      context, "A",
      {.constraint = std::make_shared<ScriptConstraint>(ScriptConstraint::Rules{encode(scripted(), "abc")})});
  REQUIRE(kernel.step(answer).ok());
  // The clone that works can be asked where it is; an equal one goes on from there.
  REQUIRE(answer.constraint() != nullptr);
  const std::vector<std::byte> saved = answer.constraint()->save().value();
  std::unique_ptr<TokenConstraint> there = answer.constraint()->clone().value();
  CHECK(answer.run().ok());
  CHECK(answer.constraint() == nullptr);
  ScriptConstraint again({encode(scripted(), "abc")});
  REQUIRE(again.load(saved).ok());
  for (TokenConstraint* one : {there.get(), static_cast<TokenConstraint*>(&again)}) {
    CHECK(one->accept(encode(scripted(), "bc")).ok());
    CHECK(one->may_end().value());
    CHECK(one->rollback(3).ok());
    CHECK(one->rollback(1).code() == Code::kInvalidArgument);
    CHECK(one->accept(encode(scripted(), "abc")).ok());
    CHECK(one->accept(encode(scripted(), "d")).code() == Code::kInvalidArgument);
  }
}
