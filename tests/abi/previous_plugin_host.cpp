// SPDX-License-Identifier: Apache-2.0
// A host with the present header uses a plug-in that was built against an earlier one.
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include <moxie/core/workers.hpp>
#include <moxie/expert/any_expert.hpp>
#include <moxie/moe/moe_layer.hpp>
#include <moxie/router/any_router.hpp>
#include <moxie/testing/expert_laws.hpp>
#include <moxie/testing/router_laws.hpp>

#include "previous_header.hpp"

using namespace moxie;

namespace {

Status expect(bool holds, const char* what) {
  return holds ? Status() : Status(Code::kInternal, "previous plug-in", what, "something else");
}

Status use_plugin() {
  const auto* router_table = static_cast<const RouterTable*>(previous_router_table());
  const auto* expert_table = static_cast<const ExpertTable*>(previous_expert_table());
  MOXIE_TRY(expect(router_table->size < sizeof(RouterTable), "a router table that lacks members"));
  MOXIE_TRY(expect(expert_table->size < sizeof(ExpertTable), "an expert table that lacks members"));
  MOXIE_TRY_LET(AnyRouter router, AnyRouter::adopt(router_table, previous_object()));
  MOXIE_TRY_LET(AnyExpert expert, AnyExpert::adopt(expert_table, previous_object()));
  MOXIE_TRY(expect(router.scratch_bytes(9) == 0 && expert.scratch_bytes(9) == 0, "no scratch by default"));
  MOXIE_TRY(expect(router.num_logits() == 2, "as many logits as experts by default"));
  MOXIE_TRY(expect(!router.row_local(), "a router that gets all rows at once by default"));
  MOXIE_TRY(testing::check_router_laws(router));
  MOXIE_TRY(testing::check_expert_laws(expert));

  // In a layer, where their scratch and their rows matter.
  MOXIE_TRY_LET(auto bank, ExpertBank<AnyExpert>::create({expert, expert}));
  MOXIE_TRY_LET(auto layer, (MoeLayer<AnyRouter, ExpertBank<AnyExpert>>::create(std::move(router), std::move(bank))));
  alignas(64) std::array<std::byte, 8192> memory{};
  SerialExecutor executor;
  std::array<Workspace, 1> workspaces{Workspace(memory)};
  Workers workers(executor, workspaces);
  constexpr std::size_t kRows = 3;
  const std::vector<float> logits{0, 1, 1, 0, 0, 1};
  const std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  std::vector<float> y(x.size());
  MOXIE_TRY(
      layer.run({.logits = {logits.data(), kRows, 2}, .hidden = {x.data(), kRows, 4}}, {y.data(), kRows, 4}, workers));
  for (std::size_t i = 0; i < y.size(); ++i) MOXIE_TRY(expect(y[i] == 2 * x[i], "twice the input"));
  return {};
}

}  // namespace

int main() {
  const Status status = use_plugin();
  std::printf("%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
