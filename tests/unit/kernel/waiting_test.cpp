// SPDX-License-Identifier: Apache-2.0
// Requests that find no room in memory wait, give their pages back, and are computed again; no bit of theirs changes.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/running.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

const Model& model_named(const std::string& name) {
  static std::vector<std::pair<std::string, Model>> models;
  for (const auto& [known, model] : models) {
    if (known == name) return model;
  }
  return models.emplace_back(name, Model::load(data_folder(name)).value()).second;
}

std::vector<TokenId> tokens_from(std::size_t first, std::size_t count, std::size_t vocab_size = 64) {
  std::vector<TokenId> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<TokenId>((first * 7 + i * 13 + i * i) % vocab_size);
  return tokens;
}

/// Seeded, and with the log probabilities of several tokens, so that any bit of the logits shows.
GenerationOptions sampled(std::uint64_t seed, std::size_t max_tokens) {
  return {.sampling = {.temperature = 1.0, .seed = seed, .logprobs = 8}, .max_tokens = max_tokens, .ignore_end = true};
}

/// What an answer is to the last bit.
struct Said {
  std::vector<TokenId> tokens;
  std::vector<double> logprobs;

  explicit Said(const Generation& answer) : tokens(answer.tokens().begin(), answer.tokens().end()) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      for (const TokenLogprob& top : answer.top_logprobs(i)) logprobs.push_back(top.logprob);
    }
  }
  friend bool operator==(const Said&, const Said&) = default;
};

Said alone(const Model& model, std::span<const TokenId> prompt, const GenerationOptions& options) {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  Context context = kernel.open(model).value();
  Generation answer = kernel.generate(context, prompt, options);
  REQUIRE(answer.run().message() == "");
  return Said(answer);
}

/// What a kernel takes before there is any page, with `n` answers begun.
std::uint64_t bytes_before_pages(const Model& model, const KernelOptions& options, std::size_t n) {
  Kernel kernel = Kernel::create(options).value();
  std::vector<Context> contexts;
  std::vector<Generation> answers;
  contexts.reserve(n + 1);
  contexts.push_back(kernel.open(model).value());
  for (std::size_t i = 0; i < n; ++i) {
    contexts.push_back(kernel.open(model).value());
    answers.push_back(kernel.generate(contexts.back(), tokens_from(1, 1), sampled(1, 1)));
  }
  return kernel.memory()->used();
}

std::uint64_t bytes_of_positions(const Model& model, std::size_t positions) {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  return Context::bytes_for(*kernel.open(model).value().pool(), positions);
}

/// A kernel whose pages hold so many positions, beside what those answers need besides: less than a page for tables,
/// which they keep while they wait.
Kernel kernel_for(const Model& model, std::size_t positions, std::size_t answers, std::size_t max_step_rows = 64) {
  KernelOptions options{.threads = 2, .max_step_rows = max_step_rows, .kv_pool = {.poison_freed = true}};
  const std::uint64_t page = bytes_of_positions(model, 1);
  options.memory_bytes =
      bytes_before_pages(model, options, answers) + bytes_of_positions(model, positions) + page / 5 * 4;
  return Kernel::create(options).value();
}

}  // namespace

TEST_CASE("six answers where memory holds four all come, with the bits that each has alone") {
  const Model& model = model_named("tiny_tied");
  std::shared_ptr<Budget> memory;
  SECTION("of memory_bytes") {}
  SECTION("of a budget of the host") {
    memory = Budget::create("host", kernel_for(model, 4 * 160, 6).memory()->limit(), nullptr, "bytes");
  }
  Kernel kernel = memory == nullptr ? kernel_for(model, 4 * 160, 6)
                                    : Kernel::create({.threads = 2,
                                                      .memory_bytes = Budget::kUnlimited,
                                                      .memory = memory,
                                                      .max_step_rows = 64,
                                                      .kv_pool = {.poison_freed = true}})
                                          .value();
  std::vector<std::unique_ptr<Context>> contexts;
  std::vector<Generation> answers;
  std::vector<std::size_t> computed;
  for (std::size_t i = 0; i < 6; ++i) {
    contexts.push_back(std::make_unique<Context>(kernel.open(model).value()));
    answers.push_back(kernel.generate(*contexts[i], tokens_from(i, 60 + i), sampled(100 + i, 90)));
  }
  std::size_t waiting = 0, recomputed = 0, rows = 0;
  for (bool more = true; more;) {
    const StepReport report = kernel.step(answers).value();
    REQUIRE(report.rows > 0);
    REQUIRE(kernel.memory()->used() <= kernel.memory()->limit());
    if (memory != nullptr) REQUIRE(kernel.memory()->used() == memory->used());
    waiting = std::max(waiting, report.waiting);
    recomputed += report.recomputed;
    rows += report.rows;
    more = report.unfinished > 0;
    for (std::size_t i = 0; i < 6; ++i) {
      if (answers[i].finished()) contexts[i].reset();  // the host's, so it is the host who lets them go
    }
  }
  CHECK(waiting >= 2);
  std::size_t rows_of_answers = 0, again = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    INFO("answer " << i);
    CHECK(answers[i].status().message() == "");
    CHECK(Said(answers[i]) == alone(model, tokens_from(i, 60 + i), sampled(100 + i, 90)));
    const Usage usage = answers[i].usage();
    CHECK(usage.prompt_tokens == 60 + i);
    CHECK(usage.cached_tokens == 0);
    CHECK(usage.generated_tokens == 90);
    CHECK(usage.computed_tokens == 60 + i + 89);  // what was computed again is not counted twice
    rows_of_answers += usage.computed_tokens;
    again += usage.recomputed_tokens;
  }
  CHECK(again == recomputed);
  CHECK(rows == rows_of_answers + again);
}

TEST_CASE("the youngest gives its pages back and keeps its place: what its context holds, and what it said") {
  const Model& model = model_named("tiny_tied");
  Kernel kernel = kernel_for(model, 5 * 32, 3);
  Context first = kernel.open(model).value();
  Context second = kernel.open(model).value();
  std::vector<Generation> answers;
  answers.push_back(kernel.generate(first, tokens_from(1, 30), sampled(1, 100)));
  answers.push_back(kernel.generate(second, tokens_from(2, 30), sampled(2, 60)));
  std::size_t said = 0;
  while (answers[1].usage().recomputed_tokens == 0 && second.usage().absent_positions == 0) {
    REQUIRE(kernel.step(answers).value().rows > 0);
    REQUIRE_FALSE(answers[0].finished());
    CHECK(answers[1].tokens().size() >= said);
    said = answers[1].tokens().size();
  }
  CHECK(said > 5);
  CHECK(second.size() == 30 + said - 1);
  CHECK(second.tokens().size() == second.size());
  CHECK(second.usage().absent_positions == second.size());
  CHECK(second.usage().pages == 0);

  SECTION("it is computed again when the older one is done") {
    while (!answers[0].finished()) REQUIRE(kernel.step(answers).ok());
    CHECK(Said(answers[0]) == alone(model, tokens_from(1, 30), sampled(1, 100)));
    { const Context gone = std::move(first); }
    while (kernel.step(answers).value().unfinished > 0) {
    }
    CHECK(answers[1].status().message() == "");
    CHECK(Said(answers[1]) == alone(model, tokens_from(2, 30), sampled(2, 60)));
    CHECK(answers[1].usage().recomputed_tokens == 30 + said - 1);
    CHECK(answers[1].usage().computed_tokens == 30 + 59);
  }
  SECTION("a cancel loses nothing, and the context goes on as if nothing had been") {
    answers[1].cancel();
    CHECK(answers[1].status().code() == Code::kCancelled);
    answers[0].cancel();
    { const Context gone = std::move(first); }
    CHECK(second.size() == 30 + said - 1);
    const std::vector<TokenId> held(second.tokens().begin(), second.tokens().end());
    std::vector<float> out(64);
    const std::vector<TokenId> next = {7, 8};
    Request request{.context = &second, .tokens = next, .logits = Rows(out.data(), 1, 64), .max_rows = 9};
    while (!request.finished()) REQUIRE(kernel.step({&request, 1}).value().rows > 0);
    CHECK(request.status.message() == "");
    CHECK(request.recomputed == held.size());
    CHECK(request.done == 2);
    std::vector<TokenId> all = held;
    all.insert(all.end(), next.begin(), next.end());
    Kernel other = Kernel::create({.threads = 1}).value();
    Context whole = other.open(model).value();
    const std::vector<float> expected = all_logits(other, whole, all, 64);
    CHECK(same_bits(out, std::span(expected).last(64)));
  }
  SECTION("its deadline and its cancel are looked at while it waits") {
    std::atomic<bool> cancel{false};
    Context third = kernel.open(model).value();
    GenerationOptions late = sampled(3, 5);
    late.cancel = &cancel;
    const bool by_cancel = GENERATE(true, false);
    if (!by_cancel) late.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    answers.push_back(kernel.generate(third, tokens_from(3, 70), late));
    CHECK(kernel.step(answers).value().waiting == 2);
    CHECK(answers[2].status().ok());
    if (by_cancel) {
      cancel = true;
    } else {
      std::this_thread::sleep_until(*late.deadline);
    }
    CHECK(kernel.step(answers).value().waiting == 1);
    CHECK(answers[2].status().code() == (by_cancel ? Code::kCancelled : Code::kDeadline));
    CHECK(third.size() == 0);
  }
}

TEST_CASE("an answer that is begun where others hold all memory waits, for its logits too") {
  const Model& model = model_named("tiny_tied");
  KernelOptions options{.threads = 1, .max_step_rows = 64};
  options.memory_bytes = bytes_before_pages(model, options, 1) + bytes_of_positions(model, 4 * 32) + 200;
  Kernel kernel = Kernel::create(options).value();
  std::optional<Context> first = kernel.open(model).value();
  Context second = kernel.open(model).value();
  std::vector<Generation> answers;
  answers.push_back(kernel.generate(*first, tokens_from(1, 100), sampled(1, 20)));
  REQUIRE(first->reserve(128).ok());
  REQUIRE(kernel.memory()->left() < 256);
  answers.push_back(kernel.generate(second, tokens_from(2, 20), sampled(2, 20)));
  CHECK(answers[1].status().message() == "");
  while (!answers[0].finished()) CHECK(kernel.step(answers).value().waiting == 1);
  first.reset();
  while (kernel.step(answers).value().unfinished > 0) {
  }
  CHECK(Said(answers[0]) == alone(model, tokens_from(1, 100), sampled(1, 20)));
  CHECK(answers[1].status().message() == "");
  CHECK(Said(answers[1]) == alone(model, tokens_from(2, 20), sampled(2, 20)));
}

TEST_CASE("what does not fit alone fails with a message that says what would, and the others go on") {
  const Model& model = model_named("tiny_tied");
  Kernel kernel = kernel_for(model, 4 * 32, 3);
  Context a = kernel.open(model).value();
  Context b = kernel.open(model).value();
  std::optional<Context> c = kernel.open(model).value();
  std::vector<Generation> answers;
  answers.push_back(kernel.generate(a, tokens_from(1, 500), sampled(1, 5)));   // the prompt is too long
  answers.push_back(kernel.generate(b, tokens_from(2, 40), sampled(2, 500)));  // the answer becomes too long
  answers.push_back(kernel.generate(*c, tokens_from(3, 20), sampled(3, 20)));
  REQUIRE(kernel.step(answers).ok());
  CHECK(answers[0].status().code() == Code::kBudget);
  CHECK(answers[0].status().needed().find("500 rows") != std::string_view::npos);
  CHECK(answers[0].status().came().find("of memory_bytes") != std::string_view::npos);
  CHECK(answers[0].status().came().find("room for 128;") != std::string_view::npos);
  CHECK(a.size() == 0);
  while (!answers[1].finished()) {
    const StepReport report = kernel.step(answers).value();
    REQUIRE((report.rows > 0 || answers[1].finished()));
    if (answers[2].finished()) c.reset();  // what is the host's does not go by itself
  }
  CHECK(answers[1].status().code() == Code::kBudget);
  CHECK(answers[1].tokens().size() == 4 * 32 - 40 + 1);
  CHECK(b.size() == 4 * 32);
  CHECK(answers[2].status().message() == "");
  CHECK(Said(answers[2]) == alone(model, tokens_from(3, 20), sampled(3, 20)));
}

TEST_CASE("limits of a context are errors at once") {
  const Model& model = model_named("tiny_tied");
  Kernel kernel = Kernel::create({.threads = 1, .max_step_rows = 16}).value();
  Context few = kernel.open(model, {.max_positions = 40}).value();
  Context poor = kernel.open(model, {.max_bytes = bytes_of_positions(model, 64)}).value();
  const std::vector<TokenId> tokens = tokens_from(1, 100);
  std::array<Request, 2> requests = {
      Request{.context = &few, .tokens = std::span(tokens).first(41), .want = Logits::kNone},
      Request{.context = &poor, .tokens = std::span(tokens).first(65), .want = Logits::kNone}};
  const StepReport report = kernel.step(requests).value();
  CHECK(report.rows == 0);
  CHECK(report.waiting == 0);
  CHECK(requests[0].status.message() == "Kernel::step: needed 41 positions more, came 40 left of max_positions 40");
  CHECK(requests[1].status.code() == Code::kBudget);
  CHECK(requests[1].status.came().find("left of max_bytes") != std::string_view::npos);
  CHECK(few.size() + poor.size() == 0);
}

TEST_CASE("a request of the host's waits, and fails only where nothing of the step can go on") {
  const Model& model = model_named("tiny_tied");
  Kernel kernel = kernel_for(model, 5 * 32, 0);
  Context a = kernel.open(model).value();
  Context b = kernel.open(model).value();
  const std::vector<TokenId> first = tokens_from(1, 90), second = tokens_from(2, 90);
  std::vector<float> out(64);
  std::array<Request, 2> requests = {Request{.context = &a, .tokens = first, .want = Logits::kNone, .max_rows = 20},
                                     Request{.context = &b, .tokens = second, .logits = Rows(out.data(), 1, 64)}};
  while (!requests[0].finished()) {
    const StepReport report = kernel.step(requests).value();
    CHECK(report.rows > 0);
    CHECK(report.waiting == 1);
    CHECK(requests[1].status.ok());
    CHECK(requests[1].done == 0);
    CHECK(report.unfinished == (requests[0].finished() ? 1u : 2u));
  }
  CHECK(b.size() == 0);
  SECTION("room comes") {
    REQUIRE(a.truncate(0).ok());
    while (!requests[1].finished()) REQUIRE(kernel.step(requests).value().rows > 0);
    CHECK(requests[1].status.message() == "");
    Kernel other = Kernel::create({.threads = 1}).value();
    Context whole = other.open(model).value();
    const std::vector<float> expected = all_logits(other, whole, second, 64);
    CHECK(same_bits(out, std::span(expected).last(64)));
  }
  SECTION("no room comes") {
    const StepReport report = kernel.step(requests).value();
    CHECK(report.rows == 0);
    CHECK(report.unfinished == 0);
    CHECK(requests[1].status.code() == Code::kBudget);
    CHECK(b.size() == 0);
    CHECK(a.size() == 90);
    CHECK(a.usage().absent_positions == 0);  // the host's are left alone
  }
  SECTION("both hold a part of it") {
    REQUIRE(a.truncate(64).ok());
    Request more_of_a{.context = &a, .tokens = first, .want = Logits::kNone};
    Request more_of_b{.context = &b, .tokens = second, .want = Logits::kNone};
    more_of_a.tokens = std::span(first).first(33);
    more_of_b.tokens = std::span(second).first(64);
    REQUIRE(kernel.step({&more_of_b, 1}).ok());
    REQUIRE(more_of_b.done == 64);
    std::array<Request, 2> both = {more_of_a, Request{.context = &b, .tokens = second, .want = Logits::kNone}};
    both[0].tokens = first;
    std::size_t steps = 0;
    while (both[0].status.ok() && both[1].status.ok()) {
      REQUIRE(kernel.step(both).ok());
      REQUIRE(++steps < 10);
    }
    CHECK(both[1].status.code() == Code::kBudget);  // the one that came last, so that the host can let it go
    CHECK(both[0].status.ok());
    REQUIRE(b.truncate(0).ok());
    REQUIRE(kernel.step(both).ok());
    CHECK(both[0].status.ok());
  }
}

TEST_CASE("forks share pages while they wait, and give back less than they hold") {
  const Model& model = model_named("tiny_tied");
  constexpr std::size_t kForks = 4;
  // The root's three pages once, and two forks' own.
  Kernel kernel = kernel_for(model, 96 + 2 * 96, kForks);
  const std::vector<TokenId> root_prompt = tokens_from(5, 96);
  std::vector<std::unique_ptr<Context>> contexts;
  {
    Context root = kernel.open(model).value();
    Request request{.context = &root, .tokens = root_prompt, .want = Logits::kNone};
    while (!request.finished()) REQUIRE(kernel.step({&request, 1}).ok());
    for (std::size_t i = 0; i < kForks; ++i) contexts.push_back(std::make_unique<Context>(root.fork().value()));
  }
  std::vector<Generation> answers;
  for (std::size_t i = 0; i < kForks; ++i) {
    answers.push_back(kernel.generate(*contexts[i], tokens_from(i, 10), sampled(i, 70)));
  }
  std::size_t absent = 0;
  for (bool more = true; more;) {
    const StepReport report = kernel.step(answers).value();
    REQUIRE(report.rows > 0);
    more = report.unfinished > 0;
    for (std::size_t i = 0; i < kForks; ++i) {
      if (answers[i].finished()) {
        contexts[i].reset();
      } else {
        absent = std::max(absent, contexts[i]->usage().absent_positions);
        CHECK(contexts[i]->size() - contexts[i]->usage().absent_positions >= 96);  // the root's pages are kept
      }
    }
  }
  CHECK(absent > 10);
  for (std::size_t i = 0; i < kForks; ++i) {
    std::vector<TokenId> prompt = root_prompt;
    for (const TokenId token : tokens_from(i, 10)) prompt.push_back(token);
    CHECK(answers[i].status().message() == "");
    CHECK(answers[i].usage().cached_tokens == 96);
    CHECK(Said(answers[i]) == alone(model, prompt, sampled(i, 70)));
  }
}

TEST_CASE("any schedule ends: every step computes rows or ends somebody, and no bit changes") {
  std::size_t waited = 0, recomputed = 0, failed = 0, forked = 0;
  const std::string name =
      GENERATE(std::string("tiny_tied"), std::string("mistral_window"), std::string("deepseek_v3"));
  const Model& model = model_named(name);
  for (unsigned seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    INFO(name << ", seed " << seed);
    constexpr std::size_t kMost = 7;
    Kernel kernel = kernel_for(model, 32 * (3 + below(8)), kMost, 1 + below(60));
    struct One {
      std::unique_ptr<Context> context;
      std::vector<TokenId> prompt;  // from the context's beginning on
      GenerationOptions options;
      std::optional<Generation> answer;
    };
    std::vector<std::unique_ptr<One>> all;
    for (std::size_t step = 0;; ++step) {
      REQUIRE(step < 20'000);
      if (all.size() < kMost && (all.empty() || below(20) == 0)) {
        auto one = std::make_unique<One>();
        const One* from = all.empty() || below(2) == 0 ? nullptr : all[below(all.size())].get();
        if (from != nullptr && from->context != nullptr) {  // whatever it holds now, or does not
          if (auto fork = from->context->fork(); fork.ok()) {
            one->context = std::make_unique<Context>(*std::move(fork));
            one->prompt.assign(one->context->tokens().begin(), one->context->tokens().end());
            ++forked;
          }
        }
        if (one->context == nullptr) one->context = std::make_unique<Context>(kernel.open(model).value());
        const std::vector<TokenId> prompt = tokens_from(below(1000), 1 + below(90), model.config().vocab_size);
        one->options = sampled(seed * 100 + step, 1 + below(80));
        one->answer = kernel.generate(*one->context, prompt, one->options);
        one->prompt.insert(one->prompt.end(), prompt.begin(), prompt.end());
        all.push_back(std::move(one));
      }
      std::vector<Generation*> asked;
      for (const auto& one : all) {
        if (!one->answer->finished()) asked.push_back(&*one->answer);
      }
      if (asked.empty() && all.size() == kMost) break;
      if (asked.empty()) continue;
      std::shuffle(asked.begin(), asked.end(), random);
      const StepReport report = kernel.step(asked).value();
      waited += report.waiting;
      recomputed += report.recomputed;
      const bool ended = std::ranges::any_of(asked, [](const Generation* g) { return g->finished(); });
      if (report.rows == 0 && !ended) FAIL("a step without progress");
      if (kernel.memory()->used() > kernel.memory()->limit()) FAIL("overrun");
      for (const auto& one : all) {
        if (one->answer->finished()) one->context.reset();
      }
    }
    for (const auto& one : all) {
      if (one->answer->status().ok()) {
        if (!(Said(*one->answer) == alone(model, one->prompt, one->options))) FAIL("other bits");
      } else {
        ++failed;
        if (one->answer->status().code() != Code::kBudget) FAIL(std::string(one->answer->status().message()));
      }
    }
  }
  CHECK(waited > 100);
  CHECK(recomputed > 100);
  CHECK(failed > 0);
  CHECK(failed < 40);
  CHECK(forked > 5);
}
