// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

// Searches for the scale of a group: codes are made with a row of trial scales, the scale (and offset)
// that fits each trial's codes best follows by weighted least squares, and the best of these is taken.
// The trials are the vector lanes, so that each one's sums run in the order of the elements.

namespace moxie::backend::quant {

/// To nearest even, for magnitudes below 2^22.
constexpr float nearest(float value) noexcept {
  constexpr float kShift = 0x1.8p23f;  // above it, floats are whole
  return (value + kShift) - kShift;
}

/// To the nearest whole number in [low, high], which are whole.
constexpr float nearest_within(float value, float low, float high) noexcept {
  value = value < low ? low : value;
  return nearest(value > high ? high : value);
}

constexpr std::size_t whole_vectors(std::size_t lanes) noexcept { return (lanes + 7) / 8 * 8; }

/// Groups whose values are all smaller than this, or span less, become zero (or their offset).
inline constexpr float kSmallestGroup = 1e-15f;

struct AffineFit {
  float scale;   ///< never negative
  float offset;  ///< never negative; a value is about scale q - offset
};

/// How fit_affine tries and judges.
struct AffineTrials {
  int high;   ///< codes are 0 to high
  int count;  ///< trial t stretches the values over high + first + t / 10 codes
  float first;
  bool absolute;  ///< errors are weighed by their size instead of their square
};

template <AffineTrials Trials, std::size_t Width>
AffineFit fit_affine(const float* x, const float* weights) noexcept {
  constexpr auto kCount = static_cast<std::size_t>(Trials.count) + 1;  // lane 0: the plain range, as it is
  constexpr std::size_t kLanes = whole_vectors(kCount);
  constexpr auto kHigh = static_cast<float>(Trials.high);
  using Lanes = std::array<float, kLanes>;

  float low = x[0];
  float high = x[0];
  float sum_w = 0.0f;
  float sum_x = 0.0f;
  for (std::size_t i = 0; i < Width; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
    sum_w += weights[i];
    sum_x += weights[i] * x[i];
  }
  low = low > 0.0f ? 0.0f : low;
  const float range = high - low;
  if (range < kSmallestGroup) return {0.0f, -low};

  Lanes inverse;
  inverse[0] = kHigh / range;
  for (std::size_t t = 1; t < kLanes; ++t) {
    inverse[t] = (Trials.first + 0.1f * static_cast<float>(t - 1) + kHigh) / range;
  }
  std::array<Lanes, Width> q;
  Lanes sum_q{};
  Lanes sum_qq{};
  Lanes sum_qx{};
  for (std::size_t i = 0; i < Width; ++i) {
    const float above = x[i] - low;
    for (std::size_t t = 0; t < kLanes; ++t) {
      const float code = nearest_within(inverse[t] * above, 0.0f, kHigh);
      const float weighed = weights[i] * code;
      q[i][t] = code;
      sum_q[t] += weighed;
      sum_qq[t] += weighed * code;
      sum_qx[t] += weighed * x[i];
    }
  }

  Lanes scale;
  Lanes start;
  Lanes sound;
  for (std::size_t t = 0; t < kLanes; ++t) {
    const float determinant = sum_w * sum_qq[t] - sum_q[t] * sum_q[t];
    const float divisor = determinant > 0.0f ? determinant : 1.0f;
    const float free_scale = (sum_w * sum_qx[t] - sum_x * sum_q[t]) / divisor;
    const float free_start = (sum_qq[t] * sum_x - sum_q[t] * sum_qx[t]) / divisor;
    const float pinned_scale = sum_qx[t] / (sum_qq[t] > 0.0f ? sum_qq[t] : 1.0f);
    scale[t] = free_start > 0.0f ? pinned_scale : free_scale;  // an offset cannot raise values
    start[t] = free_start > 0.0f ? 0.0f : free_start;
    sound[t] = determinant;
  }
  scale[0] = 1.0f / inverse[0];
  start[0] = low;

  Lanes error{};
  for (std::size_t i = 0; i < Width; ++i) {
    for (std::size_t t = 0; t < kLanes; ++t) {
      const float off = scale[t] * q[i][t] + start[t] - x[i];
      error[t] += weights[i] * (Trials.absolute ? (off < 0.0f ? -off : off) : off * off);
    }
  }
  std::size_t best = 0;
  for (std::size_t t = 1; t < kCount; ++t) {
    if (sound[t] > 0.0f && scale[t] >= 0.0f && error[t] < error[best]) best = t;
  }
  return {scale[best], -start[best]};
}

/// The scale d for which d q comes closest to x, errors weighed by x squared, over the codes q = round(t x)
/// of trial scales 1 / t: the one that explains most of the sum, (sum x^3 q)^2 / sum x^2 q^2.
/// The first `count` lanes of `trials` are judged, an earlier one before an equal later one.
template <std::size_t Width, std::size_t Lanes, class Round>
float fit_scale(const float* x, const std::array<float, Lanes>& trials, std::size_t count, Round round) noexcept {
  std::array<float, Lanes> sum_qx{};
  std::array<float, Lanes> sum_qq{};
  for (std::size_t i = 0; i < Width; ++i) {
    const float weight = x[i] * x[i];
    const float weighed = weight * x[i];
    for (std::size_t t = 0; t < Lanes; ++t) {
      const float code = round(trials[t] * x[i]);
      sum_qx[t] += weighed * code;
      sum_qq[t] += weight * code * code;
    }
  }
  float scale = 0.0f;
  float explained = 0.0f;
  for (std::size_t t = 0; t < count; ++t) {
    if (sum_qq[t] > 0.0f && sum_qx[t] * sum_qx[t] > explained * sum_qq[t]) {
      scale = sum_qx[t] / sum_qq[t];
      explained = scale * sum_qx[t];
    }
  }
  return scale;
}

/// The value of largest magnitude, the first of several.
template <std::size_t Width>
float extreme_of(const float* x) noexcept {
  float extreme = x[0];
  for (std::size_t i = 1; i < Width; ++i) {
    const float size = x[i] < 0.0f ? -x[i] : x[i];
    extreme = size > (extreme < 0.0f ? -extreme : extreme) ? x[i] : extreme;
  }
  return extreme;
}

}  // namespace moxie::backend::quant
