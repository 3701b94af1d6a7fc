// SPDX-License-Identifier: Apache-2.0
// TopP, and routers that look at other rows or at the machine, each against brute force.
#include <moxie/router/capacity.hpp>
#include <moxie/router/expert_choice.hpp>
#include <moxie/router/resident_first.hpp>
#include <moxie/router/top_p.hpp>
#include <moxie/testing/router_laws.hpp>

#include "router_reference.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

constexpr std::size_t kT = 120;

TopK top_k(std::size_t N, std::size_t K, bool normalised = true) {
  return TopK::create({.num_experts = N, .experts_per_token = K, .normalised = normalised}).value();
}

}  // namespace

TEST_CASE("top-p takes as many experts as it takes to reach p") {
  struct Case {
    std::size_t N, K;
    float p;
    bool normalised;
  };
  for (const Case& c : {Case{1, 1, 0.5f, true}, Case{8, 8, 0.7f, false}, Case{8, 3, 0.9f, true},
                        Case{64, 8, 0.3f, true}, Case{64, 64, 0.999f, false}, Case{16, 16, 1e-6f, true}}) {
    const TopP router =
        TopP::create(
            {.num_experts = c.N, .max_experts_per_token = c.K, .p = c.p, .normalised = c.normalised, .scale = 1.5f})
            .value();
    const auto rows = hard_logits(kT, c.N, 21);
    const Decided decided = decide(router, rows);
    REQUIRE(decided.status.message() == "");
    std::size_t compared = 0;
    for (std::size_t t = 0; t < kT; ++t) {
      const std::vector<double> scores = softmax_of(rows[t]);
      Choice expected;
      double sum = 0;
      bool near = false;  // too near to p for f32 and double to agree
      for (const std::size_t e : best_of(rows[t], scores, c.K)) {
        near = near || (sum > 0 && std::abs(sum - static_cast<double>(c.p)) < 1e-5);
        if (sum >= static_cast<double>(c.p)) break;
        expected.experts.push_back(e);
        sum += scores[e];
      }
      if (near) continue;
      ++compared;
      expected.weights = weights_of(scores, expected.experts, c.normalised, 1.5);
      check_same(decided.rows[t], expected, c.N, "row " + std::to_string(t));
    }
    CHECK(compared > kT / 2);
    CHECK(testing::check_router_laws(router).message() == "");
    check_refuses_bad_logits(router);
  }
  // Exactly p is enough: four equal probabilities of 1/4 reach a half with two.
  const TopP half = TopP::create({.num_experts = 4, .max_experts_per_token = 4, .p = 0.5f}).value();
  CHECK(decide(half, {{3, 3, 3, 3}}).rows[0].experts == std::vector<std::size_t>{0, 1});
  for (const float p : {0.0f, -1.0f, 1.5f, std::nanf("")}) {
    CHECK(TopP::create({.num_experts = 4, .max_experts_per_token = 2, .p = p}).status().code() ==
          Code::kInvalidArgument);
  }
  CHECK(TopP::create({.num_experts = 4, .max_experts_per_token = 5, .p = 0.5f}).status().code() ==
        Code::kInvalidArgument);
}

TEST_CASE("an expert with a full capacity drops what comes after, and the drops are counted") {
  struct Case {
    std::size_t T, N, K;
    double factor;
  };
  for (const Case& c : {Case{1, 4, 2, 1.0}, Case{120, 8, 2, 1.0}, Case{120, 8, 2, 0.25}, Case{60, 64, 6, 1.25},
                        Case{120, 2, 1, 1e-9}, Case{30, 8, 8, 100.0}}) {
    const auto router = Capacity<TopK>::create(top_k(c.N, c.K), c.factor).value();
    CHECK_FALSE(is_row_local(router));
    const auto rows = hard_logits(c.T, c.N, 22);
    const Decided decided = decide(router, rows);
    REQUIRE(decided.status.message() == "");
    const std::size_t C = static_cast<std::size_t>(
        std::max(1.0, std::min(static_cast<double>(c.T),
                               std::ceil(c.factor * static_cast<double>(c.T * c.K) / static_cast<double>(c.N)))));
    CHECK(router.capacity(c.T) == C);
    std::vector<Choice> all;
    for (const auto& row : rows) {
      Choice choice{best_of(row, softmax_of(row), c.K), {}};
      choice.weights = weights_of(softmax_of(row), choice.experts, true);
      all.push_back(choice);
    }
    std::vector<Choice> expected(c.T);
    std::vector<std::size_t> taken(c.N);
    std::size_t dropped = 0;
    for (std::size_t slot = 0; slot < c.K; ++slot) {
      for (std::size_t t = 0; t < c.T; ++t) {
        if (slot >= all[t].experts.size()) continue;
        const std::size_t e = all[t].experts[slot];
        if (taken[e] == C) {
          ++dropped;
          continue;
        }
        ++taken[e];
        expected[t].experts.push_back(e);
        expected[t].weights.push_back(all[t].weights[slot]);
      }
    }
    for (std::size_t t = 0; t < c.T; ++t) check_same(decided.rows[t], expected[t], c.N, "row " + std::to_string(t));
    CHECK(router.dropped() == dropped);
    const auto copy = router;
    CHECK(decide(copy, rows).status.ok());
    CHECK(router.dropped() == 2 * dropped);
    CHECK(testing::check_router_laws(router).message() == "");
    check_refuses_bad_logits(router);
  }
  for (const double factor : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    CHECK(Capacity<TopK>::create(top_k(4, 2), factor).status().code() == Code::kInvalidArgument);
  }
}

TEST_CASE("experts choose their rows, and every expert has the same load") {
  struct Case {
    std::size_t T, N;
    double average;
    std::size_t most;
  };
  for (const Case& c : {Case{1, 4, 2, 0}, Case{120, 8, 2, 0}, Case{120, 8, 1.5, 2}, Case{60, 64, 6, 8},
                        Case{7, 3, 3, 0}, Case{5, 8, 0.1, 1}}) {
    const ExpertChoice router =
        ExpertChoice::create({.num_experts = c.N, .experts_per_token = c.average, .max_per_token = c.most}).value();
    const auto rows = hard_logits(c.T, c.N, 23);
    const Decided decided = decide(router, rows);
    REQUIRE(decided.status.message() == "");
    const std::size_t K = c.most == 0 ? c.N : c.most;
    const auto C = static_cast<std::size_t>(std::ceil(static_cast<double>(c.T) * c.average / static_cast<double>(c.N)));
    std::vector<std::vector<double>> scores;
    for (const auto& row : rows) scores.push_back(softmax_of(row));
    std::vector<Choice> expected(c.T);
    for (std::size_t e = 0; e < c.N; ++e) {
      std::vector<std::size_t> order;
      for (std::size_t t = 0; t < c.T; ++t) {
        if (rows[t][e] != -kInf) order.push_back(t);
      }
      // In f32, as the choice is defined: rows are compared with each other, whose sums round differently.
      std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
        return static_cast<float>(scores[a][e]) > static_cast<float>(scores[b][e]);
      });
      order.resize(std::min(order.size(), C));
      for (const std::size_t t : order) {
        expected[t].experts.push_back(e);
        expected[t].weights.push_back(scores[t][e]);
      }
    }
    std::vector<std::size_t> load(c.N);
    std::size_t differ = 0;
    for (std::size_t t = 0; t < c.T; ++t) {
      sort_choice(expected[t]);
      expected[t].experts.resize(std::min(K, expected[t].experts.size()));
      expected[t].weights.resize(expected[t].experts.size());
      for (const std::size_t e : decided.rows[t].experts) ++load[e];
      if (decided.rows[t].experts != expected[t].experts) {
        ++differ;
        continue;
      }
      check_same(decided.rows[t], expected[t], c.N, "row " + std::to_string(t));
    }
    // Two rows may have a probability for an expert that is the same but for its last bit.
    CHECK(differ <= c.T / 20);
    if (K == c.N) {
      for (const std::size_t rows_of_expert : load) CHECK(rows_of_expert <= std::min(C, c.T));
    }
    CHECK(testing::check_router_laws(router).message() == "");
    check_refuses_bad_logits(router);
  }
  // By hand: two rows each, ties to the lower row.
  const ExpertChoice hand = ExpertChoice::create({.num_experts = 2, .experts_per_token = 1}).value();
  const Decided decided = decide(hand, {{0, 0}, {4, 0}, {0, 0}, {0, 4}});
  CHECK(decided.rows[0].experts == std::vector<std::size_t>{0, 1});
  CHECK(decided.rows[1].experts == std::vector<std::size_t>{0});
  CHECK(decided.rows[2].experts.empty());
  CHECK(decided.rows[3].experts == std::vector<std::size_t>{1});
  CHECK(ExpertChoice::create({.num_experts = 0, .experts_per_token = 1}).status().code() == Code::kInvalidArgument);
  CHECK(ExpertChoice::create({.num_experts = 4, .experts_per_token = 5}).status().code() == Code::kInvalidArgument);
  CHECK(ExpertChoice::create({.num_experts = 4, .experts_per_token = std::nan("")}).status().code() ==
        Code::kInvalidArgument);
  CHECK(ExpertChoice::create({.num_experts = 4, .experts_per_token = 1, .max_per_token = 5}).status().code() ==
        Code::kInvalidArgument);
}

TEST_CASE("a resident expert is preferred up to a margin, and weighed by the logits as they are") {
  for (const float margin : {0.0f, 0.5f, 2.0f, 1000.0f}) {
    const std::size_t N = 16;
    const std::size_t K = 4;
    const auto router = ResidentFirst<TopK>::create(top_k(N, K), margin).value();
    CHECK_FALSE(is_row_local(router));
    std::vector<std::uint8_t> resident(N);
    for (std::size_t e = 0; e < N; ++e) resident[e] = e % 3 == 0 ? 1 : 0;
    const auto rows = hard_logits(kT, N, 24);
    const Decided decided = decide(router, rows, {.resident = resident});
    REQUIRE(decided.status.message() == "");
    for (std::size_t t = 0; t < kT; ++t) {
      std::vector<double> keys;
      std::vector<float> preferred = rows[t];
      for (std::size_t e = 0; e < N; ++e) preferred[e] += resident[e] != 0 ? margin : 0.0f;
      for (const double score : softmax_of(preferred)) keys.push_back(static_cast<double>(static_cast<float>(score)));
      Choice expected{best_of(rows[t], keys, K), {}};
      expected.weights = weights_of(softmax_of(rows[t]), expected.experts, true);
      sort_choice(expected);
      check_same(decided.rows[t], expected, N, "margin " + std::to_string(margin) + ", row " + std::to_string(t));
    }
    CHECK(testing::check_router_laws(router).message() == "");
    check_refuses_bad_logits(router, {.resident = resident});
    CHECK(decide(router, rows).status.code() == Code::kShape);
  }
  CHECK(ResidentFirst<TopK>::create(top_k(4, 2), -1.0f).status().code() == Code::kInvalidArgument);
  CHECK(ResidentFirst<TopK>::create(top_k(4, 2), kInf).status().code() == Code::kInvalidArgument);
}
