// SPDX-License-Identifier: Apache-2.0
#include <moxie/expert/simple_experts.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <moxie/expert/any_expert.hpp>
#include <moxie/expert/gated_mlp.hpp>
#include <moxie/testing/expert_laws.hpp>

#include "support/catch.hpp"
#include "support/experts.hpp"

using namespace moxie;

TEST_CASE("identity, zero and a function are experts that keep the laws") {
  CHECK(testing::check_expert_laws(IdentityExpert(13)).message() == "");
  CHECK(testing::check_expert_laws(ZeroExpert(13)).message() == "");
  const auto negate = FunctionExpert(5, [](std::span<const float> x, std::span<float> y) {
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = -x[i];
  });
  CHECK(testing::check_expert_laws(negate).message() == "");
  const std::vector<float> x = {1, 2, 3, 4, 5};
  std::vector<float> y(5, 9.0f);
  Workspace none;
  REQUIRE(negate.run({x.data(), 1, 5}, {y.data(), 1, 5}, none).ok());
  CHECK(y == std::vector<float>{-1, -2, -3, -4, -5});
  REQUIRE(IdentityExpert(5).run({x.data(), 1, 5}, {y.data(), 1, 5}, none).ok());
  CHECK(y == x);
  REQUIRE(ZeroExpert(5).run({x.data(), 1, 5}, {y.data(), 1, 5}, none).ok());
  CHECK(y == std::vector<float>(5, 0.0f));
}

TEST_CASE("a function may fail, and may throw behind AnyExpert") {
  const auto failing = FunctionExpert(
      2, [](std::span<const float>, std::span<float>) { return Status(Code::kIo, "function", "a file", "none"); });
  const auto throwing = FunctionExpert(2, [](std::span<const float>, std::span<float>) { throw 1; });
  const std::vector<float> x(2);
  std::vector<float> y(2);
  Workspace none;
  CHECK(failing.run({x.data(), 1, 2}, {y.data(), 1, 2}, none).code() == Code::kIo);
  CHECK(AnyExpert::create(throwing).value().run({x.data(), 1, 2}, {y.data(), 1, 2}, none).code() ==
        Code::kHostException);
}

TEST_CASE("a gated mlp of squared relu agrees with double, and keeps NaN") {
  const std::size_t D = 33, H = 40;
  const auto linear = [](std::size_t out, std::size_t in, std::uint64_t seed) {
    return test::PlainLinear::random(out, in, seed);
  };
  const auto mlp =
      test::PlainMlp::create(linear(H, D, 1), linear(H, D, 2), linear(D, H, 3), GatedActivation::kReluSquared).value();
  CHECK(testing::check_expert_laws(mlp).message() == "");
  std::vector<float> x(D);
  for (std::size_t d = 0; d < D; ++d) x[d] = static_cast<float>(d) / 16.0f - 1.0f;
  std::vector<float> y(D);
  testing::GuardedScratch scratch(mlp.scratch_bytes(1));
  REQUIRE(mlp.run({x.data(), 1, D}, {y.data(), 1, D}, scratch.workspace()).ok());
  std::size_t cut = 0;
  std::vector<double> value(D), size(D);
  for (std::size_t h = 0; h < H; ++h) {
    double gate = 0, gate_size = 0, up = 0, up_size = 0;
    for (std::size_t d = 0; d < D; ++d) {
      const auto in = static_cast<double>(x[d]);
      gate += in * static_cast<double>(mlp.gate().weight(h, d));
      gate_size += std::abs(in * static_cast<double>(mlp.gate().weight(h, d)));
      up += in * static_cast<double>(mlp.up().weight(h, d));
      up_size += std::abs(in * static_cast<double>(mlp.up().weight(h, d)));
    }
    cut += gate < 0 ? 1U : 0U;
    const double positive = std::max(gate, 0.0);
    for (std::size_t d = 0; d < D; ++d) {
      const auto down = static_cast<double>(mlp.down().weight(d, h));
      value[d] += down * positive * positive * up;
      size[d] += std::abs(down) * gate_size * gate_size * up_size;
    }
  }
  // The gate's roundings count twice, those of up and down once.
  const double roundings = (3.0 * static_cast<double>(D) + static_cast<double>(H) + 8.0) * std::ldexp(1.0, -24);
  for (std::size_t d = 0; d < D; ++d) CHECK(std::abs(static_cast<double>(y[d]) - value[d]) <= size[d] * roundings);
  CHECK(cut > 5);

  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float gate[3] = {nan, -2.0f, 2.0f};
  const float up[3] = {1.0f, 5.0f, 3.0f};
  float made[3];
  gate_times(GatedActivation::kReluSquared, gate, up, made, 3);
  CHECK(std::isnan(made[0]));
  CHECK(made[1] == 0.0f);
  CHECK(made[2] == 12.0f);
}
