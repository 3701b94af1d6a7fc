// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include <moxie/kernel/sampling.hpp>

#include "sampling_reference.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Bench {
  Sampler sampler;
  std::vector<std::byte> memory;
  std::vector<TokenLogprob> top;

  Bench(const Sampling& sampling, std::size_t V)
      : sampler(Sampler::create(sampling, V).value()),
        memory(sampler.scratch_bytes() + 63),
        top(sampling.logprobs.value_or(0)) {}

  Result<Sampled> operator()(std::vector<float> logits, const std::vector<TokenId>& history = {}) {
    Workspace ws(memory);
    return sampler.sample(logits, history, ws, top);
  }
};

/// Logits of many shapes: as a model gives them, ties, infinities, one token, all equal, huge ranges.
std::vector<std::vector<float>> shapes_of_logits(std::uint64_t seed) {
  const Philox random(seed);
  std::uint64_t next = 0;
  const auto uniform = [&]() { return Philox::uniform(random.block(next++)[0]); };
  const auto make = [&](std::size_t n, auto&& f) {
    std::vector<float> x(n);
    for (float& v : x) v = f();
    return x;
  };
  std::vector<std::vector<float>> shapes;
  shapes.push_back(make(1, [] { return -3.0f; }));
  shapes.push_back(make(2, [] { return 0.0f; }));
  shapes.push_back(make(300, [] { return 1.5f; }));
  for (const std::size_t n : std::vector<std::size_t>{3, 7, 64, 255, 257, 1000, 5000}) {
    shapes.push_back(make(n, [&] { return 8 * (uniform() + uniform() + uniform() - 1.5f); }));
    shapes.push_back(make(n, [&] { return std::floor(4 * uniform()) - 2; }));             // ties
    shapes.push_back(make(n, [&] { return uniform() < 0.7f ? -kInf : 5 * uniform(); }));  // mostly barred
    shapes.push_back(make(n, [&] { return (uniform() - 0.5f) * 2e38f; }));                // huge
    shapes.push_back(make(n, [&] { return (uniform() - 0.5f) * 1e-38f; }));               // tiny
    shapes.push_back(make(n, [&] { return -std::exp(20 * uniform()); }));                 // a long tail
    shapes.push_back(make(n, [&, i = 0]() mutable { return float(i++) * 0.01f; }));       // ascending
    shapes.push_back(make(n, [&] { return uniform() < 0.5f ? -0.0f : 0.0f; }));           // two zeros
    shapes.back().back() = std::numeric_limits<float>::denorm_min();
    shapes.push_back(make(n, [&] { return std::ldexp(-1.0f, -int(140 * uniform())); }));  // ever closer to one value
    shapes.push_back(make(n, [&] { return (uniform() < 0.5f ? 1.0f : -1.0f) + 1e-6f * std::floor(20 * uniform()); }));
    shapes.back().front() = -300;  // far from the two heaps
  }
  for (auto& shape : shapes) {
    if (std::count(shape.begin(), shape.end(), -kInf) == std::ptrdiff_t(shape.size())) shape[0] = 1;
  }
  return shapes;
}

/// Some of the tokens, some often.
std::vector<TokenId> some_history(std::size_t n, std::size_t V) {
  std::vector<TokenId> history(n);
  for (std::size_t i = 0; i < n; ++i) history[i] = TokenId((i * i + i / 3) % V);
  return history;
}

}  // namespace

TEST_CASE("every step of sampling chooses what the long way in double chooses") {
  std::size_t compared = 0;
  std::size_t close = 0;
  for (std::vector<float>& logits : shapes_of_logits(11)) {
    const std::size_t V = logits.size();
    const std::vector<Sampling> steps = steps_for(V);
    for (std::size_t step = 0; step < steps.size(); ++step) {
      Sampling sampling = steps[step];
      sampling.seed = 1000 + step;
      ReferenceSampler reference(sampling);
      Bench bench(sampling, V);
      const std::size_t draws = V > 500 ? 4 : 12;
      for (std::size_t position = 0; position < draws; ++position) {
        const std::vector<TokenId> history = some_history(position * 3, V);
        const std::vector<float> adjusted = reference.adjusted(logits, history);
        if (*std::max_element(adjusted.begin(), adjusted.end()) == -kInf) {
          CHECK(bench(logits, history).status().code() == Code::kInvalidArgument);
          continue;
        }
        const TokenId expected = reference.sample(logits, history);
        if (reference.close()) {
          ++close;
          continue;
        }
        ++compared;
        const auto sampled = bench(logits, history);
        if (!sampled.ok() || sampled->token != expected) {
          CAPTURE(V, step, position, expected);
          CHECK(sampled.status().message() == "");
          CHECK(sampled->token == expected);
        }
      }
    }
  }
  CAPTURE(compared, close);
  CHECK(compared > 8000);
  CHECK(close * 12 < compared);  // ties in probability: all logits equal, or two sides of an expected surprise
}

TEST_CASE("drawn tokens come as often as their probabilities say") {
  const std::vector<float> logits = {0.0f, 1.0f, -1.0f, 2.0f, -kInf, 0.5f, 0.5f, -3.0f};
  const Sampling sampling{.temperature = 0.9, .top_k = 6, .seed = 77};
  ReferenceSampler reference(sampling);
  const std::vector<ReferenceToken> kept = reference.kept(logits);
  Bench bench(sampling, logits.size());
  constexpr std::size_t kDraws = 100'000;
  std::map<TokenId, std::size_t> counts;
  std::vector<TokenId> history;
  history.reserve(kDraws);
  for (std::size_t i = 0; i < kDraws; ++i) {
    ++counts[bench(logits, history)->token];
    history.push_back(0);
  }
  double chi_square = 0;
  for (const ReferenceToken& token : kept) {
    const double expected = token.p * double(kDraws);
    chi_square += std::pow(double(counts[TokenId(token.id)]) - expected, 2) / expected;
  }
  CHECK(counts.size() == kept.size());
  CHECK(chi_square < 20.5);  // 5 degrees of freedom: more than that comes once in a thousand seeds
}

TEST_CASE("a step that removes nothing changes no draw") {
  for (const std::vector<float>& logits : shapes_of_logits(5)) {
    const std::size_t V = logits.size();
    Bench plain({.temperature = 1, .seed = 3}, V);
    Bench all({.temperature = 1, .top_k = V, .seed = 3}, V);
    Bench most({.temperature = 1, .min_p = 1e-300, .seed = 3}, V);
    Bench same_bias({.temperature = 1, .logit_bias = {{0, 0.0f}}, .seed = 3}, V);
    for (std::size_t position = 0; position < 20; ++position) {
      const std::vector<TokenId> history(position);
      const TokenId token = plain(logits, history)->token;
      CHECK(all(logits, history)->token == token);
      CHECK(most(logits, history)->token == token);
      CHECK(same_bias(logits, history)->token == token);
    }
  }
}

TEST_CASE("log probabilities are those of the logits before any step") {
  for (const std::vector<float>& logits : shapes_of_logits(9)) {
    const std::size_t V = logits.size();
    const std::size_t n = std::min<std::size_t>(5, V);
    Bench bench({.temperature = 0.5, .top_k = 3, .repetition_penalty = 1.5, .logprobs = n}, V);
    const auto sampled = bench(logits, {0, 0});
    REQUIRE(sampled.ok());
    double largest = -HUGE_VAL;
    for (const float x : logits) largest = std::max(largest, double(x));
    double sum = 0;
    for (const float x : logits) sum += std::exp(double(x) - largest);
    const double log_total = largest + std::log(sum);
    const auto wanted = [&](TokenId id) { return double(logits[std::size_t(id)]) - log_total; };
    const double bound = 1e-12 * (1 + std::abs(largest));
    CHECK(std::abs(sampled->logprob - wanted(sampled->token)) <= bound);
    std::vector<TokenId> order(V);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](TokenId a, TokenId b) { return logits[std::size_t(a)] > logits[std::size_t(b)]; });
    std::erase_if(order, [&](TokenId id) { return logits[std::size_t(id)] == -kInf; });
    REQUIRE(sampled->n_top == std::min(n, order.size()));
    for (std::size_t i = 0; i < sampled->n_top; ++i) {
      CHECK(bench.top[i].token == order[i]);
      CHECK(std::abs(bench.top[i].logprob - wanted(order[i])) <= bound);
    }
  }
}

TEST_CASE("what cannot be sampled is an error that says where") {
  Bench bench({.temperature = 1}, 5);
  auto sampled = bench({0, 1, std::nanf(""), 3, 4});
  CHECK(sampled.status().code() == Code::kInvalidArgument);
  CHECK(sampled.status().came() == "nan for token 2");
  CHECK(bench({0, 1, 2, 3, kInf}).status().came() == "inf for token 4");
  CHECK(bench({-kInf, -kInf, -kInf, -kInf, -kInf}).status().needed() == "a token that may be chosen");
  CHECK(bench({0, 1}).status().code() == Code::kInvalidArgument);
  CHECK(bench({-kInf, -kInf, 1, -kInf, -kInf})->token == 2);

  Bench banned({.temperature = 0, .banned = {0, 2, 3, 4}, .allowed = {0, 2}}, 5);
  CHECK(banned({0, 1, 2, 3, 4}).status().needed() == "a token that may be chosen");
  Bench greedy({}, 5);
  CHECK(greedy({0, 1, std::nanf(""), 3, 4}).status().code() == Code::kInvalidArgument);

  // Penalties and biases that overflow stay finite: the token is still the best, or the worst.
  Bench great({.temperature = 0, .repetition_penalty = 1e-30}, 3);
  CHECK(great({1, 3e38f, 2}, {1})->token == 1);
  Bench small({.temperature = 1, .frequency_penalty = 1e300}, 2);
  CHECK(small({-1, -3e38f}, {0, 1, 1})->token >= 0);

  const auto create = [](const Sampling& sampling) { return Sampler::create(sampling, 10).status().code(); };
  CHECK(create({}) == Code::kOk);
  for (const Sampling& wrong : std::vector<Sampling>{{.temperature = -1},
                                                     {.temperature = std::nan("")},
                                                     {.temperature = HUGE_VAL},
                                                     {.top_p = 0},
                                                     {.top_p = 1.1},
                                                     {.top_p = std::nan("")},
                                                     {.min_p = -0.1},
                                                     {.min_p = 2},
                                                     {.typical_p = 0},
                                                     {.repetition_penalty = 0},
                                                     {.repetition_penalty = HUGE_VAL},
                                                     {.frequency_penalty = std::nan("")},
                                                     {.presence_penalty = HUGE_VAL},
                                                     {.logit_bias = {{10, 0.0f}}},
                                                     {.logit_bias = {{1, kInf}}},
                                                     {.logit_bias = {{1, std::nanf("")}}},
                                                     {.banned = {-1}},
                                                     {.allowed = {10}},
                                                     {.logprobs = 11}}) {
    CHECK(create(wrong) == Code::kInvalidArgument);
  }
  CHECK(Sampler::create({}, 0).status().code() == Code::kInvalidArgument);

  std::vector<std::byte> memory(100);
  Workspace ws(memory);
  std::vector<float> logits(1000);
  CHECK(Sampler::create({.temperature = 1, .top_p = 0.5}, 1000)->sample(logits, {}, ws).status().code() ==
        Code::kNoSpace);
  CHECK(Sampler::create({.logprobs = 3}, 1000)->sample(logits, {}, ws).status().code() == Code::kShape);
}
