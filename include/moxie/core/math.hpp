// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include <moxie/core/config.hpp>
#include <moxie/core/exp.hpp>

#if MOXIE_X86_BODIES
#include <immintrin.h>
#endif

// Elementary functions with the same bits everywhere: for any number of rows, in scalar and vector
// bodies, with or without FMA in the compiler's flags. Two rules make it so, and experts of one's own
// can follow them: every multiply-add is written as std::fma (so that nothing is left for the
// compiler to contract), and every sum runs over kLanes interleaved partial sums that are then added
// pairwise (so that its order does not depend on the vector width).

namespace moxie::inline abi1 {

/// Partial sums of a reduction: element i belongs to lane i % kLanes.
inline constexpr std::size_t kLanes = 16;
using Lanes = std::array<float, kLanes>;

/// Adds the lanes pairwise: 16 to 8, 4, 2, 1.
constexpr float sum_lanes(Lanes lanes) noexcept {
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

namespace detail {

/// One float in the form that exp_of() takes.
struct Lane {
  float v;

  static Lane broadcast(float x) noexcept { return {x}; }
  static Lane fma(Lane a, Lane b, Lane c) noexcept { return {std::fma(a.v, b.v, c.v)}; }
  friend Lane operator-(Lane a, Lane b) noexcept { return {a.v - b.v}; }
  static Lane where_greater(Lane x, float limit, Lane a, Lane b) noexcept { return x.v > limit ? a : b; }
  static Lane where_nan(Lane x, Lane a, Lane b) noexcept { return x.v != x.v ? a : b; }
  static Lane scale(Lane x, Lane n) noexcept {
    // Beyond these, and for NaN, the result is replaced; the conversion must be defined all the same.
    const float inside = n.v > -160.0f ? (n.v < 160.0f ? n.v : 160.0f) : -160.0f;
    const auto whole = static_cast<std::int32_t>(inside);
    const std::int32_t half = whole >> 1;
    return {x.v * power(half) * power(whole - half)};
  }

 private:
  static float power(std::int32_t e) noexcept { return std::bit_cast<float>((e + 127) << 23); }
};

}  // namespace detail

/// e to the x, within 1 ulp; 0 below -104, infinity above 88.73, NaN for NaN.
inline float exp(float x) noexcept { return detail::exp_of(detail::Lane{x}).v; }

/// 1 / (1 + e^-x).
inline float sigmoid(float x) noexcept { return 1.0f / (1.0f + moxie::exp(-x)); }
/// x times sigmoid(x), as one division.
inline float silu(float x) noexcept { return x / (1.0f + moxie::exp(-x)); }

/// Within 2.4e-7: 1 at the far right, -1 at the far left, NaN for NaN.
inline float tanh(float x) noexcept { return 1.0f - 2.0f / (1.0f + moxie::exp(2.0f * x)); }
/// Values of any size brought within (-cap, cap), those near 0 hardly changed.
/// Source   Gemma 2, 2024, "logit soft-capping"
inline float soft_cap(float x, float cap) noexcept { return cap * moxie::tanh(x / cap); }

/// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), as x over 1 and an exponential: one division.
/// Source   Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016
inline constexpr float kGeluLinear = -1.59576912f;   // -2 sqrt(2 / pi)
inline constexpr float kGeluCubic = -0.0713548163f;  // that times 0.044715
inline float gelu(float x) noexcept {
  const float square = x * x;
  return x / (1.0f + moxie::exp(x * std::fma(square, kGeluCubic, kGeluLinear)));
}

/// A gated activation whose inputs are bounded: gate at most kGateLimit, up within it on both sides; then
/// gate * sigmoid(kGateSlope * gate) * (up + 1). NaN stays NaN.
/// Source   gpt-oss, as in transformers ("alpha" and "limit" of GptOssExperts)
inline constexpr float kGateLimit = 7.0f;
inline constexpr float kGateSlope = 1.702f;
inline float clamped_swiglu(float gate, float up) noexcept {
  gate = kGateLimit < gate ? kGateLimit : gate;
  up = kGateLimit < up ? kGateLimit : up;
  up = -kGateLimit > up ? -kGateLimit : up;
  return gate / (1.0f + moxie::exp(-kGateSlope * gate)) * (up + 1.0f);
}

namespace detail {

inline bool has_fma_body() noexcept {
#if MOXIE_X86_BODIES
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

#if MOXIE_X86_BODIES
#define MOXIE_FMA_BODY __attribute__((target("avx2,fma"))) inline

/// Eight floats in the form that exp_of() takes.
struct Eight {
  __m256 v;

  MOXIE_FMA_BODY static Eight broadcast(float x) noexcept { return {_mm256_set1_ps(x)}; }
  MOXIE_FMA_BODY static Eight fma(Eight a, Eight b, Eight c) noexcept { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  MOXIE_FMA_BODY friend Eight operator-(Eight a, Eight b) noexcept { return {_mm256_sub_ps(a.v, b.v)}; }
  MOXIE_FMA_BODY static Eight where_greater(Eight x, float limit, Eight a, Eight b) noexcept {
    return {_mm256_blendv_ps(b.v, a.v, _mm256_cmp_ps(x.v, _mm256_set1_ps(limit), _CMP_GT_OQ))};
  }
  MOXIE_FMA_BODY static Eight where_nan(Eight x, Eight a, Eight b) noexcept {
    return {_mm256_blendv_ps(b.v, a.v, _mm256_cmp_ps(x.v, x.v, _CMP_UNORD_Q))};
  }
  MOXIE_FMA_BODY static Eight scale(Eight x, Eight n) noexcept {
    const __m256i whole = _mm256_cvttps_epi32(n.v);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    return {_mm256_mul_ps(_mm256_mul_ps(x.v, power(half)), power(_mm256_sub_epi32(whole, half)))};
  }

 private:
  MOXIE_FMA_BODY static __m256 power(__m256i e) noexcept {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(127)), 23));
  }
};

MOXIE_FMA_BODY std::size_t fma_into_avx2(float w, const float* x, float* y, std::size_t n) noexcept {
  const __m256 weight = _mm256_set1_ps(w);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_fmadd_ps(weight, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
  }
  return i;
}

MOXIE_FMA_BODY std::size_t silu_times_avx2(const float* gate, const float* up, float* y, std::size_t n) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 g = _mm256_loadu_ps(gate + i);
    const __m256 e = exp_of(Eight{_mm256_xor_ps(g, _mm256_set1_ps(-0.0f))}).v;
    const __m256 s = _mm256_div_ps(g, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
    _mm256_storeu_ps(y + i, _mm256_mul_ps(s, _mm256_loadu_ps(up + i)));
  }
  return i;
}

MOXIE_FMA_BODY std::size_t clamped_swiglu_avx2(const float* gate, const float* up, float* y, std::size_t n) noexcept {
  const __m256 limit = _mm256_set1_ps(kGateLimit);
  const __m256 least = _mm256_set1_ps(-kGateLimit);
  const __m256 one = _mm256_set1_ps(1.0f);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 g = _mm256_min_ps(limit, _mm256_loadu_ps(gate + i));  // the second where one is NaN
    const __m256 u = _mm256_max_ps(least, _mm256_min_ps(limit, _mm256_loadu_ps(up + i)));
    const __m256 e = exp_of(Eight{_mm256_mul_ps(_mm256_set1_ps(-kGateSlope), g)}).v;
    const __m256 s = _mm256_div_ps(g, _mm256_add_ps(one, e));
    _mm256_storeu_ps(y + i, _mm256_mul_ps(s, _mm256_add_ps(u, one)));
  }
  return i;
}

MOXIE_FMA_BODY std::size_t gelu_times_avx2(const float* gate, const float* up, float* y, std::size_t n) noexcept {
  const __m256 linear = _mm256_set1_ps(kGeluLinear);
  const __m256 cubic = _mm256_set1_ps(kGeluCubic);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 g = _mm256_loadu_ps(gate + i);
    const __m256 inner = _mm256_mul_ps(g, _mm256_fmadd_ps(_mm256_mul_ps(g, g), cubic, linear));
    const __m256 s = _mm256_div_ps(g, _mm256_add_ps(_mm256_set1_ps(1.0f), exp_of(Eight{inner}).v));
    _mm256_storeu_ps(y + i, _mm256_mul_ps(s, _mm256_loadu_ps(up + i)));
  }
  return i;
}

MOXIE_FMA_BODY std::size_t exp_minus_avx2(const float* x, float shift, float* y, std::size_t n) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const Eight e = exp_of(Eight{_mm256_sub_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(shift))});
    _mm256_storeu_ps(y + i, e.v);
  }
  return i;
}

#undef MOXIE_FMA_BODY
#endif

}  // namespace detail

/// y[i] = fma(weight, x[i], y[i]): how an expert's output is added.
///
/// Shapes   x and y hold at least n floats; they may be the same memory.
inline void fma_into(float weight, const float* x, float* y, std::size_t n) noexcept {
  std::size_t i = 0;
#if MOXIE_X86_BODIES
  if (n >= 8 && detail::has_fma_body()) i = detail::fma_into_avx2(weight, x, y, n);
#endif
  for (; i < n; ++i) y[i] = std::fma(weight, x[i], y[i]);
}

/// y[i] = silu(gate[i]) * up[i]: the gated activation of an MLP. y may be gate or up.
inline void silu_times(const float* gate, const float* up, float* y, std::size_t n) noexcept {
  std::size_t i = 0;
#if MOXIE_X86_BODIES
  if (n >= 8 && detail::has_fma_body()) i = detail::silu_times_avx2(gate, up, y, n);
#endif
  for (; i < n; ++i) y[i] = silu(gate[i]) * up[i];
}

/// y[i] = clamped_swiglu(gate[i], up[i]). y may be gate or up.
inline void clamped_swiglu(const float* gate, const float* up, float* y, std::size_t n) noexcept {
  std::size_t i = 0;
#if MOXIE_X86_BODIES
  if (n >= 8 && detail::has_fma_body()) i = detail::clamped_swiglu_avx2(gate, up, y, n);
#endif
  for (; i < n; ++i) y[i] = clamped_swiglu(gate[i], up[i]);
}

/// y[i] = gelu(gate[i]) * up[i]. y may be gate or up.
inline void gelu_times(const float* gate, const float* up, float* y, std::size_t n) noexcept {
  std::size_t i = 0;
#if MOXIE_X86_BODIES
  if (n >= 8 && detail::has_fma_body()) i = detail::gelu_times_avx2(gate, up, y, n);
#endif
  for (; i < n; ++i) y[i] = gelu(gate[i]) * up[i];
}

/// y[i] = e^(x[i] - shift). y may be x.
inline void exp_minus(const float* x, float shift, float* y, std::size_t n) noexcept {
  std::size_t i = 0;
#if MOXIE_X86_BODIES
  if (n >= 8 && detail::has_fma_body()) i = detail::exp_minus_avx2(x, shift, y, n);
#endif
  for (; i < n; ++i) y[i] = moxie::exp(x[i] - shift);
}

/// The softmax of one row, in place: e^(x - max), divided by their sum over kLanes lanes.
/// An empty row stays empty. NaN or +infinity in the row gives NaN; all -infinity gives NaN.
inline void softmax(std::span<float> row) noexcept {
  if (row.empty()) return;
  float largest = row[0];
  for (const float x : row) largest = x > largest ? x : largest;
  exp_minus(row.data(), largest, row.data(), row.size());
  Lanes lanes{};
  for (std::size_t i = 0; i < row.size(); ++i) lanes[i % kLanes] += row[i];
  const float sum = sum_lanes(lanes);
  for (float& x : row) x /= sum;  // divides: a product by 1 / sum could be contracted by the caller's compiler
}

}  // namespace moxie
