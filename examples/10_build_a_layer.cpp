// SPDX-License-Identifier: Apache-2.0
// A layer of own experts, without any model: a router, a bank of different types, and the laws that they keep.
#include <algorithm>
#include <cstdio>

#include <moxie/moe/moe_layer.hpp>
#include <moxie/router/top_k.hpp>
#include <moxie/testing/expert_laws.hpp>

constexpr std::size_t D = 4;  // the width of a row

struct Reverse {  // y = x, from right to left
  std::size_t width() const noexcept { return D; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  moxie::Status run(moxie::ConstRows x, moxie::Rows y, moxie::Workspace&) const {
    MOXIE_TRY(moxie::check_expert_shapes("Reverse::run", D, x, y));
    for (std::size_t t = 0; t < x.rows; ++t) std::ranges::reverse_copy(x[t], y[t].begin());
    return {};
  }
};

struct Times {  // y = factor * x
  float factor;
  std::size_t width() const noexcept { return D; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  moxie::Status run(moxie::ConstRows x, moxie::Rows y, moxie::Workspace&) const {
    MOXIE_TRY(moxie::check_expert_shapes("Times::run", D, x, y));
    const auto times = [this](float value) { return factor * value; };
    for (std::size_t t = 0; t < x.rows; ++t) std::ranges::transform(x[t], y[t].begin(), times);
    return {};
  }
};

moxie::Status example() {
  // A concept says what an expert looks like; the laws say what it means. Ask before you trust.
  MOXIE_TRY(moxie::testing::check_expert_laws(Reverse()));

  using Bank = moxie::TupleBank<Times, Reverse, Times>;  // experts 0, 1 and 2
  MOXIE_TRY_LET(auto bank, Bank::create(Times{10}, Reverse(), Times{-1}));
  MOXIE_TRY_LET(auto router, moxie::TopK::create({.num_experts = 3, .experts_per_token = 1, .normalised = true}));
  MOXIE_TRY_LET(const auto layer, (moxie::MoeLayer<moxie::TopK, Bank>::create(std::move(router), std::move(bank))));

  const float logits[3][3] = {{9, 0, 0}, {0, 9, 0}, {0, 0, 9}};  // row t goes to expert t
  const float x[3][D] = {{1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}};
  float y[3][D];

  // A layer runs on Workers: an executor, and scratch memory for each of its threads. Here both are one thread's.
  const moxie::MoeScratch bytes = layer.scratch_bytes(3);
  MOXIE_TRY_LET(const auto memory, moxie::AlignedBuffer::create(bytes.own + bytes.worker));
  moxie::Workspace scratch(memory.bytes());
  moxie::SerialExecutor executor;
  moxie::Workers workers(executor, {&scratch, 1});
  MOXIE_TRY(layer.run({.logits = {&logits[0][0], 3, 3}, .hidden = {&x[0][0], 3, D}}, {&y[0][0], 3, D}, workers));

  const float expected[3][D] = {{10, 20, 30, 40}, {4, 3, 2, 1}, {-1, -2, -3, -4}};
  for (std::size_t t = 0; t < 3; ++t) {
    std::printf("expert %zu made", t);
    for (const float value : y[t]) std::printf(" %3.0f", static_cast<double>(value));
    std::printf("\n");
    if (!std::ranges::equal(y[t], expected[t])) return {moxie::Code::kInternal, "example", "another row", "this"};
  }
  return {};
}

int main() {
  const moxie::Status status = example();
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
