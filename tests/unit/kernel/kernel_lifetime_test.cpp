// SPDX-License-Identifier: Apache-2.0
// What belongs to a kernel, a model and a context goes when the last of them goes, and one of them never stands in the
// way of another.
#include <array>
#include <optional>

#include "support/catch.hpp"
#include "support/running.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// A model whose packed weights are charged to `weights`.
Model load(const std::string& name, const std::shared_ptr<Budget>& weights) {
  ModelOptions options;
  options.files.memory = weights;
  return Model::load(data_folder(name), options).value();
}

std::vector<TokenId> tokens_of(std::size_t count) {
  std::vector<TokenId> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<TokenId>(i * 13 % 64);
  return tokens;
}

/// Counts its runs, and fails the one that the test names as the host's pool would.
class Failing final : public Executor {
 public:
  std::size_t width() const noexcept override { return 1; }
  Status run(std::size_t n, TaskRef task) noexcept override {
    if (runs++ == fail_at) return Status(code, "pool", "a pool that goes on", "one that does not");
    for (std::size_t i = 0; i < n; ++i) task(i, 0);
    return {};
  }
  std::string_view name() const noexcept override { return "failing"; }

  Code code = Code::kCancelled;
  std::size_t fail_at = SIZE_MAX;
  std::size_t runs = 0;
};

}  // namespace

TEST_CASE("what a kernel made ready for a model goes with the model's last context and handle") {
  const auto weights = Budget::create("weights", Budget::kUnlimited);
  Kernel kernel = Kernel::create({.threads = 2, .max_step_rows = 32}).value();
  for (const char* name : {"tiny_tied", "qwen3", "mixtral", "deepseek_v2_lite"}) {
    INFO(name);
    std::optional<Model> model = load(name, weights);
    CHECK(weights->used() > 0);
    std::optional<Context> context = kernel.open(*model).value();
    const std::uint64_t runtime = kernel.memory()->used() - context->usage().bytes;
    CHECK(runtime > 0);

    context.reset();
    CHECK(kernel.memory()->used() == runtime);  // ready for the next one
    context = kernel.open(*model).value();
    model.reset();
    const std::vector<TokenId> tokens = tokens_of(5);
    Request request{.context = &*context, .tokens = tokens, .want = Logits::kNone};
    CHECK(kernel.step({&request, 1}).ok());  // the context keeps its model
    CHECK(request.status.ok());
    CHECK(context->size() == 5);

    context.reset();
    CHECK(kernel.memory()->used() == 0);
    CHECK(weights->used() == 0);
  }
}

TEST_CASE("a model that outlives its kernel keeps nothing of it") {
  const Model model = Model::load(data_folder("tiny_tied")).value();
  std::optional<Kernel> kernel = Kernel::create({.threads = 2}).value();
  const std::shared_ptr<const Budget> memory = kernel->memory();
  std::optional<Context> context = kernel->open(model).value();
  const std::uint64_t pages = context->usage().bytes;
  kernel.reset();
  CHECK(memory->used() == pages);
  CHECK(context->fork().ok());
  context.reset();
  CHECK(memory->used() == 0);
}

TEST_CASE("a context that finds no memory leaves nothing behind") {
  const Model model = Model::load(data_folder("tiny_tied")).value();
  std::uint64_t needed = 0;
  {
    Kernel kernel = Kernel::create({.threads = 1}).value();
    const Context context = kernel.open(model).value();
    needed = kernel.memory()->used();
  }
  Kernel kernel = Kernel::create({.threads = 1, .memory_bytes = needed - 1}).value();
  CHECK(kernel.open(model).status().code() == Code::kBudget);
  CHECK(kernel.memory()->used() == 0);
}

TEST_CASE("a long prompt of one model does not keep a single token of another waiting") {
  const Model a = Model::load(data_folder("tiny_tied")).value();
  const Model b = Model::load(data_folder("qwen3")).value();
  Kernel kernel = Kernel::create({.threads = 1, .max_step_rows = 8}).value();
  Context long_one = kernel.open(a).value();
  Context short_one = kernel.open(b).value();
  const std::vector<TokenId> prompt = tokens_of(200);
  std::array<Request, 2> requests = {
      Request{.context = &long_one, .tokens = prompt, .want = Logits::kNone},
      Request{.context = &short_one, .tokens = std::span(prompt).first(1), .want = Logits::kNone}};
  const StepReport report = kernel.step(requests).value();
  CHECK(report.rows == 8);
  CHECK(requests[1].finished());
  CHECK(requests[0].done == 7);
}

TEST_CASE("answers and prompts of several models take turns") {
  const Model a = Model::load(data_folder("tiny_tied")).value();
  const Model b = Model::load(data_folder("qwen3")).value();
  Kernel kernel = Kernel::create({.threads = 1, .max_step_rows = 4}).value();
  Context first = kernel.open(a).value();
  Context second = kernel.open(b).value();
  const std::vector<TokenId> prompt = tokens_of(40);
  std::vector<Generation> generations;
  for (Context* context : {&first, &second}) {
    generations.push_back(kernel.generate(*context, prompt, {.max_tokens = 4, .ignore_end = true}));
  }
  std::size_t steps = 0;
  while (first.size() < 40 && second.size() < 40) {
    REQUIRE(kernel.step(generations).ok());
    ++steps;
    const std::size_t ahead = std::max(first.size(), second.size()) - std::min(first.size(), second.size());
    CHECK(ahead <= 4);  // one turn
  }
  CHECK(steps >= 19);
  while (kernel.step(generations).value().unfinished > 0) {
  }
  CHECK(generations[0].tokens().size() == 4);
  CHECK(generations[1].tokens().size() == 4);
}

TEST_CASE("a plug-in that says kCancelled cancels nobody") {
  const Model model = Model::load(data_folder("tiny_tied")).value();
  const auto executor = std::make_shared<Failing>();
  Kernel kernel = Kernel::create({.host_executor = executor}).value();
  Context a = kernel.open(model).value();
  Context b = kernel.open(model).value();
  const std::vector<TokenId> tokens = tokens_of(20);
  std::array<Request, 2> requests = {Request{.context = &a, .tokens = tokens, .want = Logits::kNone},
                                     Request{.context = &b, .tokens = tokens, .want = Logits::kNone}};
  SECTION("of several requests each is tried by itself") {
    executor->fail_at = executor->runs + 3;
    REQUIRE(kernel.step(requests).ok());
    CHECK(requests[0].status.ok());
    CHECK(requests[1].status.ok());
    CHECK(a.size() == 20);
    CHECK(b.size() == 20);
  }
  SECTION("one alone fails as by any other error of the host's") {
    executor->fail_at = executor->runs + 3;
    executor->code = GENERATE(Code::kCancelled, Code::kDeadline);
    REQUIRE(kernel.step({requests.data(), 1}).ok());
    CHECK(requests[0].status.code() == Code::kHostException);
    CHECK(a.size() == 0);
  }
}

TEST_CASE("a start that finds no memory for sampling does not touch what others sample with") {
  const Model model = Model::load(data_folder("tiny_tied")).value();
  const std::vector<TokenId> prompt = tokens_of(5);
  const GenerationOptions plain{.sampling = {.temperature = 1.0, .seed = 7}, .max_tokens = 12, .ignore_end = true};
  GenerationOptions wants_more = plain;
  wants_more.sampling.typical_p = 0.5;
  wants_more.sampling.repetition_penalty = 1.5;
  std::vector<TokenId> expected;
  std::uint64_t used = 0;
  {
    Kernel kernel = Kernel::create({.threads = 2}).value();
    Context context = kernel.open(model).value();
    REQUIRE(context.reserve(40).ok());
    Generation alone = kernel.generate(context, prompt, plain);
    used = kernel.memory()->used();
    REQUIRE(alone.run().ok());
    expected.assign(alone.tokens().begin(), alone.tokens().end());
  }
  Kernel kernel = Kernel::create({.threads = 2, .memory_bytes = used + 200}).value();
  Context context = kernel.open(model).value();
  REQUIRE(context.reserve(40).ok());
  Generation first = kernel.generate(context, prompt, plain);
  for (int i = 0; i < 4; ++i) REQUIRE(kernel.step(first).ok());
  Generation refused = kernel.generate(context, prompt, wants_more);
  CHECK(refused.status().code() == Code::kBudget);
  REQUIRE(first.run().ok());
  CHECK(std::vector<TokenId>(first.tokens().begin(), first.tokens().end()) == expected);
}

TEST_CASE("a kernel that was moved from says so") {
  const Model model = Model::load(data_folder("tiny_tied")).value();
  Kernel kernel = Kernel::create({.threads = 1}).value();
  Context context = kernel.open(model).value();
  const Kernel taken = std::move(kernel);
  CHECK(taken.memory() != nullptr);
  // NOLINTBEGIN(bugprone-use-after-move): that is what is tested
  CHECK(kernel.open(model).status().code() == Code::kPrecondition);
  CHECK(kernel.step({}).status().code() == Code::kPrecondition);
  Generation none = kernel.generate(context, tokens_of(3));
  CHECK(none.finished());
  CHECK(none.status().code() == Code::kPrecondition);
  CHECK(kernel.step(none).status().code() == Code::kPrecondition);
  CHECK(kernel.memory() == nullptr);
  CHECK(kernel.executor() == nullptr);
  // NOLINTEND(bugprone-use-after-move)
}

TEST_CASE("what a kernel made shares the host's executor with it") {
  const Model model = Model::load(data_folder("tiny_tied")).value();
  auto executor = std::make_shared<Failing>();
  const std::weak_ptr<Failing> watched = executor;
  std::optional<Kernel> kernel = Kernel::create({.host_executor = std::move(executor)}).value();
  Context context = kernel->open(model).value();
  std::optional<Generation> answer = kernel->generate(context, tokens_of(4), {.max_tokens = 3, .ignore_end = true});
  kernel.reset();
  REQUIRE_FALSE(watched.expired());
  CHECK(answer->run().ok());
  CHECK(answer->tokens().size() == 3);
  answer.reset();
  CHECK(watched.expired());
}
