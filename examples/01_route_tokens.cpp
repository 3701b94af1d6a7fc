// SPDX-License-Identifier: Apache-2.0
// A router decides which experts work on a token. Here four tokens meet six experts, two for each.
#include <cmath>
#include <cstdint>
#include <cstdio>

#include <moxie/router/top_k.hpp>

int main() {
  constexpr std::size_t T = 4, N = 6, K = 2;  // tokens, experts, experts for each token
  const char* tokens[T] = {"why", "is", "the", "sky"};

  // A model computes these scores from each token; the highest two of a row win.
  const float logits[T][N] = {
      {0.1f, 2.0f, -1.0f, 0.3f, 1.4f, 0.0f},
      {1.5f, 0.2f, 0.2f, -0.7f, 0.1f, 1.5f},  // a tie: the lower expert comes first
      {0.0f, 0.0f, 3.0f, 0.0f, 0.5f, 0.0f},
      {-2.0f, 0.9f, 0.8f, 0.7f, 0.6f, -2.0f},
  };

  const auto router = moxie::TopK::create({.num_experts = N, .experts_per_token = K, .normalised = true}).value();

  // Everything lies in your memory: the scores, the decision, and the scratch in between.
  std::int32_t experts[T][K];
  float weights[T][K];
  const auto memory = moxie::AlignedBuffer::create(router.scratch_bytes(T)).value();
  moxie::Workspace scratch(memory.bytes());

  const moxie::RouteIn in{.logits = moxie::ConstRows(&logits[0][0], T, N)};
  const moxie::RouteOut out{moxie::IdRows(&experts[0][0], T, K), moxie::Rows(&weights[0][0], T, K)};
  if (const moxie::Status status = router.route(in, out, scratch); !status.ok()) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
    return 1;
  }

  std::printf("token   first choice     second choice\n");
  for (std::size_t t = 0; t < T; ++t) {
    std::printf("%-5s", tokens[t]);
    for (std::size_t k = 0; k < K; ++k) {
      std::printf("   expert %d  %3.0f %%", experts[t][k], 100.0 * static_cast<double>(weights[t][k]));
    }
    std::printf("\n");
  }

  // What it must have been.
  const std::int32_t expected[T][K] = {{1, 4}, {0, 5}, {2, 4}, {1, 2}};
  for (std::size_t t = 0; t < T; ++t) {
    if (experts[t][0] != expected[t][0] || experts[t][1] != expected[t][1]) return 1;
    if (std::fabs(weights[t][0] + weights[t][1] - 1.0f) > 1e-6f) return 1;
  }
  return weights[1][0] == 0.5f ? 0 : 1;
}
