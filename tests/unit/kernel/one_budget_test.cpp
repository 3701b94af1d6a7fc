// SPDX-License-Identifier: Apache-2.0
// One budget of the host pays for weights and for all that kernels hold; pages of idle contexts go before kBudget.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/running.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

std::shared_ptr<Budget> host_budget(std::uint64_t bytes = 1U << 30U) {
  return Budget::create("host", bytes, nullptr, "bytes");
}

Model load(const std::string& name, std::shared_ptr<Budget> memory) {
  return Model::load(data_folder(name), {.files = {.read = true, .memory = std::move(memory)}}).value();
}

Kernel kernel_in(std::shared_ptr<Budget> memory) {
  return Kernel::create(
             {.threads = 1, .memory_bytes = Budget::kUnlimited, .memory = std::move(memory), .max_step_rows = 32})
      .value();
}

Status feed(Kernel& kernel, Context& context, std::size_t count) {
  const std::vector<TokenId> tokens(count, 3);
  Request request{.context = &context, .tokens = tokens, .want = Logits::kNone};
  while (!request.finished()) {
    if (Status failed = kernel.step({&request, 1}).status(); !failed.ok()) return failed;
  }
  return request.status;
}

}  // namespace

TEST_CASE("a budget of the host pays for weights and for two kernels, and gets all of it back") {
  const std::shared_ptr<Budget> memory = host_budget();
  {
    const Model model = load("tiny_tied", memory);
    const std::uint64_t weights = memory->used();
    REQUIRE(weights > 0);
    Kernel first = kernel_in(memory);
    Kernel second = kernel_in(memory);
    Context one = first.open(model).value();
    Context two = second.open(model).value();
    CHECK(feed(first, one, 40).ok());
    CHECK(feed(second, two, 80).ok());
    CHECK(one.usage().bytes > 0);
    CHECK(first.memory()->used() > one.usage().bytes);
    CHECK(second.memory()->used() > two.usage().bytes);
    CHECK(memory->used() == weights + first.memory()->used() + second.memory()->used());
  }
  CHECK(memory->used() == 0);
}

TEST_CASE("what another kernel holds of the host's budget is not there, and the error says whose limit it was") {
  // As much as one kernel with 320 positions takes, and not quite another's workspaces and 320 positions.
  std::uint64_t weights = 0, of_one = 0;
  const auto fill = [&](const Model& model, Kernel& kernel) {
    Context context = kernel.open(model).value();
    CHECK(feed(kernel, context, 320).ok());
    return context;
  };
  {
    const std::shared_ptr<Budget> memory = host_budget();
    const Model model = load("tiny_tied", memory);
    weights = memory->used();
    Kernel kernel = kernel_in(memory);
    const Context context = fill(model, kernel);
    of_one = kernel.memory()->used();
  }
  const std::shared_ptr<Budget> memory = host_budget(weights + 2 * of_one - 1);
  const Model model = load("tiny_tied", memory);
  Kernel first = kernel_in(memory);
  Kernel second = kernel_in(memory);
  auto held = std::make_unique<Context>(fill(model, first));
  Context context = second.open(model).value();
  const Status refused = feed(second, context, 320);
  CHECK(refused.code() == Code::kBudget);
  const std::string whose = " within " + std::to_string(memory->limit()) + " of host, room for ";
  CHECK(refused.came().find(whose) != std::string_view::npos);
  CHECK(memory->used() <= memory->limit());
  held.reset();
  CHECK(feed(second, context, 320 - context.size()).ok());
}

TEST_CASE("the first context of a model takes the pages of answers that are done") {
  const Model small = load("tiny_tied", nullptr);
  const Model speaks = Model::load(test_data() / "../../examples/tiny-model/moxie-tiny.gguf").value();
  const auto answer_in = [&](Kernel& kernel) {
    Generation answer = kernel.generate(speaks, "One two three", {.max_tokens = 100, .ignore_end = true});
    CHECK(answer.run().message() == "");
    return answer;
  };
  std::uint64_t all = 0;
  {
    Kernel kernel = kernel_in(nullptr);
    const Generation answer = answer_in(kernel);
    const Context context = kernel.open(small).value();
    all = kernel.memory()->used();
  }
  Kernel kernel = kernel_in(host_budget(all - 1));
  const Generation answer = answer_in(kernel);
  const std::string said(answer.text());
  Context context = kernel.open(small).value();
  CHECK(kernel.memory()->used() < all);
  CHECK(answer.text() == said);

  SECTION("and where they do not suffice it is kBudget, with nothing left behind") {
    Kernel tight = kernel_in(host_budget(all));
    { const Generation gone = answer_in(tight); }
    const std::uint64_t held = tight.memory()->used();
    const Charge others = std::const_pointer_cast<Budget>(tight.memory())->charge(all - held).value();
    CHECK(tight.open(small).status().code() == Code::kBudget);
    CHECK(tight.memory()->used() == all);
  }
}
