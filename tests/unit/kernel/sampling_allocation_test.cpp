// SPDX-License-Identifier: Apache-2.0
#include "sampling_reference.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

TEST_CASE("sampling allocates nothing and takes the scratch memory that it said") {
  const std::size_t V = 5000;
  std::vector<float> logits(V);
  std::vector<TokenId> history(100, 3);
  std::vector<TokenLogprob> top(7);
  for (Sampling sampling : steps_for(V)) {
    sampling.logprobs = 7;
    const Sampler sampler = Sampler::create(sampling, V).value();
    AlignedBuffer memory = AlignedBuffer::create(sampler.scratch_bytes()).value();
    for (std::size_t i = 0; i < V; ++i) logits[i] = float((i * 7919) % 1009) * 0.01f;
    Workspace ws(memory.bytes());
    const std::size_t before = allocations_so_far();
    const bool fine = sampler.sample(logits, history, ws, top).ok();
    CHECK(allocations_so_far() == before);
    CHECK(fine);
    CHECK(ws.used_bytes() == 0);
  }
}
