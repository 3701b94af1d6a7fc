// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backend/quant/kernels/int_avx2.hpp"
#include "backend/quant/kernels/tile_format.hpp"

namespace {

/// How many pairs of products of codes up to `most` a sum of 16 bits surely holds: activations are 127 at most.
constexpr std::size_t pairs_in_16_bits(int most) { return static_cast<std::size_t>(32767 / (2 * 127 * most)); }

/// dot[r] grows by `by` times the products. Small codes are summed in 16 bits as long as that is exact, 8 vectors of
/// 4-bit ones, and widened once: two instructions for each vector instead of three.
template <class F, std::size_t R>
inline void add_products(const moxie::backend::quant::Activations* x, std::size_t element, const Codes* codes, Ints by,
                         Ints (&dot)[R]) {
  constexpr std::size_t kVectors = F::kGroup / 4;
  if constexpr (F::kCode == moxie::backend::quant::CodeForm::kUnsigned) {
    constexpr std::size_t kFit = pairs_in_16_bits((1 << (F::kLowBits + F::kHighBits)) - 1);
    constexpr std::size_t kRun = kFit < kVectors ? kFit : kVectors;
    static_assert(kRun > 0 && kVectors % kRun == 0);
#pragma GCC unroll 8
    for (std::size_t begin = 0; begin < kVectors; begin += kRun) {
      __m256i lo[R], hi[R];
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kRun; ++i) {
#pragma GCC unroll 8
        for (std::size_t r = 0; r < R; ++r) {
          const __m256i four = broadcast_four(x[r].q + element + 4 * (begin + i));
          const __m256i low = _mm256_maddubs_epi16(codes[begin + i].lo, four);
          const __m256i high = _mm256_maddubs_epi16(codes[begin + i].hi, four);
          lo[r] = i == 0 ? low : in_turn<R>(_mm256_add_epi16(lo[r], low));
          hi[r] = i == 0 ? high : in_turn<R>(_mm256_add_epi16(hi[r], high));
        }
      }
#pragma GCC unroll 8
      for (std::size_t r = 0; r < R; ++r) {
        dot[r].lo = in_turn<R>(_mm256_add_epi32(dot[r].lo, _mm256_madd_epi16(lo[r], by.lo)));
        dot[r].hi = in_turn<R>(_mm256_add_epi32(dot[r].hi, _mm256_madd_epi16(hi[r], by.hi)));
      }
    }
  } else {
    constexpr std::size_t kSide = F::kFlat ? R : 2;  // one row's chain goes through all groups of a chunk
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kVectors; ++i) {
#pragma GCC unroll 8
      for (std::size_t r = 0; r < R; ++r) dot[r] = dot_signed<kSide>(dot[r], codes[i], x[r].q + element + 4 * i, by);
    }
  }
}

/// As dot_group.hpp has these two.
template <class F, std::size_t R>
inline void dot_group(const moxie::backend::quant::Activations* x, std::size_t element, const Codes* codes,
                      Ints (&dot)[R]) {
  const __m256i ones = _mm256_set1_epi16(1);
  add_products<F, R>(x, element, codes, {ones, ones}, dot);
}
template <class F, std::size_t R>
inline void add_group(const moxie::backend::quant::Activations* x, std::size_t group, const Codes* codes, Ints scale,
                      Ints (&sum)[R]) {
  add_products<F, R>(x, group * F::kGroup, codes, scale, sum);
}

}  // namespace
