// SPDX-License-Identifier: Apache-2.0
// A layer whose experts are a large MLP, a small one, the row itself, and nothing at all: easy rows cost little. Beside
// it a residual expert, which every row passes (PR-MoE).
#include <cstdio>

#include <moxie/backend/linear.hpp>
#include <moxie/core/philox.hpp>
#include <moxie/expert/gated_mlp.hpp>
#include <moxie/expert/simple_experts.hpp>
#include <moxie/moe/moe_layer.hpp>
#include <moxie/router/null_slots.hpp>
#include <moxie/router/top_k.hpp>

constexpr std::size_t D = 32;
using Mlp = moxie::GatedMlp<moxie::Linear>;

moxie::Result<Mlp> mlp(const moxie::Backend& backend, std::size_t inner, std::uint64_t seed) {
  std::vector<float> weights(D * inner);
  const moxie::Philox random(seed);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = moxie::Philox::uniform(random.block(i)[0]) - 0.5f;
  const auto* bytes = reinterpret_cast<const std::byte*>(weights.data());
  const moxie::Weights in{bytes, moxie::ElementType::kF32, inner, D};
  const moxie::Weights out{bytes, moxie::ElementType::kF32, D, inner};
  MOXIE_TRY_LET(auto gate, moxie::Linear::create(backend, in));
  MOXIE_TRY_LET(auto up, moxie::Linear::create(backend, in));
  MOXIE_TRY_LET(auto down, moxie::Linear::create(backend, out));
  return Mlp::create(std::move(gate), std::move(up), std::move(down), moxie::GatedActivation::kReluSquared);
}

moxie::Status example() {
  MOXIE_TRY_LET(const auto backend, moxie::Backend::create());
  MOXIE_TRY_LET(auto large, mlp(backend, 96, 1));
  MOXIE_TRY_LET(auto small, mlp(backend, 16, 2));
  MOXIE_TRY_LET(const auto residual, mlp(backend, 16, 3));
  using Bank = moxie::TupleBank<Mlp, Mlp, moxie::IdentityExpert>;
  using Router = moxie::NullSlots<moxie::TopK>;
  MOXIE_TRY_LET(auto bank, Bank::create(std::move(large), std::move(small), moxie::IdentityExpert(D)));
  MOXIE_TRY_LET(auto top, moxie::TopK::create({.num_experts = 4, .experts_per_token = 1, .normalised = true}));
  MOXIE_TRY_LET(auto router, Router::create(std::move(top), 1));  // the fourth is nothing
  MOXIE_TRY_LET(const auto layer, (moxie::MoeLayer<Router, Bank>::create(std::move(router), std::move(bank))));

  std::vector<float> logits(16, 0.0f), x(4 * D, 0.25f), y(4 * D), beside(4 * D);
  for (std::size_t t = 0; t < 4; ++t) logits[t * 4 + t] = 9;  // row t goes to expert t
  const moxie::MoeScratch bytes = layer.scratch_bytes(4);
  MOXIE_TRY_LET(const auto memory, moxie::AlignedBuffer::create(bytes.own + bytes.worker + residual.scratch_bytes(4)));
  moxie::Workspace scratch(memory.bytes());
  moxie::SerialExecutor executor;
  moxie::Workers workers(executor, {&scratch, 1});
  const moxie::ConstRows rows(x.data(), 4, D);
  MOXIE_TRY(layer.run({.logits = {logits.data(), 4, 4}, .hidden = rows}, {y.data(), 4, D}, workers));
  const bool right = y[0] != y[D] && y[2 * D] == 0.25f && y[3 * D] == 0.0f;
  MOXIE_TRY(residual.run(rows, {beside.data(), 4, D}, scratch));
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += beside[i];
  for (std::size_t t = 0; t < 4; ++t) std::printf("row %zu begins with %8.4f\n", t, static_cast<double>(y[t * D]));
  return right ? moxie::Status() : moxie::Status(moxie::Code::kInternal, "example", "four sizes", "others");
}

int main() {
  const moxie::Status status = example();
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
