// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/math.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <moxie/core/philox.hpp>

#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace moxie;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The distance between neighbouring floats at `value`.
double ulp_of(double value) {
  const int exponent = std::max(std::ilogb(value), -126);
  return std::ldexp(1.0, exponent - 23);
}

// The largest error of exp, in ulps, over every `step`-th float between two bit patterns.
double worst_exp_error(float from, float to, std::uint32_t step) {
  double worst = 0.0;
  const auto last = std::bit_cast<std::uint32_t>(to);
  for (auto bits = std::bit_cast<std::uint32_t>(from); bits < last; bits += step) {
    const float x = std::bit_cast<float>(bits);
    const double want = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(static_cast<double>(moxie::exp(x)) - want) / ulp_of(want));
  }
  return worst;
}

// Numbers of every kind: ordinary ones, large ones, and all that is special.
std::vector<float> hostile_numbers(std::size_t n, std::uint64_t seed) {
  const float special[] = {0.0f,    -0.0f,   kInf,    -kInf, kNan,   88.7f,  88.72284f, 88.8f,  -87.4f,
                           -103.9f, -104.0f, -110.0f, 3e38f, -3e38f, 1e-40f, -1e-40f,   0.3465f};
  std::vector<float> numbers(n);
  const Philox random(seed);
  for (std::size_t i = 0; i < n; ++i) {
    const auto words = random.block(i);
    numbers[i] =
        words[1] % 4 == 0 ? special[words[2] % std::size(special)] : 200.0f * Philox::uniform(words[0]) - 110.0f;
  }
  return numbers;
}

std::string bits_of(const std::vector<float>& a, const std::vector<float>& b) {
  return test::bit_difference(ConstRows(a.data(), 1, a.size()), ConstRows(b.data(), 1, b.size()));
}

}  // namespace

TEST_CASE("exp is within one ulp of the true value") {
  CHECK(worst_exp_error(0.0f, 88.72283f, 499) <= 1.0);  // ends at the largest finite result
  CHECK(worst_exp_error(-0.0f, -103.97f, 499) <= 1.0);  // subnormal results included
  CHECK(worst_exp_error(-87.0f, -103.97f, 1) <= 1.0);   // each of them
  CHECK(worst_exp_error(88.0f, 88.72283f, 1) <= 1.0);
}

TEST_CASE("exp gives its special values exactly") {
  CHECK(moxie::exp(0.0f) == 1.0f);
  CHECK(moxie::exp(-0.0f) == 1.0f);
  CHECK(moxie::exp(kInf) == kInf);
  CHECK(moxie::exp(89.0f) == kInf);
  CHECK(moxie::exp(88.73f) == kInf);
  CHECK(moxie::exp(std::numeric_limits<float>::max()) == kInf);
  CHECK(moxie::exp(-kInf) == 0.0f);
  CHECK(moxie::exp(-104.0f) == 0.0f);
  CHECK(moxie::exp(std::numeric_limits<float>::lowest()) == 0.0f);
  CHECK(std::isnan(moxie::exp(kNan)));
}

TEST_CASE("sigmoid and silu keep their limits") {
  CHECK(sigmoid(0.0f) == 0.5f);
  CHECK(sigmoid(kInf) == 1.0f);
  CHECK(sigmoid(-kInf) == 0.0f);
  CHECK(sigmoid(-100.0f) == 0.0f);
  CHECK(silu(0.0f) == 0.0f);
  CHECK(silu(100.0f) == 100.0f);
  CHECK(std::signbit(silu(-100.0f)));
  CHECK(std::isnan(silu(kNan)));
  for (float x = -20.0f; x < 20.0f; x += 0.37f) {
    const double want = static_cast<double>(x) / (1.0 + std::exp(-static_cast<double>(x)));
    CHECK(std::abs(static_cast<double>(silu(x)) - want) <= 4 * 0x1p-24 * std::abs(want));
  }
}

TEST_CASE("the clamped activation agrees with double and keeps its limits") {
  for (float gate = -40.0f; gate < 10.0f; gate += 0.173f) {
    for (float up = -9.0f; up < 9.0f; up += 0.37f) {
      const double g = std::min(static_cast<double>(gate), 7.0);
      const double u = std::min(std::max(static_cast<double>(up), -7.0), 7.0);
      const double want = g / (1.0 + std::exp(-1.702 * g)) * (u + 1.0);
      // The slope's rounding and the product with it: an error of 1.5 u in the exponent for each of its units.
      const double bound = (6.0 + 3.0 * std::abs(1.702 * g)) * 0x1p-24 * std::abs(want);
      CHECK(std::abs(static_cast<double>(clamped_swiglu(gate, up)) - want) <= bound + 1e-45);
    }
  }
  CHECK(clamped_swiglu(0.0f, 3.0f) == 0.0f);
  CHECK(clamped_swiglu(1.0f, -1.0f) == 0.0f);
  CHECK(clamped_swiglu(7.0f, 7.0f) == clamped_swiglu(kInf, kInf));
  CHECK(clamped_swiglu(7.0f, -7.0f) == clamped_swiglu(8.0f, -kInf));
  CHECK(std::isnan(clamped_swiglu(-kInf, 1.0f)));  // -inf / inf, as silu has it
  CHECK(std::isnan(clamped_swiglu(kNan, 1.0f)));
  CHECK(std::isnan(clamped_swiglu(1.0f, kNan)));
}

TEST_CASE("gelu and soft caps agree with double") {
  const double root = std::sqrt(2 / 3.14159265358979323846);
  for (float x = -12.0f; x < 12.0f; x += 0.0173f) {
    const auto wide = static_cast<double>(x);
    const double inner = root * (wide + 0.044715 * wide * wide * wide);
    const double want = wide / (1 + std::exp(-2 * inner));  // the same, without a difference of near numbers
    // An error of a few u in the exponent for each of its units; what an exponential beyond f32 divides is 0.
    CHECK(std::abs(static_cast<double>(gelu(x)) - want) <=
          (8 + 8 * std::abs(inner)) * 0x1p-24 * std::abs(want) + 4e-38);
    CHECK(std::abs(static_cast<double>(moxie::tanh(x)) - std::tanh(wide)) <= 4 * 0x1p-24);
    CHECK(std::abs(static_cast<double>(soft_cap(x, 3.0f)) - 3 * std::tanh(wide / 3)) <= 16 * 0x1p-24);
  }
  CHECK(gelu(0.0f) == 0.0f);
  CHECK(gelu(100.0f) == 100.0f);
  CHECK(gelu(-100.0f) == 0.0f);
  CHECK(std::isnan(gelu(kNan)));
  CHECK(soft_cap(1e30f, 50.0f) == 50.0f);
  CHECK(soft_cap(-kInf, 50.0f) == -50.0f);
  CHECK(std::isnan(soft_cap(kNan, 50.0f)));
}

// Were the vector body never chosen, the next cases would compare the scalar body with itself.
TEST_CASE("the AVX2 bodies run where the machine has them") {
#if MOXIE_X86_BODIES
  CHECK(detail::has_fma_body() == (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")));
  if (detail::has_fma_body()) {
    std::vector<float> x(17, 1.0f);
    std::vector<float> y(17, 0.0f);
    CHECK(detail::fma_into_avx2(2.0f, x.data(), y.data(), 17) == 16);
    CHECK(y[15] == 2.0f);
    CHECK(y[16] == 0.0f);
  } else {
    WARN("no AVX2 here: vector and scalar bodies are not compared");
  }
#else
  CHECK_FALSE(detail::has_fma_body());
#endif
}

TEST_CASE("rows of any length have the bits of the scalar formula") {
  for (std::size_t n = 0; n <= 70; ++n) {
    INFO("n = " << n);
    const std::vector<float> a = hostile_numbers(n, 11 + n);
    const std::vector<float> b = hostile_numbers(n, 1011 + n);
    std::vector<float> want = b;
    std::vector<float> got = b;

    for (std::size_t i = 0; i < n; ++i) want[i] = std::fma(0.3f, a[i], b[i]);
    fma_into(0.3f, a.data(), got.data(), n);
    // Which of two NaNs survives an fma is the instruction's business: compare whether, not which.
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isnan(want[i]) && std::isnan(got[i])) got[i] = want[i];
    }
    CHECK(bits_of(want, got) == "");

    for (std::size_t i = 0; i < n; ++i) want[i] = silu(a[i]) * b[i];
    silu_times(a.data(), b.data(), got.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isnan(want[i]) && std::isnan(got[i])) got[i] = want[i];
    }
    CHECK(bits_of(want, got) == "");

    for (std::size_t i = 0; i < n; ++i) want[i] = clamped_swiglu(a[i], b[i]);
    clamped_swiglu(a.data(), b.data(), got.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isnan(want[i]) && std::isnan(got[i])) got[i] = want[i];
    }
    CHECK(bits_of(want, got) == "");

    for (std::size_t i = 0; i < n; ++i) want[i] = gelu(a[i]) * b[i];
    gelu_times(a.data(), b.data(), got.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isnan(want[i]) && std::isnan(got[i])) got[i] = want[i];
    }
    CHECK(bits_of(want, got) == "");

    for (std::size_t i = 0; i < n; ++i) want[i] = moxie::exp(a[i] - 1.5f);
    exp_minus(a.data(), 1.5f, got.data(), n);
    CHECK(bits_of(want, got) == "");
  }
}

TEST_CASE("outputs may lie over inputs") {
  const std::vector<float> a = hostile_numbers(37, 1);
  const std::vector<float> b(37, 2.0f);
  std::vector<float> apart(37);
  silu_times(a.data(), b.data(), apart.data(), 37);
  std::vector<float> over = a;
  silu_times(over.data(), b.data(), over.data(), 37);
  CHECK(bits_of(apart, over) == "");
}

TEST_CASE("lanes are added pairwise") {
  Lanes lanes{};
  for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = static_cast<float>(1u << i);
  CHECK(sum_lanes(lanes) == 65535.0f);
  // 2^24 + 1 + 1: from left to right both ones are lost, as pairs (lanes 1 and 9 meet first) they stay.
  lanes = {};
  lanes[0] = 16777216.0f;
  lanes[1] = 1.0f;
  lanes[9] = 1.0f;
  CHECK(sum_lanes(lanes) == 16777218.0f);
}

TEST_CASE("softmax agrees with double for any width") {
  for (const std::size_t n : {1u, 2u, 7u, 8u, 11u, 16u, 31u, 128u, 1000u}) {
    INFO("n = " << n);
    std::vector<float> row(n);
    const Philox random(n);
    for (std::size_t i = 0; i < n; ++i) row[i] = 8.0f * Philox::uniform(random.block(i)[0]) - 4.0f;
    double sum = 0.0;
    for (const float x : row) sum += std::exp(static_cast<double>(x));
    test::Reference want(1, n);
    for (std::size_t i = 0; i < n; ++i) {
      const double p = std::exp(static_cast<double>(row[i])) / sum;
      want.set(0, i, p, p);
    }
    softmax(row);
    // exp and x - max: 2 ulp and |x| <= 8 roundings each, above and below; the sum: n / 16 + 4.
    CHECK(test::difference(ConstRows(row.data(), 1, n), want, 32 + static_cast<double>(n) / 16) == "");
  }
}

TEST_CASE("softmax of special rows is as documented") {
  softmax({});
  std::vector<float> one{-3.0f};
  softmax(one);
  CHECK(one[0] == 1.0f);
  std::vector<float> masked{1.0f, -kInf, 1.0f};
  softmax(masked);
  CHECK(masked == std::vector<float>{0.5f, 0.0f, 0.5f});
  std::vector<float> large{3e38f, 3e38f};
  softmax(large);
  CHECK(large == std::vector<float>{0.5f, 0.5f});
  for (std::vector<float> bad : {std::vector<float>{0.0f, kNan}, {kInf, 0.0f}, {-kInf, -kInf}}) {
    softmax(bad);
    for (const float p : bad) CHECK(std::isnan(p));
  }
}

TEST_CASE("a row's softmax does not depend on where it lies") {
  std::vector<float> memory(64 + 45);
  const std::vector<float> row = [] {
    std::vector<float> r(45);
    for (std::size_t i = 0; i < r.size(); ++i) r[i] = std::sin(static_cast<float>(i));
    return r;
  }();
  std::vector<float> want = row;
  softmax(want);
  for (std::size_t offset = 0; offset < 64; ++offset) {
    std::copy(row.begin(), row.end(), memory.begin() + static_cast<std::ptrdiff_t>(offset));
    const std::span<float> there(memory.data() + offset, row.size());
    softmax(there);
    CHECK(bits_of(want, {there.begin(), there.end()}) == "");
  }
}
