// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <vector>

#include <moxie/kernel/sampling.hpp>

#include "sampling_reference.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Drawn {
  Result<Sampled> sampled;
  std::vector<TokenLogprob> top;
  std::vector<float> logits;  ///< as sampling left them
};

Drawn draw(const Sampling& sampling, std::vector<float> logits, const std::vector<TokenId>& history,
           ConstTokenMask mask = {}) {
  const Sampler sampler = Sampler::create(sampling, logits.size()).value();
  std::vector<std::byte> memory(sampler.scratch_bytes() + 63);
  Workspace ws(memory);
  std::vector<TokenLogprob> top(sampling.logprobs.value_or(0));
  auto sampled = sampler.sample(logits, history, ws, top, mask);
  return {std::move(sampled), std::move(top), std::move(logits)};
}

void check_equal(const Drawn& a, const Drawn& b) {
  REQUIRE(a.sampled.ok() == b.sampled.ok());
  CHECK(a.sampled.status().code() == b.sampled.status().code());
  if (a.sampled.ok()) {
    CHECK(a.sampled->token == b.sampled->token);
    CHECK(a.sampled->logprob == b.sampled->logprob);
    CHECK(a.sampled->n_top == b.sampled->n_top);
    for (std::size_t i = 0; i < a.sampled->n_top; ++i) {
      CHECK(a.top[i].token == b.top[i].token);
      CHECK(a.top[i].logprob == b.top[i].logprob);
    }
  }
  CHECK(a.logits == b.logits);
}

struct Mask {
  std::vector<std::uint64_t> words;
  TokenMask bits;
  explicit Mask(std::size_t V) : words(TokenMask::words_for(V)), bits(words, V) {}
};

}  // namespace

TEST_CASE("a mask has one bit for each token, and none behind the last one counts") {
  CHECK(TokenMask::words_for(0) == 0);
  CHECK(TokenMask::words_for(1) == 1);
  CHECK(TokenMask::words_for(64) == 1);
  CHECK(TokenMask::words_for(65) == 2);
  for (const std::size_t V : std::vector<std::size_t>{1, 63, 64, 65, 128, 200}) {
    Mask mask(V);
    CHECK(!mask.bits.any());
    for (std::size_t token = 0; token < V; ++token) {
      mask.bits.set(TokenId(token));
      CHECK(mask.bits.any());
      for (std::size_t other = 0; other < V; ++other) CHECK(mask.bits.test(TokenId(other)) == (other == token));
      mask.bits.clear(TokenId(token));
      CHECK(!mask.bits.any());
    }
    mask.bits.fill(true);
    for (std::size_t token = 0; token < V; ++token) mask.bits.clear(TokenId(token));
    CHECK(!ConstTokenMask(mask.bits).any());
  }
  CHECK(ConstTokenMask().any());
}

TEST_CASE("a mask chooses what a bias of -infinity on the other tokens chooses, bit for bit") {
  const Philox random(91);
  std::uint64_t next = 0;
  const auto uniform = [&] { return Philox::uniform(random.block(next++)[0]); };
  std::size_t chosen = 0;
  for (const std::size_t V : std::vector<std::size_t>{5, 64, 300, 1000}) {
    for (const Sampling& step : steps_for(V)) {
      for (const float share : {0.02f, 0.5f, 0.97f}) {
        Sampling sampling = step;
        sampling.seed = next;
        if (share == 0.5f) sampling.logprobs = 3;
        std::vector<float> logits(V);
        for (float& x : logits) x = uniform() < 0.1f ? -kInf : 9 * (uniform() + uniform() - 1);
        logits[0] = 1;
        const std::vector<TokenId> history = {TokenId(V / 2), TokenId(V / 3), TokenId(V / 2)};
        Mask mask(V);
        Sampling biased = sampling;
        for (std::size_t token = 0; token < V; ++token) {
          if (token == 0 || uniform() < share) {
            mask.bits.set(TokenId(token));
          } else {
            biased.logit_bias.push_back({TokenId(token), -kInf});
          }
        }
        const Drawn masked = draw(sampling, logits, history, mask.bits);
        check_equal(masked, draw(biased, logits, history));
        if (!masked.sampled.ok()) continue;
        ++chosen;
        CHECK(mask.bits.test(masked.sampled->token));
      }
    }
  }
  CHECK(chosen > 280);  // of 300; the others have banned what is left
}

TEST_CASE("a mask of all tokens changes no bit") {
  for (const std::size_t V : std::vector<std::size_t>{5, 64, 300}) {
    std::vector<float> logits(V);
    for (std::size_t i = 0; i < V; ++i) logits[i] = float((i * 7919) % 101) * 0.1f;
    Mask mask(V);
    for (std::size_t token = 0; token < V; ++token) mask.bits.set(TokenId(token));
    for (Sampling sampling : steps_for(V)) {
      sampling.logprobs = 2;
      check_equal(draw(sampling, logits, {1, 2, 1}, mask.bits), draw(sampling, logits, {1, 2, 1}));
    }
  }
}

TEST_CASE("a mask that leaves nothing to choose is an error, and which it is shows") {
  const std::vector<float> logits = {1, 2, -kInf, 3, 4};
  Mask mask(5);
  mask.words[0] = ~std::uint64_t{0} << 5;  // behind the last token
  const Drawn none = draw({}, logits, {}, mask.bits);
  CHECK(none.sampled.status().code() == Code::kInvalidArgument);
  CHECK(none.sampled.status().came() == "a mask of 5 tokens with no bit set");
  CHECK(none.logits == logits);
  mask.bits.set(2);
  CHECK(draw({}, logits, {}, mask.bits).sampled.status().came() == "5 logits of -infinity");
  mask.bits.set(1);
  CHECK(draw({.banned = {1}}, logits, {}, mask.bits).sampled.status().code() == Code::kInvalidArgument);
  CHECK(draw({}, logits, {}, mask.bits).sampled->token == 1);
  Mask other(6);
  other.bits.fill(true);
  CHECK(draw({}, logits, {}, other.bits).sampled.status().code() == Code::kShape);
}
