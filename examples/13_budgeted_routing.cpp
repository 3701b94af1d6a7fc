// SPDX-License-Identifier: Apache-2.0
// As many experts for each token as a cost allows, in every layer of a loaded model. The cost is the host's: time,
// energy, money.
#include <cstdio>

#include <moxie/moxie.hpp>
#include <moxie/router/budgeted.hpp>

struct Millijoules {
  static constexpr bool row_local = true;  // the cost depends on layer and expert alone
  double cost(std::size_t layer, std::size_t expert) const { return layer == 0 || expert % 2 == 0 ? 1.0 : 2.5; }
};

struct Spent final : moxie::RouteSink {  // is told what routers decide
  double most = 0;
  std::size_t experts = 0;
  moxie::Status take(const moxie::RouteRecord& record) override {
    for (std::size_t t = 0; t < record.experts.rows; ++t) {
      double spent = 0;
      for (const std::int32_t e : record.experts[t]) {
        if (e == moxie::kNoExpert) continue;
        ++experts;
        spent += Millijoules().cost(record.layer, static_cast<std::size_t>(e));
      }
      if (spent > most) most = spent;
    }
    return {};
  }
};

moxie::Status example(const char* path) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20}));
  std::size_t before = 0;
  for (const double budget : {100.0, 3.5, 2.5}) {
    using Router = moxie::Budgeted<moxie::AnyRouter, Millijoules>;
    const auto wrap = [budget](moxie::AnyRouter own) {
      return Router::create(std::move(own), Millijoules{}, {.budget = budget});
    };
    const auto spent = std::make_shared<Spent>();
    MOXIE_TRY_LET(const auto frugal, moxie::Pathway(model).wrap_routers(wrap));
    MOXIE_TRY_LET(const auto pathway, frugal.record(spent));
    MOXIE_TRY_LET(auto chat, moxie::Chat::create(kernel, pathway));
    auto answer = chat.ask("Tell me a short story about a fox named Mia and a bell.", {.max_tokens = 30});
    MOXIE_TRY(answer.run());
    std::printf("at most %5.1f mJ for a token and layer: %zu calls of experts, %.1f mJ at most\n  %s\n", budget,
                spent->experts, spent->most, std::string(answer.text()).c_str());
    if (spent->most > budget || (before != 0 && spent->experts >= before)) {
      return {moxie::Code::kInternal, "example", "a budget that holds", "one that does not"};
    }
    before = spent->experts;
  }
  return {};
}

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
