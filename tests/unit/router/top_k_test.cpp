// SPDX-License-Identifier: Apache-2.0
#include <moxie/router/top_k.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/workers.hpp"

using namespace moxie;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Routed {
  Status status;
  std::vector<std::int32_t> experts;
  std::vector<float> weights;
};

Routed route(const TopK& router, std::vector<float> logits) {
  const std::size_t N = router.num_experts();
  const std::size_t K = router.experts_per_token();
  const std::size_t T = logits.size() / N;
  Routed routed{{}, std::vector<std::int32_t>(T * K, -7), std::vector<float>(T * K, -7.0f)};
  testing::GuardedScratch scratch(router.scratch_bytes(T));
  routed.status =
      router.route({.logits = ConstRows(logits.data(), T, N)},
                   {IdRows(routed.experts.data(), T, K), Rows(routed.weights.data(), T, K)}, scratch.workspace());
  CHECK(scratch.is_intact());
  return routed;
}

// The choice and its weights by brute force, in double: sort everything, take the first K.
struct Oracle {
  std::vector<std::int32_t> experts;
  std::vector<double> weights;

  Oracle(const TopKOptions& options, const float* logits) {
    const std::size_t N = options.num_experts;
    std::vector<double> scores(N);
    const double largest = static_cast<double>(*std::max_element(logits, logits + N));
    double sum = 0.0;
    for (std::size_t e = 0; e < N; ++e) {
      const double x = static_cast<double>(logits[e]);
      scores[e] = options.scores == Scores::kSoftmax ? std::exp(x - largest) : 1.0 / (1.0 + std::exp(-x));
      sum += scores[e];
    }
    if (options.scores == Scores::kSoftmax) {
      for (double& s : scores) s /= sum;
    }
    std::vector<std::size_t> order(N);
    std::iota(order.begin(), order.end(), 0u);
    const auto key = [&](std::size_t e) {
      return scores[e] + (options.selection_bias.empty() ? 0.0 : static_cast<double>(options.selection_bias[e]));
    };
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) > key(b); });
    double chosen = 0.0;
    for (std::size_t k = 0; k < options.experts_per_token; ++k) chosen += scores[order[k]];
    for (std::size_t k = 0; k < options.experts_per_token; ++k) {
      experts.push_back(static_cast<std::int32_t>(order[k]));
      weights.push_back(scores[order[k]] / (options.normalised ? chosen : 1.0) * static_cast<double>(options.scale));
    }
  }
};

}  // namespace

TEST_CASE("top-k refuses sizes that make no sense") {
  CHECK(TopK::create({.num_experts = 0, .experts_per_token = 1}).status().code() == Code::kInvalidArgument);
  CHECK(TopK::create({.num_experts = 4, .experts_per_token = 0}).status().code() == Code::kInvalidArgument);
  CHECK(TopK::create({.num_experts = std::size_t{1} << 31, .experts_per_token = 1}).status().code() ==
        Code::kInvalidArgument);
  const Status too_many = TopK::create({.num_experts = 4, .experts_per_token = 5}).status();
  CHECK(too_many.message() == "TopK::create: needed experts_per_token in [1, 4], came 5");
  CHECK(TopK::create({.num_experts = 4, .experts_per_token = 4}).ok());
}

TEST_CASE("top-k refuses a scale or a bias that is not finite, and a bias of another size") {
  TopKOptions options{.num_experts = 2, .experts_per_token = 1};
  options.scale = kInf;
  CHECK(TopK::create(options).status().code() == Code::kInvalidArgument);
  options.scale = kNan;
  CHECK(TopK::create(options).status().code() == Code::kInvalidArgument);
  options.scale = 1.0f;
  options.selection_bias = {1.0f};
  CHECK(TopK::create(options).status().code() == Code::kInvalidArgument);
  options.selection_bias = {1.0f, kNan};
  CHECK(TopK::create(options).status().came() == "nan for expert 1");
}

TEST_CASE("top-k agrees with sorting everything in double") {
  for (const Scores scores : {Scores::kSoftmax, Scores::kSigmoid}) {
    for (const bool normalised : {false, true}) {
      for (const bool biased : {false, true}) {
        for (const std::size_t N : {1u, 2u, 3u, 8u, 11u, 128u}) {
          for (const std::size_t K : {std::size_t{1}, std::min<std::size_t>(N, 2), std::min<std::size_t>(N, 8), N}) {
            TopKOptions options{.num_experts = N, .experts_per_token = K, .scores = scores, .normalised = normalised};
            options.scale = biased ? 2.5f : 1.0f;
            if (biased) {
              options.selection_bias.resize(N);
              test::fill_random(Rows(options.selection_bias.data(), 1, N), 9);
            }
            constexpr std::size_t kT = 5;
            std::vector<float> logits(kT * N);
            test::fill_random(Rows(logits.data(), kT, N), N * 100 + K);
            for (float& x : logits) x *= 4.0f;

            const Routed routed = route(TopK::create(options).value(), logits);
            REQUIRE(routed.status.ok());
            test::Reference weights(kT, K);
            std::vector<std::int32_t> experts;
            for (std::size_t t = 0; t < kT; ++t) {
              const Oracle oracle(options, logits.data() + t * N);
              experts.insert(experts.end(), oracle.experts.begin(), oracle.experts.end());
              for (std::size_t k = 0; k < K; ++k) weights.set(t, k, oracle.weights[k], oracle.weights[k]);
            }
            INFO("N = " << N << ", K = " << K << ", normalised " << normalised << ", biased " << biased);
            CHECK(routed.experts == experts);
            // x - max and exp above and below the division, two sums, two divisions, a product.
            const double roundings = 24 + static_cast<double>(N) / 16 + static_cast<double>(K);
            CHECK(test::difference(ConstRows(routed.weights.data(), kT, K), weights, roundings) == "");
          }
        }
      }
    }
  }
}

TEST_CASE("equal scores go to the lower expert first") {
  const TopK router = TopK::create({.num_experts = 6, .experts_per_token = 4}).value();
  CHECK(route(router, {0, 0, 0, 0, 0, 0}).experts == std::vector<std::int32_t>{0, 1, 2, 3});
  CHECK(route(router, {1, 2, 1, 2, 1, 2}).experts == std::vector<std::int32_t>{1, 3, 5, 0});
  CHECK(route(router, {-0.0f, 0.0f, 0, 0, 0, 5}).experts == std::vector<std::int32_t>{5, 0, 1, 2});
}

TEST_CASE("equal logits share the weight exactly") {
  const TopK router = TopK::create({.num_experts = 8, .experts_per_token = 4, .normalised = true}).value();
  CHECK(route(router, std::vector<float>(8, 3.0f)).weights == std::vector<float>(4, 0.25f));
  const TopK plain = TopK::create({.num_experts = 8, .experts_per_token = 2}).value();
  CHECK(route(plain, std::vector<float>(8, 3.0f)).weights == std::vector<float>(2, 0.125f));
}

TEST_CASE("a selection bias changes who is chosen and not the weight") {
  TopKOptions options{.num_experts = 3, .experts_per_token = 2, .scores = Scores::kSigmoid};
  options.selection_bias = {0.0f, 0.0f, 10.0f};
  const Routed routed = route(TopK::create(options).value(), {1.0f, 0.0f, -1.0f});
  CHECK(routed.experts == std::vector<std::int32_t>{2, 0});
  CHECK(routed.weights == std::vector<float>{sigmoid(-1.0f), sigmoid(1.0f)});
}

TEST_CASE("a logit of -infinity bars its expert and leaves slots unused") {
  for (const Scores scores : {Scores::kSoftmax, Scores::kSigmoid}) {
    TopKOptions options{.num_experts = 4, .experts_per_token = 3, .scores = scores, .normalised = true};
    options.selection_bias = {0.0f, 100.0f, 0.0f, 0.0f};
    const Routed routed = route(TopK::create(options).value(), {2.0f, -kInf, 2.0f, -kInf});
    REQUIRE(routed.status.ok());
    CHECK(routed.experts == std::vector<std::int32_t>{0, 2, kNoExpert});
    CHECK(routed.weights == std::vector<float>{0.5f, 0.5f, 0.0f});
  }
}

TEST_CASE("logits nobody can choose from are an error that names the place") {
  const TopK router = TopK::create({.num_experts = 3, .experts_per_token = 1}).value();
  const Status nan = route(router, {0, 0, 0, 0, kNan, 0}).status;
  CHECK(nan.code() == Code::kInvalidArgument);
  CHECK(nan.needed() == "a logit below infinity at row 1, expert 1");
  CHECK(nan.came() == "nan");
  CHECK(route(router, {0, 0, kInf}).status.needed() == "a logit below infinity at row 0, expert 2");
  CHECK(route(router, {0, 0, 0, -kInf, -kInf, -kInf}).status.needed() == "a logit above -infinity at row 1");
}

TEST_CASE("huge and tiny logits keep their order") {
  const TopK router = TopK::create({.num_experts = 4, .experts_per_token = 2, .normalised = true}).value();
  const Routed huge = route(router, {3e38f, -3e38f, 0.0f, 3e38f});
  CHECK(huge.experts == std::vector<std::int32_t>{0, 3});
  CHECK(huge.weights == std::vector<float>{0.5f, 0.5f});
}

TEST_CASE("normalised weights of scores that are all 0 are 0") {
  TopKOptions options{.num_experts = 2, .experts_per_token = 2, .scores = Scores::kSigmoid, .normalised = true};
  const Routed routed = route(TopK::create(options).value(), {-200.0f, -300.0f});
  CHECK(routed.status.ok());
  CHECK(routed.weights == std::vector<float>{0.0f, 0.0f});
}

TEST_CASE("no rows are routed to nobody") {
  const TopK router = TopK::create({.num_experts = 3, .experts_per_token = 2}).value();
  Workspace nothing;
  CHECK(router.route({.logits = ConstRows(nullptr, 0, 3)}, {IdRows(nullptr, 0, 2), Rows(nullptr, 0, 2)}, nothing).ok());
}

TEST_CASE("top-k says which shape it needed") {
  const TopK router = TopK::create({.num_experts = 3, .experts_per_token = 2}).value();
  std::vector<float> logits(8), weights(8);
  std::vector<std::int32_t> ids(8);
  testing::GuardedScratch scratch(router.scratch_bytes(2));
  const auto message = [&](const RouteIn& in, const RouteOut& out) {
    return std::string(router.route(in, out, scratch.workspace()).message());
  };
  const ConstRows good(logits.data(), 2, 3);
  const IdRows experts(ids.data(), 2, 2);
  const Rows room(weights.data(), 2, 2);
  CHECK(message({.logits = {logits.data(), 2, 4}}, {experts, room}) ==
        "TopK::route: needed logits of [2, 3], came [2, 4]");
  CHECK(message({.logits = good}, {{ids.data(), 1, 2}, room}) ==
        "TopK::route: needed room for experts of [2, 2], came [1, 2]");
  CHECK(message({.logits = good}, {experts, {weights.data(), 2, 1}}) ==
        "TopK::route: needed room for weights of [2, 2], came [2, 1]");
  const Position one[] = {0};
  CHECK(message({.logits = good, .positions = one}, {experts, room}) ==
        "TopK::route: needed positions for 2 rows, or none, came 1");
  const std::uint8_t two[] = {1, 1};
  CHECK(message({.logits = good, .resident = two}, {experts, room}) ==
        "TopK::route: needed residency of 3 experts, or none, came 2");
  CHECK(message({.logits = good, .hidden = {logits.data(), 1, 4}}, {experts, room}) ==
        "TopK::route: needed hidden rows for 2 rows of logits, or none, came 1");
  CHECK(message({.logits = good}, {experts, room}).empty());
}
