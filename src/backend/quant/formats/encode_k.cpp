// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "encode.hpp"
#include "search.hpp"

namespace moxie::inline abi1::backend::quant {
namespace {

/// What a block of zero bytes holds.
template <class F>
void clear(typename F::Codes& codes) noexcept {
  constexpr std::array<std::uint8_t, F::kBytes> kZero{};
  F::unpack(kZero.data(), codes);
}

/// Quantizes the groups' scales or offsets, none negative, to whole multiples of an f16, which is returned.
template <class F>
std::uint16_t encode_multiples(const GroupValues<F>& from, std::array<std::int8_t, F::kGroups>& to) noexcept {
  constexpr auto kHigh = static_cast<float>(F::kScaleHigh);
  float largest = 0.0f;
  for (const float value : from) largest = value > largest ? value : largest;
  const float inverse = largest < kSmallestGroup ? 0.0f : kHigh / largest;
  for (std::size_t g = 0; g < F::kGroups; ++g) {
    to[g] = to_i8(static_cast<int>(nearest_within(inverse * from[g], 0.0f, kHigh)));
  }
  return narrow_f16(largest / kHigh);
}

/// The codes of (d s) q - (m n), once the scales and offsets are chosen.
template <class F>
void encode_affine(const float* values, const AffineFit<F>& fit, typename F::Codes& codes) noexcept {
  codes.d = encode_multiples<F>(fit.scale, codes.s);
  codes.m = encode_multiples<F>(fit.offset, codes.n);
  if (!is_finite_f16(codes.d) || !is_finite_f16(codes.m)) return;
  const float d = widen_f16(codes.d);
  const float m = widen_f16(codes.m);
  for (std::size_t g = 0; g < F::kGroups; ++g) {
    const float scale = d * static_cast<float>(codes.s[g]);
    const float offset = m * static_cast<float>(codes.n[g]);
    const float* x = values + g * F::kGroupWidth;
    std::int8_t* q = codes.q.data() + g * F::kGroupWidth;
    for (std::size_t j = 0; j < F::kGroupWidth; ++j) {
      const float code = scale == 0.0f ? 0.0f : (x[j] + offset) / scale;
      q[j] = to_i8(static_cast<int>(nearest_within(code, F::kLow, F::kHigh)));
    }
  }
}

/// The codes of (d s) q, once the scales are chosen. The scale of largest magnitude gets the lowest code.
template <class F>
void encode_symmetric(const float* values, const GroupValues<F>& scales, typename F::Codes& codes) noexcept {
  const float extreme = extreme_of<F::kGroups>(scales.data());
  if (std::fabs(extreme) < kSmallestGroup) return clear<F>(codes);
  const float inverse = static_cast<float>(F::kScaleLow) / extreme;
  codes.d = narrow_f16(1.0f / inverse);
  codes.m = 0;
  codes.n.fill(0);
  if (!is_finite_f16(codes.d)) return;
  const float d = widen_f16(codes.d);
  for (std::size_t g = 0; g < F::kGroups; ++g) {
    const float s = nearest_within(inverse * scales[g], F::kScaleLow, F::kScaleHigh);
    codes.s[g] = to_i8(static_cast<int>(s));
    const float scale = d * s;
    const float* x = values + g * F::kGroupWidth;
    std::int8_t* q = codes.q.data() + g * F::kGroupWidth;
    for (std::size_t j = 0; j < F::kGroupWidth; ++j) {
      const float code = scale == 0.0f ? 0.0f : x[j] / scale;
      q[j] = to_i8(static_cast<int>(nearest_within(code, F::kLow, F::kHigh)));
    }
  }
}

/// Weights for Q4_K and Q5_K: a value counts by its size above the root mean square of its group.
template <class F>
MOXIE_INLINE_BODY inline void weigh_by_size(const Columns<F>& x, Columns<F>& weights) noexcept {
  GroupValues<F> typical{};
  for (std::size_t i = 0; i < F::kGroupWidth; ++i) {
    for (std::size_t g = 0; g < F::kGroups; ++g) typical[g] += x[i][g] * x[i][g];
  }
  for (float& value : typical) value = std::sqrt(value / static_cast<float>(F::kGroupWidth));
  for (std::size_t i = 0; i < F::kGroupWidth; ++i) {
    for (std::size_t g = 0; g < F::kGroups; ++g) weights[i][g] = typical[g] + std::fabs(x[i][g]);
  }
}

template <class F, AffineTrials Trials>
void encode_four_or_five_bits(const float* values, typename F::Codes& codes) noexcept {
  AffineFit<F> fit;
  run_vectorised([&]() MOXIE_INLINE_BODY {
    Columns<F> x;
    Columns<F> weights;
    transpose<F>(values, x);
    weigh_by_size<F>(x, weights);
    fit_affine<F, Trials>(x, weights, fit);
  });
  encode_affine<F>(values, fit, codes);
}

/// Scales for Q3_K, all groups at once, one in each lane: codes start from the group's extreme value and are
/// then changed one at a time where that lets a scale explain more of (sum x^3 q)^2 / sum x^2 q^2.
MOXIE_INLINE_BODY inline GroupValues<Q3_K> descend(const float* values) noexcept {
  constexpr std::size_t kGroups = Q3_K::kGroups;
  constexpr std::size_t kWidth = Q3_K::kGroupWidth;
  using Lanes = GroupValues<Q3_K>;
  Lanes inverse;
  for (std::size_t g = 0; g < kGroups; ++g) {
    const float extreme = extreme_of<kWidth>(values + g * kWidth);
    inverse[g] = std::fabs(extreme) < kSmallestGroup ? 0.0f : static_cast<float>(Q3_K::kLow) / extreme;
  }
  Columns<Q3_K> x;
  Columns<Q3_K> q;
  transpose<Q3_K>(values, x);
  Lanes sum_qx{};
  Lanes sum_qq{};
  for (std::size_t i = 0; i < kWidth; ++i) {
    for (std::size_t g = 0; g < kGroups; ++g) {
      q[i][g] = nearest_within(inverse[g] * x[i][g], Q3_K::kLow, Q3_K::kHigh);
      const float weight = x[i][g] * x[i][g];
      sum_qx[g] += weight * x[i][g] * q[i][g];
      sum_qq[g] += weight * q[i][g] * q[i][g];
    }
  }
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds; ++round) {
    Lanes changes{};
    for (std::size_t i = 0; i < kWidth; ++i) {
      for (std::size_t g = 0; g < kGroups; ++g) {
        const float weight = x[i][g] * x[i][g];
        const float other_qx = sum_qx[g] - weight * x[i][g] * q[i][g];
        const float other_qq = sum_qq[g] - weight * q[i][g] * q[i][g];
        const float divisor = other_qx > 0.0f ? other_qx : 1.0f;
        const float code = nearest_within(x[i][g] * other_qq / divisor, Q3_K::kLow, Q3_K::kHigh);
        const float new_qx = other_qx + weight * x[i][g] * code;
        const float new_qq = other_qq + weight * code * code;
        const float gain = new_qx * new_qx * sum_qq[g] - sum_qx[g] * sum_qx[g] * new_qq;
        const bool better = (other_qx > 0.0f) && (code != q[i][g]) && (new_qq > 0.0f) && (gain > 0.0f);
        sum_qx[g] = better ? new_qx : sum_qx[g];
        sum_qq[g] = better ? new_qq : sum_qq[g];
        q[i][g] = better ? code : q[i][g];
        changes[g] += better ? 1.0f : 0.0f;
      }
    }
    if (changes == Lanes{}) break;
  }
  Lanes scales;
  for (std::size_t g = 0; g < kGroups; ++g) scales[g] = sum_qq[g] > 0.0f ? sum_qx[g] / sum_qq[g] : 0.0f;
  return scales;
}

}  // namespace

void encode(Q2_K, const float* values, Q2_K::Codes& codes) noexcept {
  constexpr AffineTrials kTrials{.count = 16, .first = -0.5f, .absolute = true};
  AffineFit<Q2_K> fit;
  run_vectorised([&]() MOXIE_INLINE_BODY {
    Columns<Q2_K> x;
    transpose<Q2_K>(values, x);
    Columns<Q2_K> weights = x;
    for (auto& row : weights) {
      for (float& weight : row) weight = std::fabs(weight);
    }
    fit_affine<Q2_K, kTrials>(x, weights, fit);
  });
  encode_affine<Q2_K>(values, fit, codes);
}

void encode(Q3_K, const float* values, Q3_K::Codes& codes) noexcept {
  GroupValues<Q3_K> scales;
  run_vectorised([&]() MOXIE_INLINE_BODY { scales = descend(values); });
  encode_symmetric<Q3_K>(values, scales, codes);
}

void encode(Q4_K, const float* values, Q4_K::Codes& codes) noexcept {
  constexpr AffineTrials kTrials{.count = 21, .first = -1.0f, .absolute = false};
  encode_four_or_five_bits<Q4_K, kTrials>(values, codes);
}

void encode(Q5_K, const float* values, Q5_K::Codes& codes) noexcept {
  constexpr AffineTrials kTrials{.count = 16, .first = -0.5f, .absolute = false};
  encode_four_or_five_bits<Q5_K, kTrials>(values, codes);
}

void encode(Q6_K, const float* values, Q6_K::Codes& codes) noexcept {
  constexpr std::size_t kCount = 19;  // 32 codes to the extreme value, then 31.1 to 32.9; whole vectors of lanes
  std::array<float, 24> reach{};
  reach[0] = -32.0f;
  for (int step = -9, t = 1; step <= 9; ++step) {
    if (step != 0) reach[static_cast<std::size_t>(t++)] = -(32.0f + 0.1f * static_cast<float>(step));
  }
  GroupValues<Q6_K> scales;
  for (std::size_t g = 0; g < Q6_K::kGroups; ++g) {
    const float* x = values + g * Q6_K::kGroupWidth;
    const float extreme = extreme_of<Q6_K::kGroupWidth>(x);
    scales[g] = 0.0f;
    if (std::fabs(extreme) < kSmallestGroup) continue;
    auto trials = reach;
    for (float& trial : trials) trial /= extreme;
    scales[g] = fit_scale<Q6_K::kGroupWidth, Product::kValueFirst>(
        x, trials, kCount, [](float value) { return nearest_within(value, Q6_K::kLow, Q6_K::kHigh); });
  }
  encode_symmetric<Q6_K>(values, scales, codes);
}

}  // namespace moxie::backend::quant
