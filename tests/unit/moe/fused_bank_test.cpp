// SPDX-License-Identifier: Apache-2.0
// The fused bank against its own experts run one by one: the same bits, for few rows and many, in any number of
// threads, in scratch of exactly the size that it announced.

#include "moe/fused_bank.hpp"

#include <cmath>
#include <cstring>
#include <vector>

#include <moxie/backend/quant.hpp>
#include <moxie/moe/moe_layer.hpp>
#include <moxie/router/top_k.hpp>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/experts.hpp"
#include "support/workers.hpp"

using namespace moxie;
using moe::FusedBank;
using test::same_bits;

namespace {

using Mlp = GatedMlp<Linear>;

struct Kind {
  ElementType in;  ///< of gate and up
  ElementType down;
  std::size_t D, H;
  MatmulPath path = MatmulPath::kNative;
  GatedActivation activation = GatedActivation::kSilu;
  bool biases = false;
};

Linear matrix(const Backend& backend, ElementType type, std::size_t out, std::size_t in, std::uint64_t stream,
              bool biased) {
  std::vector<float> values(out * in);
  test::fill_random({values.data(), out, in}, 17, stream);
  std::vector<std::byte> bytes(out * in / traits(type).block_elements * traits(type).block_bytes);
  REQUIRE(quantize(type, values, bytes).ok());
  std::vector<float> bias(biased ? out : 0);
  test::fill_random({bias.data(), bias.empty() ? 0u : 1u, bias.size()}, 18, stream);
  return Linear::create(backend, {bytes.data(), type, out, in}, bias).value();
}

std::vector<Mlp> experts_of(const Kind& kind, std::size_t N) {
  const Backend backend = Backend::create({.matmul = kind.path}).value();
  std::vector<Mlp> experts;
  for (std::size_t e = 0; e < N; ++e) {
    experts.push_back(Mlp::create(matrix(backend, kind.in, kind.H, kind.D, 3 * e, kind.biases),
                                  matrix(backend, kind.in, kind.H, kind.D, 3 * e + 1, kind.biases),
                                  matrix(backend, kind.down, kind.D, kind.H, 3 * e + 2, kind.biases), kind.activation)
                          .value());
  }
  return experts;
}

template <class Layer, class E>
std::vector<float> run(const Layer& layer, ConstRows logits, ConstRows x, E executor) {
  const MoeScratch bytes = layer.scratch_bytes(x.rows);
  test::WorkersOf<E> of(std::move(executor), bytes.own, bytes.worker);
  Workers workers = of.workers();
  std::vector<float> y(x.rows * x.width, NAN);
  const Status status = layer.run({.logits = logits, .hidden = x}, {y.data(), x.rows, x.width}, workers);
  CHECK(status.message() == "");
  CHECK(of.is_intact());
  return y;
}

TopK router(std::size_t N, std::size_t K) {
  return TopK::create({.num_experts = N, .experts_per_token = K, .normalised = true}).value();
}

constexpr Kind kKinds[] = {
    {ElementType::kQ4_K, ElementType::kQ6_K, 512, 768},
    {ElementType::kQ8_0, ElementType::kQ8_0, 96, 320},
    {ElementType::kQ4_0, ElementType::kQ5_1, 64, 288},
    {ElementType::kQ4_K, ElementType::kF16, 256, 300},
    {ElementType::kBF16, ElementType::kBF16, 70, 300},
    {ElementType::kBF16, ElementType::kQ8_0, 96, 96},
    {ElementType::kF32, ElementType::kF32, 64, 130},
    {ElementType::kF32, ElementType::kF32, 64, 130, MatmulPath::kAuto},
    {ElementType::kMXFP4, ElementType::kMXFP4, 96, 320, MatmulPath::kNative, GatedActivation::kClampedSwiglu, true},
    {ElementType::kBF16, ElementType::kQ8_0, 96, 288, MatmulPath::kNative, GatedActivation::kClampedSwiglu, true},
    {ElementType::kQ4_K, ElementType::kQ6_K, 256, 512, MatmulPath::kNative, GatedActivation::kSilu, true},
};

}  // namespace

TEST_CASE("a fused bank gives the bits of its experts run one by one") {
  const std::size_t N = 6, K = 3;
  for (const Kind& kind : kKinds) {
    const std::vector<Mlp> experts = experts_of(kind, N);
    const auto fused = MoeLayer<TopK, FusedBank>::create(router(N, K), FusedBank::create(experts).value()).value();
    REQUIRE(fused.bank().takes_batches());
    const auto plain = MoeLayer<TopK, ExpertBank<Mlp>>::create(router(N, K), ExpertBank<Mlp>::create(experts).value());
    const std::size_t most = 150;
    std::vector<float> x(most * kind.D), logits(most * N);
    test::fill_random({x.data(), most, kind.D}, 5);
    test::fill_random({logits.data(), most, N}, 6);
    const std::vector<float> expected =
        run(plain.value(), {logits.data(), most, N}, {x.data(), most, kind.D}, SerialExecutor());
    for (const std::size_t T : std::vector<std::size_t>{0, 1, 2, 7, 64, 150}) {
      const std::size_t at = (most - T) / 2;
      const ConstRows l(logits.data() + at * N, T, N), r(x.data() + at * kind.D, T, kind.D);
      const auto wanted = std::span(expected).subspan(at * kind.D, T * kind.D);
      CAPTURE(name(kind.in), name(kind.down), T);
      CHECK(same_bits(run(fused, l, r, SerialExecutor()), wanted));
      CHECK(same_bits(run(fused, l, r, test::host_threads(3)), wanted));
    }
  }
}

TEST_CASE("one expert of a fused bank can be run by itself") {
  const FusedBank bank = FusedBank::create(experts_of(kKinds[0], 2)).value();
  const Kind& kind = kKinds[0];
  std::vector<float> x(5 * kind.D), y(5 * kind.D), z(5 * kind.D);
  test::fill_random({x.data(), 5, kind.D}, 5);
  testing::GuardedScratch scratch(bank.scratch_bytes(5));
  Workspace ws = scratch.workspace();
  REQUIRE(bank.run(1, {x.data(), 5, kind.D}, {y.data(), 5, kind.D}, ws).ok());
  REQUIRE(bank[1].run({x.data(), 5, kind.D}, {z.data(), 5, kind.D}, ws).ok());
  CHECK(same_bits(y, z));
}

TEST_CASE("a fused bank whose experts were packed differently runs them one by one") {
  std::vector<Mlp> experts = experts_of({ElementType::kQ8_0, ElementType::kQ8_0, 256, 256}, 2);
  experts.push_back(experts_of({ElementType::kQ6_K, ElementType::kQ6_K, 256, 256}, 1)[0]);
  const FusedBank bank = FusedBank::create(experts).value();
  CHECK_FALSE(bank.takes_batches());
  const auto fused = MoeLayer<TopK, FusedBank>::create(router(3, 2), bank).value();
  const auto plain = MoeLayer<TopK, ExpertBank<Mlp>>::create(router(3, 2), ExpertBank<Mlp>::create(experts).value());
  std::vector<float> x(9 * 256), logits(9 * 3);
  test::fill_random({x.data(), 9, 256}, 5);
  test::fill_random({logits.data(), 9, 3}, 6);
  const ConstRows l(logits.data(), 9, 3), r(x.data(), 9, 256);
  CHECK(same_bits(run(fused, l, r, SerialExecutor()), run(plain.value(), l, r, SerialExecutor())));
}

TEST_CASE("a fused bank wants experts, of one width") {
  CHECK(FusedBank::create({}).status().code() == Code::kInvalidArgument);
  std::vector<Mlp> experts = experts_of({ElementType::kQ8_0, ElementType::kQ8_0, 64, 64}, 1);
  experts.push_back(experts_of({ElementType::kQ8_0, ElementType::kQ8_0, 96, 64}, 1)[0]);
  CHECK(FusedBank::create(experts).status().code() == Code::kShape);
}
