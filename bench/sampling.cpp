// SPDX-License-Identifier: Apache-2.0
// How long does it take to choose a token from the logits of a large vocabulary?

#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <moxie/core/philox.hpp>
#include <moxie/kernel/sampling.hpp>

namespace {

using namespace moxie;

constexpr std::size_t kVocabulary = 151936;

/// `flat`: all tokens about as probable, which no trained model says; else some of them are far ahead of the others.
std::vector<float> some_logits(bool flat) {
  const Philox random(3);
  std::vector<float> logits(kVocabulary);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto words = random.block(i);
    float sum = 0;
    for (const std::uint32_t word : words) sum += Philox::uniform(word) - 0.5f;
    logits[i] = (flat ? 0.5f : 6.0f) * sum;
  }
  return logits;
}

void run(benchmark::State& state, const Sampling& sampling, bool flat) {
  const Sampler sampler = *Sampler::create(sampling, kVocabulary);
  const AlignedBuffer memory = *AlignedBuffer::create(sampler.scratch_bytes());
  const std::vector<float> original = some_logits(flat);
  std::vector<float> logits = original;
  std::vector<TokenId> history(1000, 5);
  std::vector<TokenLogprob> top(20);
  const bool changes = sampling.repetition_penalty != 1;
  for (auto _ : state) {
    if (changes) logits[5] = original[5];
    Workspace workspace(memory.bytes());
    const auto sampled = sampler.sample(logits, history, workspace, top);
    if (!sampled.ok()) return state.SkipWithError("not sampled");
    benchmark::DoNotOptimize(sampled->token);
    history[0] = static_cast<TokenId>((history[0] + 1) % 100);
  }
}

void add(const char* name, const Sampling& sampling) {
  for (const bool flat : {false, true}) {
    benchmark::RegisterBenchmark((std::string(name) + (flat ? "/flat" : "/peaked")).c_str(),
                                 [=](benchmark::State& state) { run(state, sampling, flat); })
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

int main(int argc, char** argv) {
  add("greedy", {});
  add("temperature", {.temperature = 0.7});
  add("top-k 20, top-p 0.95", {.temperature = 0.6, .top_k = 20, .top_p = 0.95});
  add("top-k 5000", {.temperature = 0.6, .top_k = 5000});
  add("top-p 0.95", {.temperature = 0.7, .top_p = 0.95});
  add("min-p 0.05", {.temperature = 0.7, .min_p = 0.05});
  add("typical 0.9", {.temperature = 0.7, .typical_p = 0.9});
  add("greedy, penalties, 1000 tokens", {.repetition_penalty = 1.1});
  add("greedy, logprobs 20", {.logprobs = 20});
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
