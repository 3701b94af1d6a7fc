// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backend/quant/kernels/tile_format.hpp"

namespace {

/// Where the sum of a group begins: codes are off by a bias.
template <class F>
inline Ints start_of(const moxie::backend::quant::Activations& x, std::size_t group) {
  constexpr bool kNone = F::kCode == moxie::backend::quant::CodeForm::kUnsigned && F::kBias == 0;
  return Ints::broadcast(kNone ? 0 : x.start[group]);
}

/// The products of one group of a chunk, of R rows side by side: dot[r] grows by codes times row r's values from
/// `element` on. `codes` are those of the group.
template <class F, std::size_t R>
inline void dot_group(const moxie::backend::quant::Activations* x, std::size_t element, const Codes* codes,
                      Ints (&dot)[R]) {
#pragma GCC unroll 8
  for (std::size_t i = 0; i < F::kGroup / 4; ++i) {
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r) {
      const std::int8_t* values = x[r].q + element + 4 * i;
      if constexpr (F::kCode == moxie::backend::quant::CodeForm::kUnsigned) {
        dot[r] = dot_unsigned(dot[r], codes[i], values);
      } else {
        dot[r] = dot_signed(dot[r], codes[i], values);
      }
    }
  }
}

/// sum[r] grows by the scale of group `group`, as multiplier() has it, times its products.
template <class F, std::size_t R>
inline void add_group(const moxie::backend::quant::Activations* x, std::size_t group, const Codes* codes, Ints scale,
                      Ints (&sum)[R]) {
  Ints dot[R];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) dot[r] = start_of<F>(x[r], group);
  dot_group<F, R>(x, group * F::kGroup, codes, dot);
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) sum[r] = add_scaled<F>(sum[r], dot[r], scale);
}

}  // namespace
