// SPDX-License-Identifier: Apache-2.0
// A callback may end, destroy or move whatever it can reach, and a step inside a step is refused and no more.
#include <array>
#include <memory>
#include <optional>

#include "support/catch.hpp"
#include "support/running.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// A model that comes with a tokenizer, so that answers have text.
const Model& storyteller() {
  static const Model built_in = Model::load(test_data() / "../../examples/tiny-model/moxie-tiny.gguf").value();
  return built_in;
}

constexpr std::string_view kPrompt = "Tell me a short story about a fox named Mia and a bell.";

GenerationOptions telling(std::function<bool(const AnswerEvent&)> on_event) {
  return {.max_tokens = 12, .ignore_end = true, .on_event = std::move(on_event)};
}

std::string text_alone() {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  Generation answer = kernel.generate(storyteller(), kPrompt, {.max_tokens = 12, .ignore_end = true});
  REQUIRE(answer.run().ok());
  return std::string(answer.text());
}

}  // namespace

TEST_CASE("the first answer wins and destroys the others") {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  std::vector<std::optional<Generation>> answers(3);
  int heard = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    answers[i] = kernel.generate(storyteller(), kPrompt, telling([&, i](const AnswerEvent&) {
                                   ++heard;
                                   for (std::size_t other = 0; other < answers.size(); ++other) {
                                     if (other != i) answers[other].reset();
                                   }
                                   return true;
                                 }));
  }
  std::vector<Generation*> handles;
  for (auto& answer : answers) handles.push_back(&*answer);
  while (heard == 0) REQUIRE(kernel.step(handles).ok());
  CHECK(heard == 1);
  Generation* winner = nullptr;
  for (auto& answer : answers) {
    if (answer) winner = &*answer;
  }
  REQUIRE(winner != nullptr);
  CHECK(winner->run().ok());
  CHECK(winner->text() == text_alone());
}

TEST_CASE("a generation may be destroyed in its own callback, with its kernel") {
  std::optional<Kernel> kernel = Kernel::create({.threads = 1}).value();
  const std::shared_ptr<const Budget> memory = kernel->memory();
  std::optional<Generation> answer;
  int heard = 0;
  const bool with_kernel = GENERATE(false, true);
  answer = kernel->generate(storyteller(), kPrompt, telling([&, keep = std::make_shared<int>(3)](const AnswerEvent&) {
                              if (with_kernel) kernel.reset();
                              answer.reset();
                              heard += *keep;  // the callable is there until it returns
                              return true;
                            }));
  SECTION("by iterating") {
    for (const std::string_view piece : *answer) FAIL("a piece of a destroyed generation: " << piece);
  }
  SECTION("by run()") { CHECK(answer->run().code() == Code::kCancelled); }
  SECTION("by a step of the kernel") {
    if (!with_kernel) {
      while (answer) REQUIRE(kernel->step(*answer).ok());
    } else {
      Generation* const one = &*answer;
      while (answer) REQUIRE(kernel->step(std::span<Generation* const>(&one, 1)).ok());
    }
  }
  CHECK(heard == 3);
  CHECK_FALSE(answer.has_value());
}

TEST_CASE("a generation that is cancelled in its own callback keeps its text and ends") {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  std::optional<Generation> answer;
  int heard = 0;
  answer = kernel.generate(storyteller(), kPrompt, telling([&](const AnswerEvent&) {
                             if (++heard == 3) answer->cancel();
                             return true;
                           }));
  CHECK(answer->run().code() == Code::kCancelled);
  CHECK(heard == 3);
  CHECK(answer->stop_reason() == StopReason::kCancelled);
  CHECK_FALSE(answer->text().empty());
  CHECK(text_alone().starts_with(answer->text()));
}

TEST_CASE("a generation may be moved in its own callback") {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  std::optional<Generation> answer;
  std::optional<Generation> elsewhere;
  answer = kernel.generate(storyteller(), kPrompt, telling([&](const AnswerEvent&) {
                             if (!elsewhere) elsewhere = std::move(*answer);
                             return true;
                           }));
  CHECK(answer->run().ok());
  REQUIRE(elsewhere.has_value());
  CHECK(elsewhere->text() == text_alone());
}

TEST_CASE("an answer that is asked to go on inside a step is refused, and goes on after it") {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  Generation inner = kernel.generate(storyteller(), kPrompt, {.max_tokens = 12, .ignore_end = true});
  Status inside;
  Status told;
  std::size_t pieces = 0;
  Generation outer = kernel.generate(storyteller(), kPrompt, telling([&](const AnswerEvent&) {
                                       inside = inner.run();
                                       told = inner.status();
                                       for ([[maybe_unused]] const std::string_view piece : inner) ++pieces;
                                       return true;
                                     }));
  CHECK(outer.run().ok());
  CHECK(inside.code() == Code::kPrecondition);
  CHECK(told.code() == Code::kPrecondition);
  CHECK(pieces == 0);
  CHECK_FALSE(inner.finished());
  CHECK(inner.run().ok());
  CHECK(inner.text() == text_alone());
}
