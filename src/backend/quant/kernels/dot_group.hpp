// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backend/quant/kernels/tile_format.hpp"

namespace {

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

}  // namespace
