// SPDX-License-Identifier: Apache-2.0
#include <moxie/expert/shared_expert.hpp>

#include <cmath>
#include <vector>

#include <moxie/testing/expert_laws.hpp>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/experts.hpp"
#include "support/workers.hpp"

using namespace moxie;
using test::PlainLinear;
using test::Scale;

TEST_CASE("a shared expert is scaled by the sigmoid of its gate, row by row") {
  const auto shared = *SharedExpert<Scale, PlainLinear>::create({2, 3.0f, 0.0f}, PlainLinear(1, 2, {1.0f, -1.0f}));
  const float x[] = {5.0f, 5.0f, 300.0f, 2.0f, 2.0f, 300.0f};  // gates 0, 298, -298
  float y[6] = {};
  testing::GuardedScratch scratch(shared.scratch_bytes(3));
  REQUIRE(shared.run(ConstRows(x, 3, 2), Rows(y, 3, 2), scratch.workspace()).ok());
  CHECK(std::vector<float>(y, y + 6) == std::vector<float>{7.5f, 7.5f, 900.0f, 6.0f, 0.0f, 0.0f});
}

TEST_CASE("a shared expert agrees with double") {
  constexpr std::size_t kT = 9, kD = 12;
  const test::PlainMlp mlp = test::plain_mlp(kD, 10, 2);
  const PlainLinear gate = PlainLinear::random(1, kD, 3);
  const auto shared = *SharedExpert<test::PlainMlp, PlainLinear>::create(mlp, gate);
  testing::GuardedRows<float> x(kT, kD), y(kT, kD);
  test::fill_random(x.view(), 4);
  testing::GuardedScratch scratch(shared.scratch_bytes(kT));
  REQUIRE(shared.run(x.view(), y.view(), scratch.workspace()).ok());

  test::Reference want(kT, kD);
  std::vector<double> value, magnitude;
  for (std::size_t t = 0; t < kT; ++t) {
    test::mlp_in_double(mlp, x[t], value, magnitude);
    double z = 0.0;
    for (std::size_t d = 0; d < kD; ++d) z += static_cast<double>(x[t][d]) * static_cast<double>(gate.weight(0, d));
    const double scale = 1.0 / (1.0 + std::exp(-z));
    for (std::size_t d = 0; d < kD; ++d) want.set(t, d, scale * value[d], magnitude[d]);
  }
  CHECK(test::difference(y.view(), want, test::mlp_roundings(mlp) + kD + 6) == "");
}

TEST_CASE("a shared expert keeps the laws") {
  const auto shared =
      SharedExpert<test::PlainMlp, PlainLinear>::create(test::plain_mlp(7, 5, 1), PlainLinear::random(1, 7, 1));
  CHECK(testing::check_expert_laws(*shared).message() == "");
}

TEST_CASE("a gate of another shape is refused") {
  using Shared = SharedExpert<Scale, PlainLinear>;
  CHECK(Shared::create({2}, PlainLinear::random(1, 3, 1)).status().code() == Code::kShape);
  CHECK(Shared::create({2}, PlainLinear::random(2, 2, 1)).status().message() ==
        "SharedExpert::create: needed a gate of [1, 2], came [2, 2]");
}
