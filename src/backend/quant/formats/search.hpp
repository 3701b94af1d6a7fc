// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <moxie/core/config.hpp>

// Searches for the scales of groups: codes are made with a row of trial scales, the scale (and offset)
// that fits each trial's codes best follows by weighted least squares, and the best of these is taken.
// What is independent of each other, groups or trials, fills the vector lanes, so that every sum runs in
// the order of the elements: the same bits on every machine.

#if defined(__GNUC__)
#define MOXIE_INLINE_BODY __attribute__((always_inline))
#else
#define MOXIE_INLINE_BODY
#endif

// A test builds the formats with MOXIE_QUANT_PORTABLE to hold one path against the other.
#if MOXIE_X86_BODIES && !defined(MOXIE_QUANT_PORTABLE)
#define MOXIE_QUANT_AVX2 1
#else
#define MOXIE_QUANT_AVX2 0
#endif

namespace moxie::inline abi1::backend::quant {

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

#if MOXIE_QUANT_AVX2
template <class Body>
__attribute__((target("avx2"))) void run_with_avx2(const Body& body) noexcept {
  body();
}
#endif

/// Runs a body marked MOXIE_INLINE_BODY, compiled for AVX2 too where the CPU has it. No FMA: the same bits.
template <class Body>
void run_vectorised(const Body& body) noexcept {
#if MOXIE_QUANT_AVX2
  if (__builtin_cpu_supports("avx2")) return run_with_avx2(body);
#endif
  body();
}

/// Groups whose values are all smaller than this, or span less, become zero (or their offset).
inline constexpr float kSmallestGroup = 1e-15f;

/// A number for each group of a block; and the values of a block, element i of every group in row i.
template <class F>
using GroupValues = std::array<float, F::kGroups>;
template <class F>
using Columns = std::array<GroupValues<F>, F::kGroupWidth>;

template <class F>
MOXIE_INLINE_BODY inline void transpose(const float* values, Columns<F>& columns) noexcept {
  for (std::size_t i = 0; i < F::kGroupWidth; ++i) {
    for (std::size_t g = 0; g < F::kGroups; ++g) columns[i][g] = values[g * F::kGroupWidth + i];
  }
}

/// A value is about scale q - offset; neither is ever negative.
template <class F>
struct AffineFit {
  GroupValues<F> scale;
  GroupValues<F> offset;
};

/// How fit_affine tries and judges.
struct AffineTrials {
  int count;  ///< trial t stretches the values over F::kHigh + first + t / 10 codes
  float first;
  bool absolute;  ///< errors count by their size instead of their square
};

/// Scales and offsets for F::kForm == kGroupScaleSub. A trial counts its codes from the best start so far.
template <class F, AffineTrials Trials>
MOXIE_INLINE_BODY inline void fit_affine(const Columns<F>& x, const Columns<F>& weights, AffineFit<F>& fit) noexcept {
  constexpr std::size_t kGroups = F::kGroups;
  constexpr std::size_t kWidth = F::kGroupWidth;
  constexpr auto kHigh = static_cast<float>(F::kHigh);
  using Lanes = GroupValues<F>;

  Lanes low = x[0];
  Lanes high = x[0];
  Lanes sum_w{};
  Lanes sum_x{};
  for (std::size_t i = 0; i < kWidth; ++i) {
    for (std::size_t g = 0; g < kGroups; ++g) {
      low[g] = x[i][g] < low[g] ? x[i][g] : low[g];
      high[g] = x[i][g] > high[g] ? x[i][g] : high[g];
      sum_w[g] += weights[i][g];
      sum_x[g] += weights[i][g] * x[i][g];
    }
  }

  Columns<F> codes;
  Lanes inverse;
  Lanes scale;
  Lanes start;
  const auto error_of = [&](const Lanes& trial_scale, const Lanes& trial_start, Lanes& error) MOXIE_INLINE_BODY {
    error.fill(0.0f);
    for (std::size_t i = 0; i < kWidth; ++i) {
      for (std::size_t g = 0; g < kGroups; ++g) {
        const float off = trial_scale[g] * codes[i][g] + trial_start[g] - x[i][g];
        error[g] += weights[i][g] * (Trials.absolute ? (off < 0.0f ? -off : off) : off * off);
      }
    }
  };

  for (std::size_t g = 0; g < kGroups; ++g) {
    start[g] = low[g] > 0.0f ? 0.0f : low[g];  // an offset cannot raise values
    const float range = high[g] - start[g];
    inverse[g] = range < kSmallestGroup ? 0.0f : kHigh / range;
    scale[g] = range < kSmallestGroup ? 0.0f : range / kHigh;
  }
  for (std::size_t i = 0; i < kWidth; ++i) {
    for (std::size_t g = 0; g < kGroups; ++g) {
      codes[i][g] = nearest_within(inverse[g] * (x[i][g] - start[g]), 0.0f, kHigh);
    }
  }
  Lanes best;
  error_of(scale, start, best);

  for (int trial = 0; trial < Trials.count; ++trial) {
    const float reach = Trials.first + 0.1f * static_cast<float>(trial) + kHigh;
    for (std::size_t g = 0; g < kGroups; ++g) {
      const float range = high[g] - start[g];
      inverse[g] = reach / (range < kSmallestGroup ? 1.0f : range);
    }
    Lanes sum_q{};
    Lanes sum_qq{};
    Lanes sum_qx{};
    for (std::size_t i = 0; i < kWidth; ++i) {
      for (std::size_t g = 0; g < kGroups; ++g) {
        const float code = nearest_within(inverse[g] * (x[i][g] - start[g]), 0.0f, kHigh);
        const float weighed = weights[i][g] * code;
        codes[i][g] = code;
        sum_q[g] += weighed;
        sum_qq[g] += weighed * code;
        sum_qx[g] += weighed * x[i][g];
      }
    }
    Lanes determinant;
    Lanes trial_scale;
    Lanes trial_start;
    for (std::size_t g = 0; g < kGroups; ++g) {
      determinant[g] = sum_w[g] * sum_qq[g] - sum_q[g] * sum_q[g];
      const float divisor = determinant[g] > 0.0f ? determinant[g] : 1.0f;
      const float free_scale = (sum_w[g] * sum_qx[g] - sum_x[g] * sum_q[g]) / divisor;
      const float free_start = (sum_qq[g] * sum_x[g] - sum_q[g] * sum_qx[g]) / divisor;
      const float pinned_scale = sum_qx[g] / (sum_qq[g] > 0.0f ? sum_qq[g] : 1.0f);
      trial_scale[g] = free_start > 0.0f ? pinned_scale : free_scale;
      trial_start[g] = free_start > 0.0f ? 0.0f : free_start;
    }
    Lanes error;
    error_of(trial_scale, trial_start, error);
    for (std::size_t g = 0; g < kGroups; ++g) {
      const bool better =
          (determinant[g] > 0.0f) && (scale[g] > 0.0f) && (trial_scale[g] >= 0.0f) && (error[g] < best[g]);
      best[g] = better ? error[g] : best[g];
      scale[g] = better ? trial_scale[g] : scale[g];
      start[g] = better ? trial_start[g] : start[g];
    }
  }
  fit.scale = scale;
  for (std::size_t g = 0; g < kGroups; ++g) fit.offset[g] = -start[g];
}

/// How x^3 q is multiplied; llama.cpp does it differently from type to type, and the last bit decides ties.
enum class Product : std::uint8_t { kValueFirst, kCodeFirst };

/// The scale d for which d q comes closest to x, errors weighed by x squared, over the codes q = round(t x)
/// of trial scales 1 / t: the one that explains most of the sum, (sum x^3 q)^2 / sum x^2 q^2.
/// The first `count` lanes of `trials` are judged, an earlier one before an equal later one.
template <std::size_t Width, Product Order, std::size_t Lanes, class Round>
MOXIE_INLINE_BODY inline float fit_scale(const float* x, const std::array<float, Lanes>& trials, std::size_t count,
                                         Round round) noexcept {
  std::array<float, Lanes> sum_qx{};
  std::array<float, Lanes> sum_qq{};
  for (std::size_t i = 0; i < Width; ++i) {
    const float weight = x[i] * x[i];
    for (std::size_t t = 0; t < Lanes; ++t) {
      const float code = round(trials[t] * x[i]);
      const float weighed = weight * code;
      sum_qx[t] += Order == Product::kCodeFirst ? weighed * x[i] : weight * x[i] * code;
      sum_qq[t] += weighed * code;
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
