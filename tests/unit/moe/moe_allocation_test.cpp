// SPDX-License-Identifier: Apache-2.0
// A warm layer allocates nothing: every operator new of this program is counted.
#include <vector>

#include <moxie/expert/any_expert.hpp>
#include <moxie/moe/moe_layer.hpp>
#include <moxie/router/any_router.hpp>
#include <moxie/router/top_k.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/experts.hpp"
#include "support/workers.hpp"

using namespace moxie;

TEST_CASE("a layer of any types allocates nothing while it runs") {
  constexpr std::size_t kN = 8, kK = 3, kD = 16, kMaxT = 150;
  std::vector<AnyExpert> experts;
  for (std::size_t e = 0; e < kN; ++e) experts.push_back(*AnyExpert::create(test::plain_mlp(kD, 8 + e, e)));
  const auto layer = *MoeLayer<AnyRouter, ExpertBank<AnyExpert>>::create(
      *AnyRouter::create(*TopK::create({.num_experts = kN, .experts_per_token = kK})),
      *ExpertBank<AnyExpert>::create(std::move(experts)));

  std::vector<float> logits(kMaxT * kN), x(kMaxT * kD), y(kMaxT * kD);
  test::fill_random({logits.data(), kMaxT, kN}, 1);
  test::fill_random({x.data(), kMaxT, kD}, 2);
  const MoeScratch bytes = layer.scratch_bytes(kMaxT);
  test::WorkersOf of(SerialExecutor(), bytes.own, bytes.worker);
  Workers workers = of.workers();

  const std::size_t at_first = test::allocations_so_far();
  const std::vector<float> proof(logits);  // the counter counts
  REQUIRE(test::allocations_so_far() > at_first);

  const std::size_t before = test::allocations_so_far();
  bool ok = true;
  for (const std::size_t T : {std::size_t{1}, std::size_t{2}, std::size_t{65}, kMaxT}) {
    ok = layer.run({.logits = {logits.data(), T, kN}, .hidden = {x.data(), T, kD}}, {y.data(), T, kD}, workers).ok() &&
         ok;
  }
  const std::size_t after = test::allocations_so_far();
  CHECK(ok);
  CHECK(after == before);
}
