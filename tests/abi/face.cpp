// SPDX-License-Identifier: Apache-2.0
// A file of a host, compiled once with exceptions and once without: FACE is what it is called then.
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <moxie/core/workers.hpp>
#include <moxie/expert/gated_mlp.hpp>
#include <moxie/moe/moe_layer.hpp>
#include <moxie/testing/expert_laws.hpp>
#include <moxie/testing/router_laws.hpp>

#include "plugins.hpp"

using namespace moxie;

namespace {

struct Threads {
  alignas(64) std::array<std::byte, 4096> memory{};
  SerialExecutor executor;
  std::array<Workspace, 1> workspaces{Workspace(memory)};
  Workers workers{executor, workspaces};
};

template <class Layer>
Status run(const Layer& layer) {
  Threads threads;
  std::array<float, 2> logits{};
  std::array<float, 4> x{};
  std::array<float, 4> y{};
  return layer.run({.logits = {logits.data(), 1, 2}, .hidden = {x.data(), 1, 4}}, {y.data(), 1, 4}, threads.workers);
}

Result<GatedMlp<host::ThrowingLinear>> mlp() { return GatedMlp<host::ThrowingLinear>::create({}, {}, {}); }

using host::ThrowingCall, host::ThrowingExpert, host::ThrowingLinear, host::ThrowingPool, host::ThrowingRouter;

constexpr host::Face kFace = {
    .router = [] { return AnyRouter::create(ThrowingRouter{}); },
    .shared_router = [] { return AnyRouter::share(std::make_shared<const ThrowingRouter>()); },
    .expert = [] { return AnyExpert::create(ThrowingExpert{}); },
    .shared_expert = [] { return AnyExpert::share(std::make_shared<const ThrowingExpert>()); },
    .mlp = []() -> Result<AnyExpert> {
      MOXIE_TRY_LET(GatedMlp<ThrowingLinear> expert, mlp());
      return AnyExpert::create(std::move(expert));
    },
    .add_tool = [](Toolbox& toolbox) { return toolbox.add(tool("throws", "Throws", ThrowingCall{})); },
    .pool = []() -> std::unique_ptr<Executor> {
      return std::make_unique<HostExecutor<ThrowingPool>>(2, ThrowingPool{});
    },
    .each =
        [] {
          Threads threads;
          return threads.workers.each(3, host::ThrowingTask{});
        },
    .layer = []() -> Status {
      MOXIE_TRY_LET(auto bank, ExpertBank<ThrowingExpert>::create(std::vector<ThrowingExpert>(2)));
      MOXIE_TRY_LET(auto layer, (MoeLayer<host::FirstRouter, ExpertBank<ThrowingExpert>>::create({}, std::move(bank))));
      return run(layer);
    },
    .layer_of_a_tuple = []() -> Status {
      MOXIE_TRY_LET(auto expert, mlp());
      MOXIE_TRY_LET(auto bank, (TupleBank<GatedMlp<ThrowingLinear>, ThrowingExpert>::create(std::move(expert), {})));
      MOXIE_TRY_LET(auto layer, (MoeLayer<host::FirstRouter, decltype(bank)>::create({}, std::move(bank))));
      return run(layer);
    },
    .laws = []() -> Status {
      const Status expert = testing::check_expert_laws(ThrowingExpert{});
      return expert.code() == Code::kHostException ? testing::check_router_laws(ThrowingRouter{}) : expert;
    },
    .progress = [](const HostCallbacks& callbacks) { return callbacks.progress({.what = "a step"}); },
    .log = [](const HostCallbacks& callbacks) { callbacks.log(LogLevel::kInfo, "a line"); },
};

}  // namespace

const host::Face host::FACE = kFace;
