// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include <moxie/core/math.hpp>

#include "backend/access.hpp"
#include "backend/cpu/ops.hpp"
#include "support/catch.hpp"
#include "unit/backend/attend_problem.hpp"
#include "unit/backend/linear_paths.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// What attention gives for one position with the value 1 and the score x beside a sink of 0: w / (1 + w), where w is
/// the kernel's own e^x.
std::vector<float> weights_of(const backend::Ops& ops, const std::vector<float>& x) {
  AttendProblem problem(x.size(), 1, 1, 1);
  problem.scale = 1.0f;
  problem.key(0, 0) = problem.value(0, 0) = 1.0f;
  problem.sinks.assign(x.size(), 0.0f);
  for (std::size_t i = 0; i < x.size(); ++i) problem.queries.view().row(i)[0] = x[i];
  Table y(x.size(), 1);
  problem.run(ops, 0, y.view());
  return y.data;
}

}  // namespace

TEST_CASE("the exponential of attention has the bits of moxie::exp on every ISA") {
  std::vector<float> x;
  // The range where the result is not 0, closely; its ends, float by float; beyond it every sign and exponent.
  for (int i = -106 * 2048; i <= 0; ++i) x.push_back(static_cast<float>(i) / 2048.0f);
  for (const float end : {-104.0f, -103.97208f, -87.33655f, -0.0f}) {
    const auto bits = std::bit_cast<std::int32_t>(end);
    for (std::int32_t i = -300; i <= 300; ++i) {
      if (end != 0.0f || i >= 0) x.push_back(std::bit_cast<float>(bits + i));
    }
  }
  for (std::uint32_t bits = 0x80000000u; bits <= 0xff800000u; bits += 40999) x.push_back(std::bit_cast<float>(bits));
  x.push_back(-std::numeric_limits<float>::infinity());
  std::vector<float> expected(x.size());
  std::ranges::transform(x, expected.begin(), [](float value) {
    const float weight = moxie::exp(value);
    return weight / (1.0f + weight);
  });
  CHECK(std::ranges::count(expected, 0.0f) > 1000);  // and most of the others are not
  for (const Isa isa : isas_under_test()) {
    if (float_kernels(isa) != name(isa)) continue;  // another level has them
    const Backend made = Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).value();
    const backend::Ops& ops = BackendAccess::ops(made);
    REQUIRE(ops.isa == name(isa));
    INFO(ops.isa);
    const std::vector<float> got = weights_of(ops, x);
    std::size_t different = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::bit_cast<std::uint32_t>(got[i]) == std::bit_cast<std::uint32_t>(expected[i])) continue;
      if (different++ != 0) continue;  // one that is shown is enough
      CAPTURE(x[i], got[i], expected[i]);
      CHECK(std::bit_cast<std::uint32_t>(got[i]) == std::bit_cast<std::uint32_t>(expected[i]));
    }
    CHECK(different == 0);
    CHECK(std::isnan(weights_of(ops, {std::numeric_limits<float>::quiet_NaN()})[0]));
  }
}
