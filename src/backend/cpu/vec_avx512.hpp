// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace {

/// Sixteen floats in one AVX-512 register.
struct Vec {
  __m512 v;

  static constexpr std::size_t kRows = 6;  // 6 rows of 4 vectors: 24 accumulators of 32
  static constexpr std::size_t vectors_for(std::size_t) { return 4; }
  static constexpr std::size_t kAttendVectors = 2;

  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec load_first(const float* p, std::size_t n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
  static Vec load_bf16(const std::uint16_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
  }
  static Vec load_f16(const std::uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  static Vec load_i8(const std::int8_t* p) {
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
  }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store_first(float* p, std::size_t n) const { _mm512_mask_storeu_ps(p, first(n), v); }

  friend Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
  friend Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  static Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
  Vec magnitude() const { return {_mm512_abs_ps(v)}; }
  /// Whether no lane is NaN or infinite.
  bool is_finite() const { return _mm512_fpclass_ps_mask(v, 0x99) == 0; }  // NaNs and infinities of either sign
  /// Lanes [0, n) of a, the others of b.
  static Vec first_of(std::size_t n, Vec a, Vec b) { return {_mm512_mask_blend_ps(first(n), b.v, a.v)}; }
  /// a where x > limit, else b.
  static Vec where_greater(Vec x, float limit, Vec a, Vec b) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, _mm512_set1_ps(limit), _CMP_GT_OQ), b.v, a.v)};
  }
  static Vec where_nan(Vec x, Vec a, Vec b) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q), b.v, a.v)};
  }
  /// x * 2^n for an integral n, in two exact steps.
  static Vec scale(Vec x, Vec n) {
    const __m512i whole = _mm512_cvttps_epi32(n.v);
    const __m512i half = _mm512_srai_epi32(whole, 1);
    const __m512 a = power(half);
    const __m512 b = power(_mm512_sub_epi32(whole, half));
    return {_mm512_mul_ps(_mm512_mul_ps(x.v, a), b)};
  }

 private:
  static __mmask16 first(std::size_t n) {
    return n >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << n) - 1u);
  }
  static __m512 power(__m512i e) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(e, _mm512_set1_epi32(127)), 23));
  }
};

}  // namespace
