// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <moxie/core/philox.hpp>
#include <moxie/kernel/sampling.hpp>

// Sampling as its header describes it, the long way: in double, with whole sorts and a new vector for each step.

namespace moxie::test {

struct ReferenceToken {
  std::size_t id;
  double logit;
  double p;
};

class ReferenceSampler {
 public:
  explicit ReferenceSampler(const Sampling& sampling) : s_(sampling) {}

  /// Whether a decision was closer than rounding: then another answer may be as right.
  [[nodiscard]] bool close() const { return close_; }

  /// Steps 1 and 2. Floats, because that is what a logit is.
  [[nodiscard]] std::vector<float> adjusted(std::vector<float> logits, const std::vector<TokenId>& history) const {
    const float never = -std::numeric_limits<float>::infinity();
    for (const LogitBias& b : s_.logit_bias) logits[std::size_t(b.token)] += b.bias;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const auto named = [&](const std::vector<TokenId>& list) {
        return std::count(list.begin(), list.end(), TokenId(i)) > 0;
      };
      if (named(s_.banned) || (!s_.allowed.empty() && !named(s_.allowed))) logits[i] = never;
    }
    const std::size_t first = history.size() - std::min(history.size(), s_.penalty_tokens);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const auto times = std::count(history.begin() + std::ptrdiff_t(first), history.end(), TokenId(i));
      if (times == 0 || logits[i] == never) continue;
      double x = double(logits[i]);
      x = x > 0 ? x / s_.repetition_penalty : x * s_.repetition_penalty;
      x = x - (double(times) * s_.frequency_penalty + s_.presence_penalty);
      logits[i] = float(x);
    }
    return logits;
  }

  /// Steps 4 to 7: what may be drawn, by id.
  std::vector<ReferenceToken> kept(const std::vector<float>& logits) {
    std::vector<ReferenceToken> all;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (!std::isinf(logits[i])) all.push_back({i, double(logits[i]), 0});
    }
    std::sort(all.begin(), all.end(), [](const ReferenceToken& a, const ReferenceToken& b) {
      return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
    });
    if (s_.top_k != 0 && s_.top_k < all.size()) all.resize(s_.top_k);
    normalise(all);
    if (s_.top_p < 1) keep_until(all, s_.top_p);
    if (s_.min_p > 0) {
      const double least = s_.min_p * all[0].p;
      for (const ReferenceToken& t : all) {
        const bool exact = s_.min_p == 1 && t.logit == all[0].logit;
        if (!exact && std::abs(t.p - least) <= 1e-12 * least) close_ = true;
      }
      std::erase_if(all, [&](const ReferenceToken& t) { return t.p < least; });
    }
    normalise(all);
    if (s_.typical_p < 1) {
      double entropy = 0;
      for (const ReferenceToken& t : all) entropy -= t.p > 0 ? t.p * std::log(t.p) : 0;
      const auto distance = [&](const ReferenceToken& t) { return std::abs(-std::log(t.p) - entropy); };
      std::sort(all.begin(), all.end(), [&](const ReferenceToken& a, const ReferenceToken& b) {
        const double x = distance(a);
        const double y = distance(b);
        return x != y ? x < y : a.id < b.id;
      });
      // Two sides of the expected surprise may be as far away, but for rounding.
      for (std::size_t i = 1; i < all.size(); ++i) {
        const double apart = std::abs(distance(all[i]) - distance(all[i - 1]));
        if (all[i].logit != all[i - 1].logit && apart <= 1e-12 * (1 + entropy)) close_ = true;
      }
      keep_until(all, s_.typical_p);
    }
    normalise(all);
    std::sort(all.begin(), all.end(), [](const ReferenceToken& a, const ReferenceToken& b) { return a.id < b.id; });
    return all;
  }

  TokenId draw(const std::vector<ReferenceToken>& tokens, std::size_t position) {
    const auto words = Philox(s_.seed).block(position);
    const double u = double((std::uint64_t{words[0]} << 32U | words[1]) >> 11U) / 9007199254740992.0;
    double sum = 0;
    for (const ReferenceToken& t : tokens) {
      sum += t.p;
      if (std::abs(sum - u) < 1e-12) close_ = true;
      if (sum > u) return TokenId(t.id);
    }
    close_ = true;
    return TokenId(tokens.back().id);
  }

  TokenId sample(const std::vector<float>& raw, const std::vector<TokenId>& history) {
    close_ = false;
    const std::vector<float> logits = adjusted(raw, history);
    if (s_.temperature == 0) {
      return TokenId(std::max_element(logits.begin(), logits.end()) - logits.begin());
    }
    return draw(kept(logits), history.size());
  }

 private:
  void normalise(std::vector<ReferenceToken>& tokens) const {
    double largest = -std::numeric_limits<double>::infinity();
    for (const ReferenceToken& t : tokens) largest = std::max(largest, t.logit);
    double sum = 0;
    for (ReferenceToken& t : tokens) sum += t.p = std::exp((t.logit - largest) / s_.temperature);
    for (ReferenceToken& t : tokens) t.p /= sum;
  }
  void keep_until(std::vector<ReferenceToken>& tokens, double share) {
    double sum = 0;
    std::size_t n = 0;
    while (n < tokens.size() && sum < share) {
      sum += tokens[n++].p;
      if (std::abs(sum - share) < 1e-12) close_ = true;
    }
    tokens.resize(n);
  }

  Sampling s_;
  bool close_ = false;
};

/// Each step alone, and together.
inline std::vector<Sampling> steps_for(std::size_t V) {
  const auto id = [V](std::size_t i) { return TokenId(i % V); };
  std::vector<Sampling> steps(25);
  std::size_t i = 0;
  steps[i++] = {.temperature = 0};
  steps[i++] = {.temperature = 1};
  steps[i++] = {.temperature = 0.3};
  steps[i++] = {.temperature = 25};
  steps[i++] = {.temperature = 1e-300};
  steps[i++] = {.temperature = 1, .top_k = 1};
  steps[i++] = {.temperature = 1, .top_k = 5};
  steps[i++] = {.temperature = 2, .top_k = 250};
  steps[i++] = {.temperature = 2, .top_k = 2500};
  steps[i++] = {.temperature = 1, .top_p = 0.5};
  steps[i++] = {.temperature = 1, .top_p = 0.95};
  steps[i++] = {.temperature = 3, .top_p = 1e-9};
  steps[i++] = {.temperature = 1, .min_p = 0.1};
  steps[i++] = {.temperature = 4, .min_p = 1};
  steps[i++] = {.temperature = 1, .typical_p = 0.5};
  steps[i++] = {.temperature = 2, .typical_p = 0.97};
  steps[i++] = {.temperature = 1, .repetition_penalty = 1.3};
  steps[i++] = {.temperature = 0, .repetition_penalty = 0.7};
  steps[i++] = {.temperature = 1, .frequency_penalty = 0.5, .presence_penalty = -0.3};
  steps[i++] = {.temperature = 0, .frequency_penalty = 2, .penalty_tokens = 3};
  steps[i++] = {.temperature = 1,
                .logit_bias = {{id(0), 2.5f}, {id(3), -std::numeric_limits<float>::infinity()}, {id(7), -1}}};
  steps[i++] = {.temperature = 1, .banned = {id(1), id(2), id(4)}};
  steps[i++] = {.temperature = 1, .allowed = {id(9), id(0), id(5), id(0)}};
  steps[i++] = {.temperature = 0.8, .top_k = 40, .top_p = 0.9, .min_p = 0.05, .typical_p = 0.9};
  steps[i++] = {.temperature = 1.2,
                .top_k = 100,
                .top_p = 0.8,
                .repetition_penalty = 1.1,
                .presence_penalty = 1,
                .banned = {id(1)}};
  return steps;
}

}  // namespace moxie::test
