// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace {

/// Sixteen floats in two AVX2 registers: the same lanes as on AVX-512, hence the same sums.
struct Vec {
  __m256 lo, hi;

  static constexpr std::size_t kRows = 6;
  // A vector takes two of the 16 registers: one row may have four of them, six rows one.
  static constexpr std::size_t vectors_for(std::size_t rows) { return rows == 1 ? 4 : rows <= 3 ? 2 : 1; }
  static constexpr std::size_t kAttendVectors = 1;

  static Vec zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Vec broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Vec load_first(const float* p, std::size_t n) {
    return {_mm256_maskload_ps(p, first(n)), _mm256_maskload_ps(n > 8 ? p + 8 : p, first(n > 8 ? n - 8 : 0))};
  }
  static Vec load_bf16(const std::uint16_t* p) {
    const auto widen = [](const std::uint16_t* at) {
      const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
      return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
    };
    return {widen(p), widen(p + 8)};
  }
  static Vec load_f16(const std::uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  static Vec load_i8(const std::int8_t* p) {
    const auto widen = [](const std::int8_t* at) {
      return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))));
    };
    return {widen(p), widen(p + 8)};
  }
  void store(float* p) const { _mm256_storeu_ps(p, lo), _mm256_storeu_ps(p + 8, hi); }
  void store_first(float* p, std::size_t n) const {
    _mm256_maskstore_ps(p, first(n), lo);
    if (n > 8) _mm256_maskstore_ps(p + 8, first(n - 8), hi);
  }

  friend Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
  friend Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)}; }
  static Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
  Vec magnitude() const {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, lo), _mm256_andnot_ps(sign, hi)};
  }
  /// Whether no lane is NaN or infinite.
  bool is_finite() const {
    const __m256 most = _mm256_set1_ps(__FLT_MAX__);
    const Vec m = magnitude();
    return _mm256_movemask_ps(
               _mm256_and_ps(_mm256_cmp_ps(m.lo, most, _CMP_LE_OQ), _mm256_cmp_ps(m.hi, most, _CMP_LE_OQ))) == 0xff;
  }
  /// Lanes [0, n) of a, the others of b.
  static Vec first_of(std::size_t n, Vec a, Vec b) {
    return {_mm256_blendv_ps(b.lo, a.lo, _mm256_castsi256_ps(first(n))),
            _mm256_blendv_ps(b.hi, a.hi, _mm256_castsi256_ps(first(n > 8 ? n - 8 : 0)))};
  }
  /// a where x > limit, else b.
  static Vec where_greater(Vec x, float limit, Vec a, Vec b) {
    const __m256 bound = _mm256_set1_ps(limit);
    return {_mm256_blendv_ps(b.lo, a.lo, _mm256_cmp_ps(x.lo, bound, _CMP_GT_OQ)),
            _mm256_blendv_ps(b.hi, a.hi, _mm256_cmp_ps(x.hi, bound, _CMP_GT_OQ))};
  }
  static Vec where_nan(Vec x, Vec a, Vec b) {
    return {_mm256_blendv_ps(b.lo, a.lo, _mm256_cmp_ps(x.lo, x.lo, _CMP_UNORD_Q)),
            _mm256_blendv_ps(b.hi, a.hi, _mm256_cmp_ps(x.hi, x.hi, _CMP_UNORD_Q))};
  }
  /// x * 2^n for an integral n, in two exact steps.
  static Vec scale(Vec x, Vec n) { return {scale_half(x.lo, n.lo), scale_half(x.hi, n.hi)}; }

 private:
  static __m256i first(std::size_t n) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n < 8 ? n : 8)), lanes);
  }
  static __m256 scale_half(__m256 x, __m256 n) {
    const __m256i whole = _mm256_cvttps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    return _mm256_mul_ps(_mm256_mul_ps(x, power(half)), power(_mm256_sub_epi32(whole, half)));
  }
  static __m256 power(__m256i e) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(127)), 23));
  }
};

}  // namespace
