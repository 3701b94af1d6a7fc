// SPDX-License-Identifier: Apache-2.0
#pragma once

// Routers by brute force: full sorts in double, one row at a time, by the formulas that the headers state.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <moxie/core/philox.hpp>
#include <moxie/router/router.hpp>
#include <moxie/testing/guarded_memory.hpp>

#include "support/catch.hpp"

namespace moxie::test {

inline constexpr float kInf = std::numeric_limits<float>::infinity();

struct Choice {
  std::vector<std::size_t> experts;  // best first
  std::vector<double> weights;
};

/// What a router said of T rows, through guarded memory.
struct Decided {
  Status status;
  std::vector<Choice> rows;  // the used slots
};

template <Router R>
Decided decide(const R& router, const std::vector<std::vector<float>>& logits, RouteIn in = {}) {
  const std::size_t T = logits.size();
  const std::size_t L = num_logits_of(router);
  const std::size_t K = router.experts_per_token();
  testing::GuardedRows<float> given(T, L, {.padding = 3});
  testing::GuardedRows<std::int32_t> ids(T, K, {.padding = 1});
  testing::GuardedRows<float> weights(T, K, {.padding = 2});
  for (std::size_t t = 0; t < T; ++t) std::ranges::copy(logits[t], given[t].begin());
  given.freeze();
  in.logits = std::as_const(given).view();
  testing::GuardedScratch scratch(router.scratch_bytes(T));
  Decided decided{router.route(in, {ids.view(), weights.view()}, scratch.workspace()), {}};
  CHECK(scratch.is_intact());
  CHECK(scratch.workspace().used_bytes() == 0);
  if (!decided.status.ok()) return decided;
  for (std::size_t t = 0; t < T; ++t) {
    Choice row;
    for (std::size_t slot = 0; slot < K; ++slot) {
      if (ids[t][slot] == kNoExpert) {
        CHECK(weights[t][slot] == 0.0f);
        continue;
      }
      CHECK(row.experts.size() == slot);
      row.experts.push_back(static_cast<std::size_t>(ids[t][slot]));
      row.weights.push_back(static_cast<double>(weights[t][slot]));
    }
    decided.rows.push_back(row);
  }
  return decided;
}

inline std::vector<double> softmax_of(const std::vector<float>& logits) {
  const double largest = static_cast<double>(*std::ranges::max_element(logits));
  std::vector<double> scores;
  for (const float logit : logits) scores.push_back(std::exp(static_cast<double>(logit) - largest));
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  for (double& score : scores) score /= sum;
  return scores;
}

/// The `count` best by `keys`, ties to the lower id, of those that `logits` do not bar.
inline std::vector<std::size_t> best_of(const std::vector<float>& logits, const std::vector<double>& keys,
                                        std::size_t count) {
  std::vector<std::size_t> order;
  for (std::size_t e = 0; e < keys.size(); ++e) {
    if (logits[e] != -kInf) order.push_back(e);
  }
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return keys[a] > keys[b]; });
  order.resize(std::min(count, order.size()));
  return order;
}

inline std::vector<double> weights_of(const std::vector<double>& scores, const std::vector<std::size_t>& experts,
                                      bool normalised, double scale = 1.0) {
  double sum = 0;
  for (const std::size_t e : experts) sum += scores[e];
  std::vector<double> weights;
  for (const std::size_t e : experts) weights.push_back(scores[e] / (normalised && sum > 0 ? sum : 1.0) * scale);
  return weights;
}

/// By weight, ties to the lower id.
inline void sort_choice(Choice& choice) {
  std::vector<std::size_t> order(choice.experts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    if (choice.weights[a] != choice.weights[b]) return choice.weights[a] > choice.weights[b];
    return choice.experts[a] < choice.experts[b];
  });
  Choice sorted;
  for (const std::size_t i : order) {
    sorted.experts.push_back(choice.experts[i]);
    sorted.weights.push_back(choice.weights[i]);
  }
  choice = sorted;
}

/// Weights of a softmax of N floats: an exponential, a sum over lanes and two divisions, each rounded, and as many
/// more for a normalised sum.
inline void check_same(const Choice& came, const Choice& expected, std::size_t N, const std::string& where) {
  INFO(where);
  CHECK(came.experts == expected.experts);
  if (came.experts != expected.experts) return;
  const double roundings = static_cast<double>(N) + 24.0;
  for (std::size_t i = 0; i < came.weights.size(); ++i) {
    CHECK(std::abs(came.weights[i] - expected.weights[i]) <=
          std::abs(expected.weights[i]) * roundings * std::ldexp(1.0, -24) + std::ldexp(1.0, -126));
  }
}

/// Rows that are hard to choose from: random ones, many exact ties, all equal, barred experts, steep ones. Every logit
/// is a multiple of 1/8, so that what is equal in double is equal in f32 and nothing else is nearly so.
inline std::vector<std::vector<float>> hard_logits(std::size_t T, std::size_t N, std::uint64_t seed) {
  const Philox random(seed);
  std::vector<std::vector<float>> rows(T, std::vector<float>(N));
  for (std::size_t t = 0; t < T; ++t) {
    for (std::size_t e = 0; e < N; ++e) {
      const auto drawn = random.block(t * N + e);
      const float uniform = 2.0f * Philox::uniform(drawn[0]) - 1.0f;
      float value = std::floor(uniform * 32.0f) / 8.0f;
      if (t % 6 == 1) value = std::floor(uniform * 2.0f);                // three values
      if (t % 6 == 2) value = 0.5f;                                      // all equal
      if (t % 6 == 3 && drawn[1] % 3 == 0 && e != t % N) value = -kInf;  // some barred
      if (t % 6 == 4) value = e == t % N ? 20.0f : value;                // one sure
      if (t % 6 == 5) value = e % 2 == 0 ? -0.0f : 0.0f;                 // zeros of both signs
      rows[t][e] = value;
    }
  }
  return rows;
}

/// What no router can choose from, each in an otherwise good row.
template <Router R>
void check_refuses_bad_logits(const R& router, RouteIn in = {}) {
  const std::size_t N = num_logits_of(router);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(), kInf}) {
    auto rows = hard_logits(3, N, 9);
    rows[1][N - 1] = bad;
    const Decided decided = decide(router, rows, in);
    CHECK(decided.status.code() == Code::kInvalidArgument);
    CHECK(decided.status.message().find("row 1") != std::string_view::npos);
  }
  auto rows = hard_logits(3, N, 9);
  rows[2].assign(N, -kInf);
  CHECK(decide(router, rows, in).status.code() == Code::kInvalidArgument);
}

}  // namespace moxie::test
