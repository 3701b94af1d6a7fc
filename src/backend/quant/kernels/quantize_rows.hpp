// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backend/quant/kernels/tile_format.hpp"

// Activations in 8 bits, over the Vec and Ints of an ISA path.

namespace {

namespace q = moxie::backend::quant;
using q::Activations;
using q::QuantizeArgs;

/// One block of a row, at `from` within its super-block.
inline void quantize_block(const float* x, std::size_t count, std::size_t from, std::size_t block, Activations& out) {
  Vec most = Vec::zero();
  bool finite = true;
  for (std::size_t i = 0; i < count; i += 16) {
    const Vec v = Vec::load(x + i);
    most = Vec::max(v.magnitude(), most);
    finite = finite && v.is_finite();
  }
  float lanes[16];
  most.store(lanes);
  float largest = 0.0f;
  for (const float lane : lanes) largest = lane > largest ? lane : largest;
  // The least normal number over 127 keeps 127 / largest finite: smaller blocks are zero, to 2^-119.
  const bool zero = !finite || largest < 0x1p-119f;
  const float factor = zero ? 0.0f : 127.0f / largest;
  const float scale = finite ? (zero ? 0.0f : largest / 127.0f) : __builtin_nanf("");
  for (std::size_t i = 0; i < count; i += 16) {
    if (zero) {
      Ints::broadcast(0).store_i8(out.q + from + i);
    } else {
      Ints::rounded(Vec::load(x + i) * Vec::broadcast(factor)).store_i8(out.q + from + i);
    }
  }
  for (std::size_t i = count; i < block; ++i) out.q[from + i] = 0;
  out.scale[from / 32] = scale;
}

inline void quantize_rows(const QuantizeArgs& a) noexcept {
  const std::size_t supers = (a.count + q::kSuper - 1) / q::kSuper;
  for (std::size_t super = 0; super < supers; ++super) {
    Activations& out = a.out[super * a.out_stride];
    for (std::size_t from = 0; from < q::kSuper; from += a.block) {
      const std::size_t begin = super * q::kSuper + from;
      const std::size_t left = begin < a.count ? a.count - begin : 0;
      quantize_block(a.x + (left == 0 ? 0 : begin), left < a.block ? left : a.block, from, a.block, out);
    }
    for (std::size_t g = 0; g < q::kSuper / a.group; ++g) {
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < a.group; ++i) sum += out.q[g * a.group + i];
      out.sum[g] = static_cast<std::int16_t>(sum);
      out.start[g] = -a.bias * sum;
      if (a.block == 32) out.scaled_sum[g] = out.scale[g] * static_cast<float>(sum);
    }
  }
}

}  // namespace
