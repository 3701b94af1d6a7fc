// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backend/quant/kernels/chunk_kernels.hpp"
#include "backend/quant/kernels/quantize_rows.hpp"
#include "backend/quant/kernels/wide_kernels.hpp"

namespace {

/// One tile, whose first column is `column`: few rows, or a path with few registers.
template <class F>
void narrow_gemm(const QuantGemmArgs& a, std::size_t tile, std::size_t column) {
  Vec total[q::kMaxRows];
  for (std::size_t r = 0; r < a.rows; ++r) total[r] = Vec::zero();
  const std::byte* at = a.tile + tile * a.tile_bytes;
  const Activations* x = a.x;
  for (std::size_t super = 0; super < a.supers; ++super, x += a.row_stride) {
    const std::size_t left = a.chunks - super * kChunks;
    const std::size_t chunks = left < kChunks ? left : kChunks;
    Ints sums[F::kFlat ? 1 : q::kMaxRows];
    if constexpr (!F::kFlat) {
      for (std::size_t r = 0; r < a.rows; ++r) sums[r] = Ints::broadcast(0);
    }
    constexpr std::size_t kPairs = F::kGroups / 2;
    Ints pairs[kChunks * kPairs];
    // Before the chunks: behind them, one row from memory is 3 % slower.
    const Halves<F> halves = load_halves<F>(at);
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      Codes codes[16];
      Scales<F> s;
      load_chunk<F>(at, chunk, codes, s);
      if constexpr (F::kFlat) {
        add_chunk_rows<F>(x, a.rows, chunk, codes, s, total);
      } else {
        if constexpr (kTakesSums<F>) {
#pragma GCC unroll 2
          for (std::size_t p = 0; p < kPairs; ++p) pairs[chunk * kPairs + p] = s.pairs[p];
        }
        add_chunk_rows<F>(x, a.rows, chunk, codes, s, sums);
      }
    }
    if constexpr (!F::kFlat) {
      for (std::size_t r = 0; r < a.rows; ++r) total[r] = add_super<F>(total[r], x[r], halves, sums[r], pairs, 1);
    }
    at += F::kFlat ? chunks * F::kChunkBytes : F::kSuperBytes;
  }
  store_columns(a, column, total, 1);
}

template <class F>
void quant_gemm(const QuantGemmArgs& a) noexcept {
  std::size_t tile = 0;
  if constexpr (IntBody::kHasWideForm) tile = wide_tiles<IntBody, F>(a);
  for (; tile < a.tiles; ++tile) narrow_gemm<F>(a, tile, tile * q::kTileRows);
}

constexpr q::QuantOps make_quant_ops(const char* isa) {
  return {isa,
          IntBody::kSignedBias,
          quantize_rows,
          {quant_gemm<q::TileQ4_0>, quant_gemm<q::TileQ4_1>, quant_gemm<q::TileQ5_0>, quant_gemm<q::TileQ5_1>,
           quant_gemm<q::TileQ8_0>, quant_gemm<q::TileQ2_K>, quant_gemm<q::TileQ3_K>, quant_gemm<q::TileQ4_K>,
           quant_gemm<q::TileQ5_K>, quant_gemm<q::TileQ6_K>, quant_gemm<q::TileIQ4_NL>, quant_gemm<q::TileIQ4_XS>,
           quant_gemm<q::TileMXFP4>}};
}

}  // namespace
