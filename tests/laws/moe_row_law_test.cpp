// SPDX-License-Identifier: Apache-2.0
// Law 1 on a bare layer: a row's result has the same bits alone and in any batch, in any place, beside any
// rows, at any number of threads, wherever its memory lies.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <moxie/expert/any_expert.hpp>
#include <moxie/moe/moe_layer.hpp>
#include <moxie/router/any_router.hpp>
#include <moxie/router/top_k.hpp>
#include <moxie/testing/guarded_memory.hpp>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/experts.hpp"
#include "support/routers.hpp"
#include "support/workers.hpp"

using namespace moxie;
using testing::GuardedRows;
using testing::Layout;
using Picked = std::vector<std::size_t>;

namespace {

constexpr std::size_t kRows = 97;
constexpr std::size_t kN = 11;  // neither count nor widths are multiples of a vector
constexpr std::size_t kD = 13;

struct Pool {
  GuardedRows<float> logits{kRows, kN};
  GuardedRows<float> x{kRows, kD};

  explicit Pool(std::uint64_t seed) {
    test::fill_random(logits.view(), seed, 1);
    test::fill_random(x.view(), seed, 2);
    for (std::size_t t = 0; t < kRows; t += 9) {  // some rows want the same experts, so that these get full blocks
      for (std::size_t e = 0; e < kN; ++e) logits[t][e] = e < 2 ? 5.0f : -1.0f;
    }
  }
};

// The picked rows of the pool through the layer.
template <class Layer, class E>
std::string run(const Layer& layer, const Pool& pool, const Picked& picked, E executor, Layout layout, Rows y,
                RouteOut record) {
  const std::size_t T = picked.size();
  GuardedRows<float> logits(T, kN, layout), x(T, kD, layout);
  for (std::size_t i = 0; i < T; ++i) {
    std::ranges::copy(pool.logits[picked[i]], logits[i].begin());
    std::ranges::copy(pool.x[picked[i]], x[i].begin());
  }
  const MoeScratch bytes = layer.scratch_bytes(T);
  test::WorkersOf<E> of(std::move(executor), bytes.own, bytes.worker);
  Workers workers = of.workers();
  return std::string(layer.run({.logits = logits.view(), .hidden = x.view()}, y, workers, &record).message());
}

template <class Layer>
void check_row_law(const Layer& layer, std::uint64_t seed) {
  const Pool pool(seed);
  const std::size_t K = layer.experts_per_token();
  GuardedRows<float> alone(kRows, kD), alone_weights(kRows, K);
  GuardedRows<std::int32_t> alone_experts(kRows, K);
  for (std::size_t t = 0; t < kRows; ++t) {
    const RouteOut record{alone_experts.view().slice(t, 1), alone_weights.view().slice(t, 1)};
    REQUIRE(run(layer, pool, {t}, SerialExecutor(), {}, alone.view().slice(t, 1), record) == "");
  }

  const auto check = [&](const Picked& picked, auto executor, Layout layout) {
    const std::size_t T = picked.size();
    GuardedRows<float> y(T, kD, layout), want(T, kD), weights(T, K, layout), want_weights(T, K);
    GuardedRows<std::int32_t> experts(T, K, layout), want_experts(T, K);
    for (std::size_t i = 0; i < T; ++i) {
      std::ranges::copy(alone[picked[i]], want[i].begin());
      std::ranges::copy(alone_weights[picked[i]], want_weights[i].begin());
      std::ranges::copy(alone_experts[picked[i]], want_experts[i].begin());
    }
    REQUIRE(run(layer, pool, picked, std::move(executor), layout, y.view(), {experts.view(), weights.view()}) == "");
    CHECK(test::bit_difference(y.view(), want.view()) == "");
    CHECK(test::bit_difference(experts.view(), want_experts.view()) == "");
    CHECK(test::bit_difference(weights.view(), want_weights.view()) == "");
    CHECK((y.is_intact() && experts.is_intact() && weights.is_intact()));
  };

  for (std::size_t T = 1; T <= 64; ++T) {
    INFO("seed " << seed << ", T " << T);
    Picked first(T), scattered(T);
    for (std::size_t i = 0; i < T; ++i) {
      first[i] = i;
      scattered[i] = (i * 35 + T) % kRows;  // other neighbours, other places, for each T
    }
    check(first, SerialExecutor(), {});
    check(scattered, SerialExecutor(), {.padding = 3, .offset = 1});
    check(scattered, test::host_threads(1 + T % 8), {});
  }
  Picked many(500);  // several blocks of rows for each expert, the same rows again and again
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = (i * 11) % kRows;
  for (std::size_t threads = 1; threads <= 8; ++threads) {
    INFO("seed " << seed << ", threads " << threads);
    check(many, test::host_threads(threads), {.padding = threads % 2});
  }
}

std::vector<AnyExpert> mixed_experts() {
  std::vector<AnyExpert> experts;
  for (std::size_t e = 0; e < kN; ++e) {
    experts.push_back(e % 4 == 3 ? *AnyExpert::create(test::Scale{kD, 0.3f, 0.1f})
                                 : *AnyExpert::create(test::plain_mlp(kD, 5 + 3 * e, e)));
  }
  return experts;
}

}  // namespace

TEST_CASE("a layer of top-k and one kind of expert keeps the row law") {
  std::vector<test::PlainMlp> experts;
  for (std::size_t e = 0; e < kN; ++e) experts.push_back(test::plain_mlp(kD, 9, e));
  const auto layer = *MoeLayer<TopK, ExpertBank<test::PlainMlp>>::create(
      *TopK::create({.num_experts = kN, .experts_per_token = 3, .normalised = true}),
      *ExpertBank<test::PlainMlp>::create(std::move(experts)));
  check_row_law(layer, 1);
}

TEST_CASE("a layer of erased routers and experts of many kinds keeps the row law") {
  TopKOptions options{.num_experts = kN, .experts_per_token = kN, .scores = Scores::kSigmoid, .scale = 2.5f};
  options.selection_bias.assign(kN, 0.25f);
  const auto layer = *MoeLayer<AnyRouter, ExpertBank<AnyExpert>>::create(
      *AnyRouter::create(*TopK::create(std::move(options))), *ExpertBank<AnyExpert>::create(mixed_experts()));
  check_row_law(layer, 2);
}

TEST_CASE("a layer whose rows want different numbers of experts keeps the row law") {
  const auto layer = *MoeLayer<test::LogitsSayAll, ExpertBank<AnyExpert>>::create(
      {kN, 4, true}, *ExpertBank<AnyExpert>::create(mixed_experts()));
  check_row_law(layer, 3);
}
