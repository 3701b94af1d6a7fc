// SPDX-License-Identifier: Apache-2.0
// The smallest types that satisfy each concept are enough for everything that takes them.
#include "support/archetypes.hpp"

#include <utility>
#include <vector>

#include <moxie/expert/any_expert.hpp>
#include <moxie/expert/gated_mlp.hpp>
#include <moxie/moe/moe_layer.hpp>
#include <moxie/router/any_router.hpp>

#include "support/catch.hpp"
#include "support/workers.hpp"

using namespace moxie;
using test::Movable;

namespace {

using SmallExpert = test::ExpertArchetype<Movable>;
using SmallLinear = test::LinearArchetype<Movable>;
using SmallRouter = test::RouterArchetype<Movable>;
using SmallBank = test::BankArchetype<Movable>;

// One row through the layer; every archetype gives y = x under weight 1.
template <class R, class B>
void check_identity(const MoeLayer<R, B>& layer) {
  const float logits[] = {0.0f, 0.0f};
  const float x[] = {1.0f, 2.0f, 3.0f};
  float y[3] = {};
  const MoeScratch bytes = layer.scratch_bytes(1);
  test::WorkersOf of(SerialExecutor(), bytes.own, bytes.worker);
  Workers workers = of.workers();
  REQUIRE(layer.run({.logits = {logits, 1, 2}, .hidden = {x, 1, 3}}, {y, 1, 3}, workers).ok());
  for (std::size_t d = 0; d < 3; ++d) CHECK(y[d] == x[d]);
}

}  // namespace

TEST_CASE("a layer of archetypes") {
  check_identity(*MoeLayer<SmallRouter, SmallBank>::create(SmallRouter(0), SmallBank(0)));
}

TEST_CASE("banks, erased types and mlps of archetypes") {
  std::vector<SmallExpert> experts;
  experts.emplace_back(0);
  experts.emplace_back(0);
  auto bank = *ExpertBank<SmallExpert>::create(std::move(experts));
  check_identity(*MoeLayer<SmallRouter, ExpertBank<SmallExpert>>::create(SmallRouter(0), std::move(bank)));

  using Tuple = TupleBank<SmallExpert, AnyExpert>;
  auto tuple = *Tuple::create(SmallExpert(0), *AnyExpert::create(SmallExpert(0)));
  check_identity(*MoeLayer<AnyRouter, Tuple>::create(*AnyRouter::create(SmallRouter(0)), std::move(tuple)));

  static_assert(Expert<GatedMlp<SmallLinear>>);
  static_assert(Bank<TupleBank<SmallExpert, GatedMlp<SmallLinear>>>);
}
