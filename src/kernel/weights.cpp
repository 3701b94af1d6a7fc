// SPDX-License-Identifier: Apache-2.0
#include "kernel/weights.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <moxie/core/math.hpp>

namespace moxie::inline abi1::kernel {

namespace {

/// e to the x for x <= 0. As moxie::exp, but in double, since a vocabulary's weights are summed and compared with a
/// draw of 53 bits: x = n ln 2 + r, the Taylor sum of degree 13 for e^r (its remainder is below 5e-18), and n added to
/// the exponent.
[[gnu::always_inline]] inline double exp_of(double x) noexcept {
  constexpr double kSmallest = -708.0;           // e to this is still a normal number
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer, in the lowest bits
  const double inside = x > kSmallest ? x : kSmallest;
  const double shifted = std::fma(inside, 1.4426950408889634, kRound);
  const double n = shifted - kRound;
  double r = std::fma(n, -0x1.62e42fefa0000p-1, inside);
  r = std::fma(n, -0x1.cf79abc9e3b3ap-40, r);
  double p = 1.0 / 6227020800.0;
  p = std::fma(p, r, 1.0 / 479001600.0);
  p = std::fma(p, r, 1.0 / 39916800.0);
  p = std::fma(p, r, 1.0 / 3628800.0);
  p = std::fma(p, r, 1.0 / 362880.0);
  p = std::fma(p, r, 1.0 / 40320.0);
  p = std::fma(p, r, 1.0 / 5040.0);
  p = std::fma(p, r, 1.0 / 720.0);
  p = std::fma(p, r, 1.0 / 120.0);
  p = std::fma(p, r, 1.0 / 24.0);
  p = std::fma(p, r, 1.0 / 6.0);
  p = std::fma(p, r, 0.5);
  p = std::fma(p, r, 1.0);
  p = std::fma(p, r, 1.0);
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(p) + (std::bit_cast<std::uint64_t>(shifted) << 52U);
  return x > kSmallest ? std::bit_cast<double>(bits) : 0.0;
}

[[gnu::always_inline]] inline void weights_body(const float* logits, std::size_t n, WeightScale scale,
                                                double* weights) noexcept {
  for (std::size_t i = 0; i < n; ++i) weights[i] = exp_of(scale.exponent(logits[i]));
}

template <class Float>
[[gnu::always_inline]] inline void slices_body(const Float* x, std::size_t n, Slices slices, double sign,
                                               std::uint16_t* out) noexcept {
  constexpr double kLast = kSlices - 1;
  for (std::size_t i = 0; i < n; ++i) {
    double at = (sign * static_cast<double>(x[i]) - slices.least) * slices.per_unit;
    at = at > 0 ? at : 0;
    at = at < kLast ? at : kLast;
    out[i] = static_cast<std::uint16_t>(static_cast<std::int32_t>(at));
  }
}

#if MOXIE_X86_BODIES
// The same steps on vectors; a std::fma is one rounding with and without the instruction for it.
__attribute__((target("avx2,fma"))) void weights_avx2(const float* logits, std::size_t n, WeightScale scale,
                                                      double* weights) noexcept {
  weights_body(logits, n, scale, weights);
}
template <class Float>
__attribute__((target("avx2,fma"))) void slices_avx2(const Float* x, std::size_t n, Slices slices, double sign,
                                                     std::uint16_t* out) noexcept {
  slices_body(x, n, slices, sign, out);
}
#endif

void weights_of(const float* logits, std::size_t n, WeightScale scale, double* weights) noexcept {
#if MOXIE_X86_BODIES
  if (detail::has_fma_body()) return weights_avx2(logits, n, scale, weights);
#endif
  weights_body(logits, n, scale, weights);
}

template <class Float>
void slices_of(std::span<const Float> x, Slices slices, double sign, std::uint16_t* out) noexcept {
#if MOXIE_X86_BODIES
  if (detail::has_fma_body()) return slices_avx2(x.data(), x.size(), slices, sign, out);
#endif
  slices_body(x.data(), x.size(), slices, sign, out);
}

}  // namespace

void slice_logits(std::span<const float> logits, Slices slices, std::uint16_t* out) noexcept {
  slices_of(logits, slices, -1, out);
}
void slice_distances(std::span<const double> distances, Slices slices, std::uint16_t* out) noexcept {
  slices_of(distances, slices, 1, out);
}

LogitScan scan_logits(std::span<const float> logits) noexcept {
  // Lanes, so that the compiler may use vectors: it must not reorder a maximum by itself.
  constexpr std::size_t kScanLanes = 32;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::array<float, kScanLanes> largest;
  largest.fill(-kInfinity);
  std::array<std::uint32_t, kScanLanes> bad{};
  std::size_t i = 0;
  for (; i + kScanLanes <= logits.size(); i += kScanLanes) {
    const float* x = logits.data() + i;
    for (std::size_t j = 0; j < kScanLanes; ++j) {
      largest[j] = x[j] > largest[j] ? x[j] : largest[j];
      bad[j] |= x[j] < kInfinity ? 0U : 1U;  // NaN is not below anything
    }
  }
  for (; i < logits.size(); ++i) {
    largest[0] = logits[i] > largest[0] ? logits[i] : largest[0];
    bad[0] |= logits[i] < kInfinity ? 0U : 1U;
  }
  return {.largest = *std::ranges::max_element(largest),
          .bad = std::ranges::any_of(bad, [](std::uint32_t b) { return b != 0; })};
}

float least_logit(std::span<const float> logits) noexcept {
  constexpr std::size_t kScanLanes = 32;
  std::array<float, kScanLanes> least;
  least.fill(std::numeric_limits<float>::infinity());
  std::size_t i = 0;
  for (; i + kScanLanes <= logits.size(); i += kScanLanes) {
    const float* x = logits.data() + i;
    for (std::size_t j = 0; j < kScanLanes; ++j) least[j] = x[j] < least[j] ? x[j] : least[j];
  }
  for (; i < logits.size(); ++i) least[0] = std::min(least[0], logits[i]);
  return *std::ranges::min_element(least);
}

TokenId find_logit(std::span<const float> logits, float value) noexcept {
  constexpr std::size_t kStride = 64;
  std::size_t i = 0;
  for (; i + kStride <= logits.size(); i += kStride) {
    const float* x = logits.data() + i;
    std::uint32_t found = 0;
    for (std::size_t j = 0; j < kStride; ++j) found |= x[j] == value ? 1U : 0U;
    if (found != 0) break;
  }
  while (i < logits.size() && logits[i] != value) ++i;
  return static_cast<TokenId>(i);
}

void make_weights(std::span<const float> logits, WeightScale scale, double* weights) noexcept {
  weights_of(logits.data(), logits.size(), scale, weights);
}

double BlockSum::of(const double* weights, std::size_t n) noexcept {
  BlockSum sum;
  std::size_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes) {
    for (std::size_t lane = 0; lane < kSumLanes; ++lane) sum.lanes_[lane] += weights[i + lane];
  }
  for (; i < n; ++i) sum.add(i, weights[i]);
  return sum.value();
}

double sum_blocks(std::span<const float> logits, WeightScale scale, std::span<double> sums) noexcept {
  std::array<double, kSumBlock> weights;
  double total = 0;
  for (std::size_t b = 0, begin = 0; begin < logits.size(); ++b, begin += kSumBlock) {
    const std::size_t n = std::min(kSumBlock, logits.size() - begin);
    weights_of(logits.data() + begin, n, scale, weights.data());
    sums[b] = BlockSum::of(weights.data(), n);
    total += sums[b];
  }
  return total;
}

double make_weights_of_all(std::span<const float> logits, WeightScale scale, double* weights) noexcept {
  double total = 0;
  for (std::size_t begin = 0; begin < logits.size(); begin += kSumBlock) {
    const std::size_t n = std::min(kSumBlock, logits.size() - begin);
    weights_of(logits.data() + begin, n, scale, weights + begin);
    total += BlockSum::of(weights + begin, n);
  }
  return total;
}

double sum_exponents(std::span<const float> logits, WeightScale scale, const double* weights) noexcept {
  std::array<double, kSumLanes> sums{};
  std::size_t i = 0;
  for (; i + kSumLanes <= logits.size(); i += kSumLanes) {
    for (std::size_t lane = 0; lane < kSumLanes; ++lane) {
      sums[lane] += weights[i + lane] * scale.exponent(logits[i + lane]);
    }
  }
  for (; i < logits.size(); ++i) sums[i % kSumLanes] += weights[i] * scale.exponent(logits[i]);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

}  // namespace moxie::kernel
