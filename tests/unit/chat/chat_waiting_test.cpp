// SPDX-License-Identifier: Apache-2.0
// Chats that find no room in memory: all are answered, as each would be alone.
#include <algorithm>
#include <string>
#include <utility>
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

const Model& built_in() {
  static const Model model = Model::load(test_data() / "../../examples/tiny-model/moxie-tiny.gguf").value();
  return model;
}

const std::vector<std::string> kQuestions = {"What is the capital of France?",
                                             "What is 12 times 7? Tell me how you get there.",
                                             "Name an animal that can fly, and one that cannot.",
                                             "Which city is larger, Rome or Paris?",
                                             "Remember that my cat is called Tom. What is it called?",
                                             "What do plants need to grow?"};

GenerationOptions sampled(std::uint64_t seed) {
  return {.sampling = {.temperature = 0.8, .seed = seed, .logprobs = 4}, .max_tokens = 50, .ignore_end = true};
}

/// What was said, to the last bit.
struct Said {
  std::string text;
  std::vector<TokenId> tokens;
  std::vector<double> logprobs;

  explicit Said(const Generation& answer)
      : text(answer.text()), tokens(answer.tokens().begin(), answer.tokens().end()) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      for (const TokenLogprob& top : answer.top_logprobs(i)) logprobs.push_back(top.logprob);
    }
  }
  friend bool operator==(const Said&, const Said&) = default;
};

/// Two questions to one chat, with nobody beside it.
std::vector<Said> alone(std::size_t i) {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  Chat chat = Chat::create(kernel, built_in()).value();
  std::vector<Said> said;
  for (const std::size_t question : {i, (i + 1) % kQuestions.size()}) {
    Generation answer = chat.ask(kQuestions[question], sampled(i + question));
    REQUIRE(answer.run().message() == "");
    said.emplace_back(answer);
  }
  return said;
}

/// A kernel whose memory holds `chats` chats with both answers, beside what six of them take before they have pages.
Kernel kernel_for(std::size_t chats) {
  KernelOptions options{.threads = 2, .max_step_rows = 64, .kv_pool = {.poison_freed = true}};
  std::uint64_t bytes = 0;
  {
    Kernel kernel = Kernel::create(options).value();
    std::vector<Chat> all;
    std::vector<Generation> answers;
    for (std::size_t i = 0; i < kQuestions.size(); ++i) all.push_back(Chat::create(kernel, built_in()).value());
    for (std::size_t i = 0; i < kQuestions.size(); ++i) answers.push_back(all[i].ask(kQuestions[i], sampled(i)));
    bytes = kernel.memory()->used();
    answers.clear();
    for (const std::size_t question : {0u, 1u}) {
      Generation answer = all[0].ask(kQuestions[question], sampled(question));
      REQUIRE(answer.run().message() == "");
    }
    bytes += chats * Context::bytes_for(*all[0].context()->pool(), all[0].context()->size() + 32);
  }
  options.memory_bytes = bytes;
  return Kernel::create(options).value();
}

}  // namespace

TEST_CASE("six chats where memory holds four are all answered, twice, with the bits that each has alone") {
  Kernel kernel = kernel_for(4);
  std::vector<Chat> chats;
  for (std::size_t i = 0; i < kQuestions.size(); ++i) chats.push_back(Chat::create(kernel, built_in()).value());
  std::vector<std::vector<Said>> said(kQuestions.size());
  std::size_t waiting = 0, recomputed = 0;
  for (std::size_t round = 0; round < 2; ++round) {
    std::vector<Generation> answers;
    std::vector<std::string> heard(kQuestions.size());
    for (std::size_t i = 0; i < kQuestions.size(); ++i) {
      const std::size_t question = (i + round) % kQuestions.size();
      GenerationOptions options = sampled(i + question);
      options.on_event = [&heard, i](const AnswerEvent& event) {
        if (event.kind == AnswerEvent::Kind::kText) heard[i] += event.text;
        return true;
      };
      answers.push_back(chats[i].ask(kQuestions[question], options));
    }
    for (bool more = true; more;) {
      const StepReport report = kernel.step(answers).value();
      REQUIRE(report.rows > 0);
      waiting += report.waiting;
      recomputed += report.recomputed;
      more = report.unfinished > 0;
    }
    std::size_t again = 0;
    for (std::size_t i = 0; i < kQuestions.size(); ++i) {
      INFO("chat " << i << ", round " << round);
      CHECK(answers[i].status().message() == "");
      CHECK(heard[i] == answers[i].text());  // nothing is told twice
      CHECK(answers[i].usage().generated_tokens == 50);
      CHECK(answers[i].usage().computed_tokens ==
            answers[i].usage().prompt_tokens - answers[i].usage().cached_tokens + 49);
      again += answers[i].usage().recomputed_tokens;
      said[i].emplace_back(answers[i]);
    }
    CHECK(again == recomputed);
    recomputed = round == 0 ? 0 : recomputed;
  }
  CHECK(waiting > 0);
  CHECK(recomputed > 0);  // in the second round, those whose pages went while they were idle
  for (std::size_t i = 0; i < kQuestions.size(); ++i) CHECK(said[i] == alone(i));
}

TEST_CASE("chats that are answered one after the other need memory for one") {
  Kernel kernel = kernel_for(1);
  std::vector<Chat> chats;
  for (std::size_t i = 0; i < kQuestions.size(); ++i) chats.push_back(Chat::create(kernel, built_in()).value());
  std::vector<std::vector<Said>> said(kQuestions.size());
  for (std::size_t round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < kQuestions.size(); ++i) {
      const std::size_t question = (i + round) % kQuestions.size();
      Generation answer = chats[i].ask(kQuestions[question], sampled(i + question));
      CHECK(answer.run().message() == "");
      said[i].emplace_back(answer);
    }
  }
  for (std::size_t i = 0; i < kQuestions.size(); ++i) CHECK(said[i] == alone(i));
}

TEST_CASE("tools are called once, whatever is computed again") {
  ScriptedModel scripts;
  scripts.say('C', {"so ", R"(<tool_call>{"name":"add",)", R"("arguments":{"a":2,"b":3}}</tool_call>)"});
  scripts.say('5', {"it is ", "five"});
  const Model model = scripts.load();
  std::size_t calls = 0;
  const auto toolbox = std::make_shared<Toolbox>();
  REQUIRE(toolbox
              ->add(tool("add", "Adds",
                         [&calls](Arg<"a", int> a, Arg<"b", int> b) {
                           ++calls;
                           return *a + *b;
                         }))
              .ok());
  REQUIRE(toolbox->grant("add").ok());
  const ChatOptions options{.system = std::string(150, 's'), .toolbox = toolbox};
  KernelOptions kernel_options{.threads = 1, .max_step_rows = 32};
  constexpr std::size_t kChats = 6;
  {
    Kernel kernel = Kernel::create(kernel_options).value();
    std::vector<Chat> chats;
    std::vector<Generation> answers;
    for (std::size_t i = 0; i < kChats; ++i) chats.push_back(Chat::create(kernel, model, options).value());
    for (Chat& chat : chats) answers.push_back(chat.ask("C"));
    const std::uint64_t before = kernel.memory()->used();
    REQUIRE(answers[0].run().message() == "");
    const Context& context = *chats[0].context();
    kernel_options.memory_bytes = before + 3 * Context::bytes_for(*context.pool(), context.size());
  }
  calls = 0;
  Kernel kernel = Kernel::create(kernel_options).value();
  std::vector<Chat> chats;
  std::vector<Generation> answers;
  for (std::size_t i = 0; i < kChats; ++i) chats.push_back(Chat::create(kernel, model, options).value());
  for (Chat& chat : chats) answers.push_back(chat.ask("C"));
  std::size_t waiting = 0;
  for (bool more = true; more;) {
    const StepReport report = kernel.step(answers).value();
    REQUIRE(report.rows > 0);
    waiting += report.waiting;
    more = report.unfinished > 0;
  }
  CHECK(waiting > 0);
  CHECK(calls == kChats);
  for (std::size_t i = 0; i < kChats; ++i) {
    CHECK(answers[i].status().message() == "");
    CHECK(answers[i].text() == "so it is five");
    CHECK(chats[i].messages().size() == 5);
  }
}

TEST_CASE("a chat that cannot fit says what to do, and the others are answered") {
  Kernel kernel = kernel_for(2);
  Chat large = Chat::create(kernel, built_in()).value();
  Chat small = Chat::create(kernel, built_in()).value();
  std::vector<Generation> answers;
  std::string question;
  while (question.size() < 6000) question += "This is a long story. ";
  answers.push_back(large.ask(question, sampled(1)));
  answers.push_back(small.ask(kQuestions[0], sampled(0)));
  while (kernel.step(answers).value().unfinished > 0) {
  }
  CHECK(answers[0].status().code() == Code::kBudget);
  CHECK(std::string(answers[0].status().message()).find("more memory_bytes") != std::string::npos);
  CHECK(large.messages().empty());
  CHECK(answers[1].status().message() == "");
  CHECK(Said(answers[1]) == alone(0)[0]);
}
