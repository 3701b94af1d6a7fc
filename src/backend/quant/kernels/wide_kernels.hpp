// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backend/quant/kernels/chunk_kernels.hpp"

// Many rows: N tiles are unpacked once, a super-block at a time, and stay in L1 while all rows go past, R at once. A
// broadcast of activations then serves N tiles and a vector of codes R rows, so that loads no longer stand in the way
// of the products; nor do activations, which are read N times less often. Every output is the chain of
// chunk_kernels.hpp. Body is the path's IntBody, as a parameter so that a path without this form need not have what it
// is made of.

namespace {

/// What a super-block of N tiles looks like between unpacking and multiplying. At most 21 KB.
template <class F, std::size_t N>
struct Unpacked {
  Codes codes[q::kSuper / 4][N];
  Sum<F> scale[q::kSuper / F::kGroup][N];
  Vec offset[F::kFlat ? q::kSuper / F::kGroup : 1][N];  // flat formats
  Ints pairs[q::kChunks * (F::kGroups / 2)][N];
  Halves<F> halves[N];  // the others
};

template <class F, std::size_t N>
void unpack(const std::byte* tile, std::size_t tile_bytes, std::size_t chunks, Unpacked<F, N>& to) {
  for (std::size_t n = 0; n < N; ++n, tile += tile_bytes) {
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      Codes codes[16];
      Scales<F> s;
      load_chunk<F, false>(tile, chunk, codes, s);
#pragma GCC unroll 16
      for (std::size_t t = 0; t < 16; ++t) to.codes[chunk * 16 + t][n] = codes[t];
#pragma GCC unroll 4
      for (std::size_t g = 0; g < F::kGroups; ++g) {
        to.scale[chunk * F::kGroups + g][n] = s.scale[g];
        if constexpr (F::kFlat && F::kOffsets) to.offset[chunk * F::kGroups + g][n] = s.offset[g];
      }
      if constexpr (!F::kFlat && kTakesSums<F>) {
#pragma GCC unroll 2
        for (std::size_t p = 0; p < F::kGroups / 2; ++p) to.pairs[chunk * (F::kGroups / 2) + p][n] = s.pairs[p];
      }
    }
    if constexpr (!F::kFlat) to.halves[n] = load_halves<F>(tile);
  }
}

/// The integer sums of one group for R rows and N tiles.
template <class Body, class F, std::size_t R, std::size_t N>
inline void multiply_group(const Unpacked<F, N>& w, const Activations* x, std::size_t group, Ints (&dot)[R][N]) {
  constexpr std::size_t kVectors = F::kGroup / 4;
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (std::size_t n = 0; n < N; ++n) dot[r][n] = start_of<F>(x[r], group);
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kVectors; ++i) {
    Codes codes[N];
#pragma GCC unroll 4
    for (std::size_t n = 0; n < N; ++n) codes[n] = w.codes[group * kVectors + i][n].kept();
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r) {
      const auto four = Body::Broadcast::broadcast(x[r].q + group * F::kGroup + 4 * i);
#pragma GCC unroll 4
      for (std::size_t n = 0; n < N; ++n) dot[r][n] = dot_fours(dot[r][n], codes[n], four);
    }
  }
}

/// The next super-block of N tiles, fetched bit by bit while this one is multiplied: all at once, or before each rows'
/// turn, it would fill the queue of what is under way and then wait for memory.
template <std::size_t N>
class Ahead {
 public:
  /// `bytes` of each tile, in that many steps.
  Ahead(const std::byte* at, std::size_t tile_bytes, std::size_t bytes, std::size_t steps) noexcept
      : at_(at), tile_bytes_(tile_bytes), left_((bytes + 63) / 64), at_once_((left_ + steps - 1) / steps) {}

  void fetch() noexcept {
    if (left_ == 0) return;
    for (std::size_t i = left_ < at_once_ ? left_ : at_once_; i > 0; --i, --left_, at_ += 64) {
#pragma GCC unroll 4
      for (std::size_t n = 0; n < N; ++n) __builtin_prefetch(at_ + n * tile_bytes_, 0, 3);
    }
  }

 private:
  const std::byte* at_;
  std::size_t tile_bytes_;
  std::size_t left_;     // lines of each tile
  std::size_t at_once_;  // of them
};

/// R rows against a super-block: total[r * N + n] grows by row r and tile n. A group's sums and all groups', a code
/// vector for each tile and a broadcast fill the registers at R = 3, N = 4. With a fourth row g++ spills, or the sums
/// live in memory, which costs a tenth and more.
template <class Body, class F, std::size_t R, std::size_t N>
void multiply_rows(const Unpacked<F, N>& w, const Activations* x, std::size_t chunks, Ahead<N>& ahead, Vec* total) {
  Sum<F> sums[R * N];
#pragma GCC unroll 16
  for (std::size_t i = 0; i < R * N; ++i) {
    if constexpr (F::kFlat) sums[i] = total[i];
    if constexpr (!F::kFlat) sums[i] = Ints::broadcast(0);
  }
  for (std::size_t group = 0; group < chunks * F::kGroups; ++group) {
    ahead.fetch();
    Ints dot[R][N];
    multiply_group<Body, F, R, N>(w, x, group, dot);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (std::size_t n = 0; n < N; ++n) {
        Sum<F>& sum = sums[r * N + n];
        if constexpr (F::kFlat) {
          const Vec scaled = dot[r][n].to_float() * Vec::broadcast(x[r].scale[group]);
          Vec grown = Vec::fma(w.scale[group][n], scaled, sum);
          if constexpr (F::kOffsets)
            grown = Vec::fma(w.offset[group][n], Vec::broadcast(x[r].scaled_sum[group]), grown);
          sum = grown;
        } else {
          sum = add_scaled<F>(sum, dot[r][n], w.scale[group][n]);
        }
      }
    }
  }
  if constexpr (F::kFlat) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < R * N; ++i) total[i] = sums[i];
  } else {
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (std::size_t n = 0; n < N; ++n) {
        total[r * N + n] = add_super<F>(total[r * N + n], x[r], w.halves[n], sums[r * N + n], &w.pairs[0][n], N);
      }
    }
  }
}

/// N tiles from `tile` on, whose first column is `column`.
template <class Body, class F, std::size_t N>
void wide_gemm(const QuantGemmArgs& a, std::size_t tile, std::size_t column) {
  constexpr std::size_t R = Body::kRowsWide;
  Unpacked<F, N> weights;
  Vec total[q::kMaxRows * N];
  for (std::size_t i = 0; i < a.rows * N; ++i) total[i] = Vec::zero();
  const std::byte* at = a.tile + tile * a.tile_bytes;
  const Activations* x = a.x;
  for (std::size_t super = 0; super < a.supers; ++super, x += a.row_stride) {
    const std::size_t left = a.chunks - super * kChunks;
    const std::size_t chunks = left < kChunks ? left : kChunks;
    unpack<F, N>(at, a.tile_bytes, chunks, weights);
    const std::size_t bytes = F::kFlat ? chunks * F::kChunkBytes : F::kSuperBytes;
    // Behind the last super-block come the next N tiles, from their beginning.
    const std::size_t turns = (a.rows + R - 1) / R;
    Ahead<N> ahead(super + 1 < a.supers ? at + bytes : a.tile + (tile + N) * a.tile_bytes, a.tile_bytes, bytes,
                   turns * chunks * F::kGroups);
    std::size_t r = 0;
    for (; r + R <= a.rows && a.rows - r != R + 1; r += R) {
      multiply_rows<Body, F, R, N>(weights, x + r, chunks, ahead, total + r * N);
    }
    for (; r + 2 <= a.rows; r += 2) multiply_rows<Body, F, 2, N>(weights, x + r, chunks, ahead, total + r * N);
    for (; r < a.rows; ++r) multiply_rows<Body, F, 1, N>(weights, x + r, chunks, ahead, total + r * N);
    at += bytes;
  }
  for (std::size_t n = 0; n < N; ++n) {
    const std::size_t from = column + n * q::kTileRows;
    if (from >= a.columns) break;
    store_columns(a, from, total + n, N);
  }
}

/// Below so many rows unpacking does not pay.
constexpr std::size_t kWideFrom = 8;

/// Does as many tiles as the wide form takes, and says how many those are.
template <class Body, class F>
inline std::size_t wide_tiles(const QuantGemmArgs& a) {
  constexpr std::size_t N = 4;
  std::size_t tile = 0;
  if (a.rows < kWideFrom) return 0;
  for (; tile + N <= a.tiles; tile += N) wide_gemm<Body, F, N>(a, tile, tile * q::kTileRows);
  return tile;
}

}  // namespace
