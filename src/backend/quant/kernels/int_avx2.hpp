// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "backend/cpu/vec_avx2.hpp"

namespace {

/// Sixteen 32-bit integers.
struct Ints {
  __m256i lo, hi;

  static Ints broadcast(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static Ints load_u8(const std::uint8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
  }
  static Ints load_i8(const std::uint8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))};
  }
  /// Nearest integers, halves to even.
  static Ints rounded(Vec x) { return {_mm256_cvtps_epi32(x.lo), _mm256_cvtps_epi32(x.hi)}; }
  void store_i8(std::int8_t* p) const {
    std::int32_t values[16];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(values), lo);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + 8), hi);
    for (int i = 0; i < 16; ++i) p[i] = static_cast<std::int8_t>(values[i]);
  }
  Vec to_float() const { return {_mm256_cvtepi32_ps(lo), _mm256_cvtepi32_ps(hi)}; }
  /// The floats that have these bits.
  Vec as_float() const { return {_mm256_castsi256_ps(lo), _mm256_castsi256_ps(hi)}; }
  Ints masked(int bits) const {
    const __m256i mask = _mm256_set1_epi32(bits);
    return {_mm256_and_si256(lo, mask), _mm256_and_si256(hi, mask)};
  }
  template <int N>
  Ints shifted_right() const {
    return {_mm256_srli_epi32(lo, N), _mm256_srli_epi32(hi, N)};
  }
  template <int N>
  Ints shifted_left() const {
    return {_mm256_slli_epi32(lo, N), _mm256_slli_epi32(hi, N)};
  }
  friend Ints operator|(Ints a, Ints b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
  friend Ints operator-(Ints a, Ints b) { return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)}; }
};

/// Four codes of 8 bits for each of sixteen rows.
struct Codes {
  __m256i lo, hi;

  static Codes load(const std::uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  Codes masked(int bits) const {
    const __m256i mask = _mm256_set1_epi8(static_cast<char>(bits));
    return {_mm256_and_si256(lo, mask), _mm256_and_si256(hi, mask)};
  }
  // Bits that cross from one byte into the next are masked off by the caller.
  template <int N>
  Codes shifted_right() const {
    return {_mm256_srli_epi32(lo, N), _mm256_srli_epi32(hi, N)};
  }
  template <int N>
  Codes shifted_left() const {
    return {_mm256_slli_epi32(lo, N), _mm256_slli_epi32(hi, N)};
  }
  friend Codes operator|(Codes a, Codes b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
  /// Stored with 128 added: taken off, for here the product is of magnitudes.
  Codes as_signed() const {
    const __m256i top = _mm256_set1_epi8(static_cast<char>(0x80));
    return {_mm256_xor_si256(lo, top), _mm256_xor_si256(hi, top)};
  }
  /// The values of IQ4.
  Codes looked_up() const {
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113));
    return {_mm256_shuffle_epi8(table, lo), _mm256_shuffle_epi8(table, hi)};
  }
  /// The values of MXFP4, doubled.
  Codes looked_up_fp4() const {
    const __m256i table =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12));
    return {_mm256_shuffle_epi8(table, lo), _mm256_shuffle_epi8(table, hi)};
  }
};

inline __m256i broadcast_four(const void* p) {
  std::int32_t four = 0;
  std::memcpy(&four, p, sizeof(four));
  return _mm256_set1_epi32(four);
}

/// A scale as add_products() takes it: twice in 16 bits.
template <class F>
inline Ints multiplier(Ints n) {
  const __m256i bytes = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13));
  return {_mm256_shuffle_epi8(n.lo, bytes), _mm256_shuffle_epi8(n.hi, bytes)};
}

/// The same, in a register, where R rows go side by side. g++ would make all products of a group first and add them in
/// pairs, and of two rows they are more than there are registers.
template <std::size_t R>
inline __m256i in_turn(__m256i sum) {
  if constexpr (R > 1) __asm__("" : "+x"(sum));
  return sum;
}

// Magnitudes of the codes, 128 at most, times activations with the codes' signs: 2 * 128 * 127 fits.
template <std::size_t R>
inline Ints dot_signed(Ints sum, Codes codes, const std::int8_t* four, Ints by) {
  const __m256i x = broadcast_four(four);
  const Codes magnitude = {_mm256_abs_epi8(codes.lo), _mm256_abs_epi8(codes.hi)};
  const auto dot = [&](__m256i m, __m256i c, __m256i factor) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(m, _mm256_sign_epi8(x, c)), factor);
  };
  return {in_turn<R>(_mm256_add_epi32(sum.lo, dot(magnitude.lo, codes.lo, by.lo))),
          in_turn<R>(_mm256_add_epi32(sum.hi, dot(magnitude.hi, codes.hi, by.hi)))};
}
inline Ints dot_pairs(Ints sum, Ints pairs, const std::int16_t* two) {
  const __m256i x = broadcast_four(two);
  return {_mm256_add_epi32(sum.lo, _mm256_madd_epi16(pairs.lo, x)),
          _mm256_add_epi32(sum.hi, _mm256_madd_epi16(pairs.hi, x))};
}
/// What the kernels must know of this path's integers.
struct IntBody {
  static constexpr std::size_t kRowsAtOnce = 2;   ///< rows whose products go side by side over one tile
  static constexpr std::int32_t kSignedBias = 0;  ///< QuantOps::signed_bias
  static constexpr bool kStartsWithBias = false;  ///< a K type's sums grow by scaled products alone
  static constexpr bool kHasWideForm = false;     ///< wide_kernels.hpp wants more registers than there are
};

}  // namespace
