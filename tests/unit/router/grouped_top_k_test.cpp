// SPDX-License-Identifier: Apache-2.0
// Experts in groups, of which a row takes some: against sorting everything in double, and by hand.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <moxie/router/top_k.hpp>
#include <moxie/testing/router_laws.hpp>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/workers.hpp"

using namespace moxie;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Routed {
  Status status;
  std::vector<std::int32_t> experts;
  std::vector<float> weights;
};

Routed route(const TopKOptions& options, std::vector<float> logits) {
  const TopK router = TopK::create(options).value();
  const std::size_t K = options.experts_per_token;
  const std::size_t T = logits.size() / options.num_experts;
  Routed routed{{}, std::vector<std::int32_t>(T * K, -7), std::vector<float>(T * K, -7.0f)};
  testing::GuardedScratch scratch(router.scratch_bytes(T));
  routed.status =
      router.route({.logits = ConstRows(logits.data(), T, options.num_experts)},
                   {IdRows(routed.experts.data(), T, K), Rows(routed.weights.data(), T, K)}, scratch.workspace());
  CHECK(scratch.is_intact());
  return routed;
}

/// As transformers' classes of DeepSeek-V2 and V3 do it, by full sorts in double.
struct Oracle {
  std::vector<std::int32_t> experts;
  std::vector<double> weights;

  Oracle(const TopKOptions& options, const float* logits) {
    const std::size_t N = options.num_experts;
    std::vector<double> scores(N), keys(N);
    const double largest = static_cast<double>(*std::max_element(logits, logits + N));
    for (std::size_t e = 0; e < N; ++e) {
      const double x = static_cast<double>(logits[e]);
      scores[e] = options.scores == Scores::kSoftmax ? std::exp(x - largest) : 1.0 / (1.0 + std::exp(-x));
    }
    if (options.scores == Scores::kSoftmax) {
      const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
      for (double& score : scores) score /= sum;
    }
    for (std::size_t e = 0; e < N; ++e) {
      keys[e] = scores[e] + (options.selection_bias.empty() ? 0.0 : static_cast<double>(options.selection_bias[e]));
    }
    const std::size_t size = N / options.num_groups;
    std::vector<double> of_groups;
    for (std::size_t g = 0; g < options.num_groups; ++g) {
      std::vector<double> members(keys.begin() + static_cast<std::ptrdiff_t>(g * size),
                                  keys.begin() + static_cast<std::ptrdiff_t>((g + 1) * size));
      std::sort(members.rbegin(), members.rend());
      of_groups.push_back(options.group_score == GroupScore::kBest ? members[0] : members[0] + members[1]);
    }
    const std::vector<std::size_t> groups = best(of_groups, options.groups_per_token);
    for (std::size_t e = 0; e < N; ++e) {
      if (std::ranges::find(groups, e / size) == groups.end()) keys[e] = -std::numeric_limits<double>::infinity();
    }
    double sum = 0;
    for (const std::size_t e : best(keys, options.experts_per_token)) {
      experts.push_back(static_cast<std::int32_t>(e));
      weights.push_back(scores[e]);
      sum += scores[e];
    }
    for (double& weight : weights) weight *= static_cast<double>(options.scale) / (options.normalised ? sum : 1.0);
  }

  static std::vector<std::size_t> best(const std::vector<double>& of, std::size_t count) {
    std::vector<std::size_t> order(of.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return of[a] > of[b]; });
    order.resize(count);
    return order;
  }
};

/// DeepSeek-V2's way, and V3's.
TopKOptions grouped(Scores scores, std::size_t N, std::size_t groups, std::size_t used, std::size_t K) {
  const bool sigmoid = scores == Scores::kSigmoid;
  TopKOptions options{.num_experts = N, .experts_per_token = K, .scores = scores, .normalised = sigmoid};
  options.scale = sigmoid ? 2.5f : 16.0f;
  options.num_groups = groups;
  options.groups_per_token = used;
  options.group_score = sigmoid ? GroupScore::kBestTwo : GroupScore::kBest;
  if (sigmoid) {
    options.selection_bias.resize(N);
    test::fill_random(Rows(options.selection_bias.data(), 1, N), 5);
    for (float& bias : options.selection_bias) bias *= 0.5f;
  }
  return options;
}

const std::vector<TopKOptions> kShapes = {
    grouped(Scores::kSoftmax, 8, 2, 1, 4),   grouped(Scores::kSoftmax, 8, 8, 3, 3),
    grouped(Scores::kSoftmax, 12, 3, 3, 5),  grouped(Scores::kSoftmax, 160, 8, 3, 6),
    grouped(Scores::kSigmoid, 8, 4, 2, 2),   grouped(Scores::kSigmoid, 12, 2, 1, 6),
    grouped(Scores::kSigmoid, 256, 8, 4, 8), grouped(Scores::kSigmoid, 6, 3, 1, 1),
    grouped(Scores::kSigmoid, 16, 1, 1, 4)};

Status refused(const TopKOptions& options) { return TopK::create(options).status(); }

}  // namespace

TEST_CASE("experts of groups are chosen as sorting everything in double does it") {
  constexpr std::size_t kT = 60;
  for (const TopKOptions& options : kShapes) {
    std::vector<float> logits(kT * options.num_experts);
    test::fill_random(Rows(logits.data(), kT, options.num_experts), options.num_experts + options.num_groups);
    for (float& x : logits) x *= 4.0f;
    const Routed routed = route(options, logits);
    REQUIRE(routed.status.ok());
    const std::size_t K = options.experts_per_token;
    test::Reference weights(kT, K);
    std::vector<std::int32_t> experts;
    std::size_t same_without = 0;
    TopKOptions all = options;
    all.num_groups = all.groups_per_token = 1;
    for (std::size_t t = 0; t < kT; ++t) {
      const Oracle oracle(options, logits.data() + t * options.num_experts);
      experts.insert(experts.end(), oracle.experts.begin(), oracle.experts.end());
      for (std::size_t k = 0; k < K; ++k) weights.set(t, k, oracle.weights[k], oracle.weights[k]);
      if (Oracle(all, logits.data() + t * options.num_experts).experts == oracle.experts) ++same_without;
    }
    INFO("N = " << options.num_experts << ", " << options.num_groups << " groups");
    CHECK(routed.experts == experts);
    // Groups were felt, but where they can change nothing.
    const bool idle = options.num_groups == options.groups_per_token || options.num_groups == options.num_experts;
    CHECK((idle || same_without < kT));
    const double roundings = 24 + static_cast<double>(options.num_experts) / 16 + static_cast<double>(K);
    CHECK(test::difference(ConstRows(routed.weights.data(), kT, K), weights, roundings) == "");
  }
}

TEST_CASE("routers of groups keep the laws of routers") {
  for (const TopKOptions& options : kShapes) {
    INFO("N = " << options.num_experts << ", " << options.num_groups << " groups");
    CHECK(testing::check_router_laws(TopK::create(options).value(), {.max_rows = 17}).message() == "");
  }
}

TEST_CASE("a group is worth its best expert, or its two best") {
  TopKOptions options{.num_experts = 6, .experts_per_token = 2, .scores = Scores::kSigmoid};
  options.num_groups = 3;
  const std::vector<float> logits = {3, -3, 2, 2, 1, 1};
  CHECK(route(options, logits).experts == std::vector<std::int32_t>{0, 1});
  options.group_score = GroupScore::kBestTwo;
  CHECK(route(options, logits).experts == std::vector<std::int32_t>{2, 3});
  // The bias speaks for the group too, and the weight stays the score.
  options.selection_bias = {0, 0, 0, 0, 1, 0};
  const Routed routed = route(options, logits);
  CHECK(routed.experts == std::vector<std::int32_t>{4, 5});
  CHECK(routed.weights == std::vector<float>{sigmoid(1.0f), sigmoid(1.0f)});
}

TEST_CASE("of equally good groups the lower one is taken") {
  for (const GroupScore score : {GroupScore::kBest, GroupScore::kBestTwo}) {
    TopKOptions options{.num_experts = 8, .experts_per_token = 4};
    options.num_groups = 4;
    options.groups_per_token = 2;
    options.group_score = score;
    CHECK(route(options, std::vector<float>(8, 1.0f)).experts == std::vector<std::int32_t>{0, 1, 2, 3});
    CHECK(route(options, {0, 0, 1, 0, 0, 1, 1, 0}).experts == std::vector<std::int32_t>{2, 5, 3, 4});
  }
}

TEST_CASE("barred experts count for nothing in their group, and a group of them alone is never chosen") {
  TopKOptions options{.num_experts = 6, .experts_per_token = 4, .scores = Scores::kSigmoid};
  options.num_groups = 3;
  options.groups_per_token = 2;
  options.group_score = GroupScore::kBestTwo;
  options.selection_bias = {-5, -5, 9, 9, -5, -5};
  // Sums of keys: what is left of the first, nothing, both of the last.
  const Routed routed = route(options, {0, -kInf, -kInf, -kInf, 1, 0});
  REQUIRE(routed.status.ok());
  CHECK(routed.experts == std::vector<std::int32_t>{4, 0, 5, kNoExpert});
  CHECK(routed.weights[3] == 0.0f);
  options.groups_per_token = 1;
  options.experts_per_token = 2;
  CHECK(route(options, {0, -kInf, -kInf, -kInf, 1, 0}).experts == std::vector<std::int32_t>{0, kNoExpert});
}

TEST_CASE("groups that cannot be are refused") {
  const auto with = [](std::size_t groups, std::size_t used, std::size_t K, GroupScore score = GroupScore::kBest) {
    TopKOptions options{.num_experts = 8, .experts_per_token = K};
    options.num_groups = groups;
    options.groups_per_token = used;
    options.group_score = score;
    return options;
  };
  CHECK(refused(with(3, 1, 1)).message() == "TopK::create: needed num_groups that divides 8 experts, came 3");
  CHECK(refused(with(0, 1, 1)).code() == Code::kInvalidArgument);
  CHECK(refused(with(16, 1, 1)).code() == Code::kInvalidArgument);
  CHECK(refused(with(4, 5, 1)).message() == "TopK::create: needed groups_per_token in [1, 4], came 5");
  CHECK(refused(with(4, 0, 1)).code() == Code::kInvalidArgument);
  CHECK(refused(with(4, 1, 3)).needed() == "experts_per_token at most 2, which is what groups_per_token 1 leaves");
  CHECK(refused(with(8, 2, 2, GroupScore::kBestTwo)).needed() == "two experts in each group, whose sum is its score");
  CHECK(TopK::create(with(8, 2, 2)).ok());
  CHECK(TopK::create(with(4, 1, 2, GroupScore::kBestTwo)).ok());
}
