// SPDX-License-Identifier: Apache-2.0
#include <moxie/expert/gated_mlp.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <moxie/testing/expert_laws.hpp>

#include "support/archetypes.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/experts.hpp"
#include "support/workers.hpp"

using namespace moxie;
using test::PlainLinear;
using test::PlainMlp;

TEST_CASE("a gated mlp agrees with double") {
  struct Widths {
    std::size_t D, H;
  };
  for (const auto [D, H] : {Widths{1, 1}, Widths{3, 7}, Widths{16, 8}, Widths{33, 65}}) {
    for (const std::size_t T : {1u, 2u, 17u}) {
      INFO("D = " << D << ", H = " << H << ", T = " << T);
      const PlainMlp mlp = test::plain_mlp(D, H, 5);
      testing::GuardedRows<float> x(T, D), y(T, D);
      test::fill_random(x.view(), D);
      testing::GuardedScratch scratch(mlp.scratch_bytes(T));
      REQUIRE(mlp.run(x.view(), y.view(), scratch.workspace()).ok());

      test::Reference want(T, D);
      std::vector<double> value, magnitude;
      for (std::size_t t = 0; t < T; ++t) {
        test::mlp_in_double(mlp, x[t], value, magnitude);
        for (std::size_t d = 0; d < D; ++d) want.set(t, d, value[d], magnitude[d]);
      }
      CHECK(test::difference(y.view(), want, test::mlp_roundings(mlp)) == "");
    }
  }
}

TEST_CASE("a gated mlp of known numbers") {
  // gate is 0 for x = 0 and large for x = 100: silu(100) = 100 exactly, so y = 0.5 * 100 * (2 * 100).
  const auto one = [](float w) { return PlainLinear(1, 1, {w}); };
  const PlainMlp mlp = *PlainMlp::create(one(1.0f), one(2.0f), one(0.5f));
  const float x[] = {0.0f, 100.0f};
  float y[2] = {7.0f, 7.0f};
  testing::GuardedScratch scratch(mlp.scratch_bytes(2));
  REQUIRE(mlp.run(ConstRows(x, 2, 1), Rows(y, 2, 1), scratch.workspace()).ok());
  CHECK(y[0] == 0.0f);
  CHECK(y[1] == 10000.0f);
}

namespace {

PlainMlp clamped_mlp(std::size_t D, std::size_t H, std::uint64_t seed) {
  return *PlainMlp::create(PlainLinear::random(H, D, seed).with_bias(seed + 1),
                           PlainLinear::random(H, D, seed + 2).with_bias(seed + 3),
                           PlainLinear::random(D, H, seed + 4).with_bias(seed + 5), GatedActivation::kClampedSwiglu);
}

}  // namespace

TEST_CASE("a gated mlp with biases and the clamped activation agrees with double") {
  const std::size_t D = 33, H = 40, T = 9;
  const PlainMlp mlp = clamped_mlp(D, H, 7);
  CHECK(mlp.activation() == GatedActivation::kClampedSwiglu);
  testing::GuardedRows<float> x(T, D), y(T, D);
  test::fill_random(x.view(), D);
  for (std::size_t t = 0; t < T; ++t) {
    for (float& value : x.view()[t]) value *= 4.0f;  // so that some reach the limits
  }
  testing::GuardedScratch scratch(mlp.scratch_bytes(T));
  REQUIRE(mlp.run(x.view(), y.view(), scratch.workspace()).ok());
  std::size_t limited = 0;
  test::Reference want(T, D);
  for (std::size_t t = 0; t < T; ++t) {
    std::vector<double> value(D), size(D);
    for (std::size_t d = 0; d < D; ++d) value[d] = size[d] = static_cast<double>(mlp.down().bias(d));
    for (std::size_t h = 0; h < H; ++h) {
      double gate = static_cast<double>(mlp.gate().bias(h)), gate_size = std::abs(gate);
      double up = static_cast<double>(mlp.up().bias(h)), up_size = std::abs(up);
      for (std::size_t d = 0; d < D; ++d) {
        const double in = static_cast<double>(x[t][d]);
        gate += in * static_cast<double>(mlp.gate().weight(h, d));
        gate_size += std::abs(in * static_cast<double>(mlp.gate().weight(h, d)));
        up += in * static_cast<double>(mlp.up().weight(h, d));
        up_size += std::abs(in * static_cast<double>(mlp.up().weight(h, d)));
      }
      limited += gate > 7 || std::abs(up) > 7 ? 1u : 0u;
      gate = std::min(gate, 7.0);
      up = std::min(std::max(up, -7.0), 7.0);
      const double hidden = gate / (1.0 + std::exp(-1.702 * gate)) * (up + 1.0);
      for (std::size_t d = 0; d < D; ++d) {
        const double down = static_cast<double>(mlp.down().weight(d, h));
        value[d] += down * hidden;
        size[d] += std::abs(down) * gate_size * (up_size + 1.0);
      }
    }
    // The slope of gate sigmoid(1.702 gate) is below 1.1, as silu's.
    for (std::size_t d = 0; d < D; ++d) want.set(t, d, value[d], std::max(size[d], std::abs(value[d])));
  }
  CHECK(test::difference(y.view(), want, test::mlp_roundings(mlp) + 4.0) == "");
  CHECK(limited > 50);
}

TEST_CASE("a gated mlp keeps the laws") {
  CHECK(testing::check_expert_laws(clamped_mlp(13, 19, 1)).message() == "");
  CHECK(testing::check_expert_laws(test::plain_mlp(13, 19, 1)).message() == "");
  CHECK(testing::check_expert_laws(test::plain_mlp(1, 1, 1)).message() == "");
  using Archetype = test::LinearArchetype<test::Movable>;
  const auto smallest = GatedMlp<Archetype>::create(Archetype(0), Archetype(0), Archetype(0));
  CHECK(testing::check_expert_laws(*smallest).message() == "");
}

TEST_CASE("matrices that do not fit together make no mlp") {
  const auto linear = [](std::size_t out, std::size_t in) { return PlainLinear::random(out, in, 1); };
  CHECK(PlainMlp::create(linear(5, 3), linear(4, 3), linear(3, 5)).status().message() ==
        "GatedMlp::create: needed up of [5, 3], as gate, came [4, 3]");
  CHECK(PlainMlp::create(linear(5, 3), linear(5, 2), linear(3, 5)).status().code() == Code::kShape);
  CHECK(PlainMlp::create(linear(5, 3), linear(5, 3), linear(3, 4)).status().message() ==
        "GatedMlp::create: needed down of [3, 5], gate being [5, 3], came [3, 4]");
  CHECK(PlainMlp::create(linear(5, 3), linear(5, 3), linear(2, 5)).status().code() == Code::kShape);
}

TEST_CASE("the scratch of absurdly many rows does not wrap") {
  const PlainMlp mlp = test::plain_mlp(4, 9, 1);
  constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();
  CHECK(mlp.scratch_bytes(kMax) == kMax);
  CHECK(mlp.scratch_bytes(kMax / 36) == kMax);
}
