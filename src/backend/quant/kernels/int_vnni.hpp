// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "backend/cpu/vec_avx512.hpp"

namespace {

/// Sixteen 32-bit integers.
struct Ints {
  __m512i v;

  static Ints broadcast(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
  static Ints load_u8(const std::uint8_t* p) {
    return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  static Ints load_i8(const std::uint8_t* p) {
    return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  /// Nearest integers, halves to even.
  static Ints rounded(Vec x) { return {_mm512_cvtps_epi32(x.v)}; }
  void store_i8(std::int8_t* p) const { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(v)); }
  Vec to_float() const { return {_mm512_cvtepi32_ps(v)}; }
  /// The floats that have these bits.
  Vec as_float() const { return {_mm512_castsi512_ps(v)}; }
  Ints masked(int bits) const { return {_mm512_and_si512(v, _mm512_set1_epi32(bits))}; }
  template <int N>
  Ints shifted_right() const {
    return {_mm512_srli_epi32(v, N)};
  }
  template <int N>
  Ints shifted_left() const {
    return {_mm512_slli_epi32(v, N)};
  }
  friend Ints operator|(Ints a, Ints b) { return {_mm512_or_si512(a.v, b.v)}; }
  friend Ints operator-(Ints a, Ints b) { return {_mm512_sub_epi32(a.v, b.v)}; }
};

/// Four codes of 8 bits for each of sixteen rows.
struct Codes {
  __m512i v;

  static Codes load(const std::uint8_t* p) { return {_mm512_loadu_si512(p)}; }
  Codes masked(int bits) const { return {_mm512_and_si512(v, _mm512_set1_epi8(static_cast<char>(bits)))}; }
  // Bits that cross from one byte into the next are masked off by the caller.
  template <int N>
  Codes shifted_right() const {
    return {_mm512_srli_epi32(v, N)};
  }
  template <int N>
  Codes shifted_left() const {
    return {_mm512_slli_epi32(v, N)};
  }
  friend Codes operator|(Codes a, Codes b) { return {_mm512_or_si512(a.v, b.v)}; }
  /// The same, in a register that will be used again: g++ 12 would load it anew for each use.
  Codes kept() const {
    Codes r = *this;
    __asm__("" : "+v"(r.v));
    return r;
  }
  /// Stored with 128 added, and multiplied so: QuantOps::signed_bias.
  Codes as_signed() const { return *this; }
  /// The values of IQ4, with 128 added.
  Codes looked_up() const {
    const __m128i table = _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, static_cast<char>(129), static_cast<char>(141),
                                        static_cast<char>(153), static_cast<char>(166), static_cast<char>(181),
                                        static_cast<char>(197), static_cast<char>(217), static_cast<char>(241));
    return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), v)};
  }
  /// The values of MXFP4, doubled, with 128 added.
  Codes looked_up_fp4() const {
    const __m128i values = _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    const __m128i table = _mm_xor_si128(values, _mm_set1_epi8(static_cast<char>(0x80)));
    return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), v)};
  }
};

/// Four bytes at any address.
using Four [[gnu::may_alias, gnu::aligned(1)]] = std::int32_t;

// Written out: g++ 12 would broadcast into a register first, and half of what the loop issues were broadcasts.
inline Ints dot_unsigned(Ints sum, Codes codes, const std::int8_t* four) {
  __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum.v) : "v"(codes.v), "m"(*reinterpret_cast<const Four*>(four)));
  return sum;
}
inline Ints dot_signed(Ints sum, Codes codes, const std::int8_t* four) { return dot_unsigned(sum, codes, four); }
inline Ints dot_pairs(Ints sum, Ints pairs, const std::int16_t* two) {
  __asm__("vpdpwssd %2%{1to16%}, %1, %0" : "+v"(sum.v) : "v"(pairs.v), "m"(*reinterpret_cast<const Four*>(two)));
  return sum;
}
/// Whether a group's sum of products has 16 bits, its sign included.
template <class F>
constexpr bool kFits16 = F::kGroup * 127 * F::kLargestCode < 1 << 15;

/// A scale as add_scaled() takes it, in two numbers of 16 bits: n, and 256 n or nothing.
template <class F>
inline Ints multiplier(Ints n) {
  const __m128i bytes = kFits16<F> ? _mm_setr_epi8(0, 1, -1, -1, 4, 5, -1, -1, 8, 9, -1, -1, 12, 13, -1, -1)
                                   : _mm_setr_epi8(0, 1, -1, 0, 4, 5, -1, 4, 8, 9, -1, 8, 12, 13, -1, 12);
  return {_mm512_shuffle_epi8(n.v, _mm512_broadcast_i32x4(bytes))};
}
/// What has more than 16 bits is cut in two: its lowest byte, and the next two with the sign. Two instructions, as to
/// convert and to add in f32; vpmulld would be faster on AMD's CPUs and slower on Intel's (docs/design/011).
template <class F>
inline Ints add_scaled(Ints sum, Ints dot, Ints scale) {
  static_assert(F::kGroup * 127 * F::kLargestCode < 1 << 23 && F::kLargestScale <= 128);
  if constexpr (!kFits16<F>) {
    const __m128i bytes = _mm_setr_epi8(0, -1, 1, 2, 4, -1, 5, 6, 8, -1, 9, 10, 12, -1, 13, 14);
    dot.v = _mm512_shuffle_epi8(dot.v, _mm512_broadcast_i32x4(bytes));
  }
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sum.v) : "v"(dot.v), "vm"(scale.v));
  return sum;
}
/// Four activations, in every lane.
struct Fours {
  __m512i v;
  static Fours broadcast(const std::int8_t* p) { return {_mm512_set1_epi32(*reinterpret_cast<const Four*>(p))}; }
};
inline Ints dot_fours(Ints sum, Codes codes, Fours x) { return {_mm512_dpbusd_epi32(sum.v, codes.v, x.v)}; }

/// What the kernels must know of this path's integers.
struct IntBody {
  static constexpr std::size_t kRowsAtOnce = 1;     ///< rows whose products go side by side over one tile
  static constexpr std::int32_t kSignedBias = 128;  ///< QuantOps::signed_bias
  static constexpr bool kStartsWithBias = true;     ///< sums of products begin with Activations::start
  static constexpr bool kHasWideForm = true;        ///< wide_kernels.hpp, over what follows
  static constexpr std::size_t kRowsWide = 3;       ///< rows that it takes side by side
  using Broadcast = Fours;
};

}  // namespace
