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
#include "unit/backend/linear_paths.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// Inputs whose vector results differ from moxie::exp, bit for bit.
std::size_t count_differences(const backend::Ops& ops, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  ops.exp(x.data(), y.data(), x.size());
  std::size_t different = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::bit_cast<std::uint32_t>(y[i]) == std::bit_cast<std::uint32_t>(moxie::exp(x[i]))) continue;
    if (different++ != 0) continue;  // one that is shown is enough
    CAPTURE(x[i], y[i], moxie::exp(x[i]));
    CHECK(std::bit_cast<std::uint32_t>(y[i]) == std::bit_cast<std::uint32_t>(moxie::exp(x[i])));
  }
  return different;
}

}  // namespace

TEST_CASE("exp has the bits of moxie::exp on every ISA") {
  std::vector<float> x;
  // Every 4,099th float there is: all signs, exponents and NaNs.
  for (std::uint64_t bits = 0; bits <= 0xffffffffu; bits += 4099) {
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  // The range where the result is neither 0 nor infinite, closely; its ends, float by float.
  for (int i = -106 * 4096; i <= 90 * 4096; ++i) x.push_back(static_cast<float>(i) / 4096.0f + 1e-5f);
  for (const float end : {-104.0f, -103.97208f, -87.33655f, 0.0f, 88.72284f, 88.8f}) {
    const auto bits = std::bit_cast<std::int32_t>(end);
    for (std::int32_t i = -300; i <= 300; ++i) {
      if (end != 0.0f || i >= 0) x.push_back(std::bit_cast<float>(bits + i));
    }
  }
  for (const std::uint32_t bits : {0x80000000u, 0x7f800000u, 0xff800000u, 0x7fc00000u, 0xffc00000u, 0x7f800001u,
                                   0xffa0beefu, 0x00000001u, 0x80000001u, 0x7f7fffffu, 0xff7fffffu}) {
    x.push_back(std::bit_cast<float>(bits));
  }
  for (const Isa isa : isas_under_test()) {
    const Backend backend = Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).value();
    REQUIRE(BackendAccess::ops(backend).isa == float_kernels(isa));
    INFO(BackendAccess::ops(backend).isa);
    CHECK(count_differences(BackendAccess::ops(backend), x) == 0);
  }
}

TEST_CASE("exp is within one unit in the last place of the truth, on every ISA") {
  for (const Isa isa : isas_under_test()) {
    const Backend made = Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).value();
    const backend::Ops& ops = BackendAccess::ops(made);
    double worst = 0.0;
    for (int i = -1030000; i <= 887000; i += 16) {
      std::vector<float> x(16), y(16);
      for (int j = 0; j < 16; ++j) x[static_cast<std::size_t>(j)] = static_cast<float>(i + j) * 1e-4f;
      ops.exp(x.data(), y.data(), 16);
      for (std::size_t j = 0; j < 16; ++j) {
        const double exact = std::exp(static_cast<double>(x[j]));
        int exponent = 0;
        std::frexp(exact, &exponent);
        const double ulp = std::max(std::ldexp(1.0, exponent - 24), 0x1p-149);
        worst = std::max(worst, std::abs(static_cast<double>(y[j]) - exact) / ulp);
      }
    }
    INFO(ops.isa << ": " << worst << " ulp");
    CHECK(worst <= 1.0);
    CHECK(worst > 0.4);  // a comparison that sees nothing would say 0
  }
}

TEST_CASE("exp writes as many as it is given and no more") {
  for (const Isa isa : isas_under_test()) {
    const Backend made = Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).value();
    const backend::Ops& ops = BackendAccess::ops(made);
    for (std::size_t n = 0; n <= 50; ++n) {
      std::vector<float> x(n), y(n + 20, -1.0f);
      for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(i) * 0.37f - 9.0f;
      ops.exp(x.data(), y.data(), n);
      INFO(ops.isa << ", " << n);
      for (std::size_t i = 0; i < y.size(); ++i) CHECK(y[i] == (i < n ? moxie::exp(x[i]) : -1.0f));
    }
  }
}
