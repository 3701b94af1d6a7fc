// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include "backend/quant/kernels/tile_format.hpp"

// One body for every format and ISA path, over that path's Vec (16 floats), Ints (16 x 32 bits), Codes (16 x 4 bytes)
// and IntBody, all of internal linkage.

namespace {

namespace q = moxie::backend::quant;
using q::Activations;
using q::CodeForm;
using q::kChunks;
using q::QuantGemmArgs;
using q::QuantizeArgs;
using q::ScaleForm;

/// The 16 code vectors of a chunk: vector t holds elements 4t to 4t + 3 of all rows.
template <class F>
inline void load_codes(const std::byte* planes, Codes (&codes)[16]) {
  const auto* low = reinterpret_cast<const std::uint8_t*>(planes);
  const auto* high = low + F::kLowBytes;
  if constexpr (F::kLowBits == 8) {
#pragma GCC unroll 16
    for (std::size_t t = 0; t < 16; ++t) codes[t] = Codes::load(low + 64 * t).as_signed();
  } else if constexpr (F::kLowBits == 4) {
#pragma GCC unroll 8
    for (std::size_t t = 0; t < 8; ++t) {
      const Codes both = Codes::load(low + 64 * t);
      codes[t] = both.masked(0x0f);
      codes[t + 8] = both.template shifted_right<4>().masked(0x0f);
    }
  } else {
#pragma GCC unroll 4
    for (std::size_t p = 0; p < 4; ++p) {
      const Codes four = Codes::load(low + 64 * p);
      codes[4 * p] = four.masked(0x03);
      codes[4 * p + 1] = four.template shifted_right<2>().masked(0x03);
      codes[4 * p + 2] = four.template shifted_right<4>().masked(0x03);
      codes[4 * p + 3] = four.template shifted_right<6>().masked(0x03);
    }
  }
  if constexpr (F::kHighBits == 2) {
#pragma GCC unroll 4
    for (std::size_t p = 0; p < 4; ++p) {
      const Codes four = Codes::load(high + 64 * p);
      codes[4 * p] = codes[4 * p] | four.template shifted_left<4>().masked(0x30);
      codes[4 * p + 1] = codes[4 * p + 1] | four.template shifted_left<2>().masked(0x30);
      codes[4 * p + 2] = codes[4 * p + 2] | four.masked(0x30);
      codes[4 * p + 3] = codes[4 * p + 3] | four.template shifted_right<2>().masked(0x30);
    }
  } else if constexpr (F::kHighBits == 1) {
    constexpr int kBit = F::kLowBits;
    constexpr int kMask = 1 << kBit;
#pragma GCC unroll 2
    for (std::size_t p = 0; p < 2; ++p) {
      Codes eight = Codes::load(high + 64 * p);
      codes[8 * p] = codes[8 * p] | eight.template shifted_left<kBit>().masked(kMask);
#pragma GCC unroll 7
      for (std::size_t b = 1; b < 8; ++b) {
        eight = eight.template shifted_right<1>();
        codes[8 * p + b] = codes[8 * p + b] | eight.template shifted_left<kBit>().masked(kMask);
      }
    }
  }
  if constexpr (F::kCode == CodeForm::kTable) {
#pragma GCC unroll 16
    for (std::size_t t = 0; t < 16; ++t) codes[t] = codes[t].looked_up();
  } else if constexpr (F::kCode == CodeForm::kFp4) {
#pragma GCC unroll 16
    for (std::size_t t = 0; t < 16; ++t) codes[t] = codes[t].looked_up_fp4();
  }
}

/// Whether sums of activations enter a super-block's sum: for its offsets, or for the bias of its codes.
template <class F>
constexpr bool kTakesSums = F::kOffsets ||
                            (F::kCode == CodeForm::kUnsigned && F::kBias != 0 && !IntBody::kStartsWithBias);

/// Scales of a chunk's groups, and the offsets where the format has some. Those of super-blocks are whole numbers.
template <class F>
struct Scales {
  std::conditional_t<F::kFlat, Vec, Ints> scale[F::kGroups];  ///< in super-blocks, as multiplier() has them
  Vec offset[2];                                              ///< kHalfMin: for each group
  Ints pairs[2];  ///< kTakesSums: what multiplies the sums of two groups' activations, in 16 bits each
};

/// 2^(e - 128) for e from 0 to 255, the least of which are denormal: as a product of two powers that are not.
inline Vec power_of_two(Ints e) {
  const Ints less = e.template shifted_right<1>();
  const Ints offset = Ints::broadcast(-63);
  return (less - offset).template shifted_left<23>().as_float() *
         (e - less - offset).template shifted_left<23>().as_float();
}

/// Two numbers of 16 bits in each lane.
inline Ints paired(Ints even, Ints odd) { return even | odd.template shifted_left<16>(); }

template <class F>
inline void load_scales(const std::byte* header, const std::byte* at, std::size_t chunk, Scales<F>& s) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(at);
  const auto* halves = reinterpret_cast<const std::uint16_t*>(at);
  if constexpr (F::kScales == ScaleForm::kExponent) {
    s.scale[0] = power_of_two(Ints::load_u8(bytes));
    s.scale[1] = power_of_two(Ints::load_u8(bytes + 16));
    return;
  } else if constexpr (F::kFlat) {
    s.scale[0] = Vec::load_f16(halves);
    s.scale[1] = Vec::load_f16(halves + 16);
    if constexpr (F::kOffsets) {
      s.offset[0] = Vec::load_f16(halves + 32);
      s.offset[1] = Vec::load_f16(halves + 48);
    }
    return;
  } else {
    Ints scale[F::kGroups];
    if constexpr (F::kScales == ScaleForm::kSixBitPairs || F::kScales == ScaleForm::kSixBit16) {
      // Four numbers of six bits in three bytes.
      const Ints a = Ints::load_u8(bytes), b = Ints::load_u8(bytes + 16), c = Ints::load_u8(bytes + 32);
      const Ints n0 = a.masked(63);
      const Ints n1 = a.template shifted_right<6>() | b.masked(15).template shifted_left<2>();
      const Ints n2 = b.template shifted_right<4>() | c.masked(3).template shifted_left<4>();
      const Ints n3 = c.template shifted_right<2>();
      if constexpr (F::kScales == ScaleForm::kSixBitPairs) {
        scale[0] = n0;
        scale[1] = n1;
        s.pairs[0] = paired(n2, n3);
      } else {
        const Ints middle = Ints::broadcast(32);
        scale[0] = n0 - middle;
        scale[1] = n1 - middle;
        scale[2] = n2 - middle;
        scale[3] = n3 - middle;
      }
    } else if constexpr (F::kScales == ScaleForm::kFourBitPairs) {
      Ints n[4];
#pragma GCC unroll 4
      for (std::size_t g = 0; g < 4; ++g) {
        const Ints both = Ints::load_u8(bytes + 16 * g);
        scale[g] = both.masked(15);
        n[g] = both.template shifted_right<4>();
      }
      s.pairs[0] = paired(n[0], n[1]);
      s.pairs[1] = paired(n[2], n[3]);
    } else if constexpr (F::kScales == ScaleForm::kEightBit16) {
#pragma GCC unroll 4
      for (std::size_t g = 0; g < 4; ++g) scale[g] = Ints::load_i8(bytes + 16 * g);
    } else {
      // kSixBit32: planes of low halves for chunks 0 to 3, then two of top pairs.
      const auto* planes = reinterpret_cast<const std::uint8_t*>(header + 32);
      const Ints low = Ints::load_u8(planes + 16 * chunk);
      Ints high = Ints::load_u8(planes + 64 + 16 * (chunk / 2));
      if (chunk % 2 != 0) high = high.template shifted_right<4>();
      const Ints middle = Ints::broadcast(32);
      scale[0] = (low.masked(15) | high.masked(3).template shifted_left<4>()) - middle;
      scale[1] = (low.template shifted_right<4>() | high.masked(12).template shifted_left<2>()) - middle;
    }
    if constexpr (kTakesSums<F> && !F::kOffsets) {
#pragma GCC unroll 2
      for (std::size_t p = 0; p < F::kGroups / 2; ++p) {
        s.pairs[p] = paired(scale[2 * p].masked(0xffff), scale[2 * p + 1]);
      }
    }
#pragma GCC unroll 4
    for (std::size_t g = 0; g < F::kGroups; ++g) s.scale[g] = multiplier<F>(scale[g]);
  }
}

/// Asks for the lines of the next super-blocks and tiles: the hardware by itself does not look far enough ahead
/// (docs/design/009).
inline void prefetch(const std::byte* at, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i + 4096, 0, 2);
}

/// Chunk `chunk` of the super-block at `at`. `kFetches`: also what comes behind it, where tiles are read in turn.
template <class F, bool kFetches = true>
inline void load_chunk(const std::byte* at, std::size_t chunk, Codes (&codes)[16], Scales<F>& s) {
  if constexpr (F::kFlat) {
    const std::byte* here = at + chunk * F::kChunkBytes;
    if constexpr (kFetches) prefetch(here, F::kChunkBytes);
    load_codes<F>(here + F::kScaleBytes, codes);
    load_scales<F>(here, here, chunk, s);
  } else {
    const std::byte* scales = at + F::kHeaderBytes;
    const std::byte* planes = scales + kChunks * F::kScaleBytes + chunk * F::kCodeBytes;
    // A quarter of the super-block for each chunk: the codes alone would leave the lines of its scales out.
    if constexpr (kFetches) prefetch(at + chunk * (F::kSuperBytes / kChunks), F::kSuperBytes / kChunks);
    load_codes<F>(planes, codes);
    load_scales<F>(at, scales + chunk * F::kScaleBytes, chunk, s);
  }
}

/// What a row's sums grow in: f32, or within a super-block whole numbers.
template <class F>
using Sum = std::conditional_t<F::kFlat, Vec, Ints>;

/// R rows' part of a chunk: each row's `sum` grows by every group, in order. Rows go side by side so that R chains of
/// products are in flight: one row's own would keep the multipliers waiting for each other.
template <class F, std::size_t R>
inline void add_chunk(const Activations* x, std::size_t chunk, const Codes (&codes)[16], const Scales<F>& s,
                      Sum<F>* sums) {
  constexpr std::size_t kVectors = F::kGroup / 4;  // code vectors of a group
  Sum<F> sum[R];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) sum[r] = sums[r];
#pragma GCC unroll 4
  for (std::size_t g = 0; g < F::kGroups; ++g) {
    const std::size_t group = chunk * F::kGroups + g;
    if constexpr (!F::kFlat) {
      add_group<F, R>(x, group, codes + g * kVectors, s.scale[g], sum);  // of the path
    } else {
      Ints dot[R];
#pragma GCC unroll 8
      for (std::size_t r = 0; r < R; ++r) dot[r] = Ints::broadcast(x[r].start[group]);
      dot_group<F, R>(x, group * F::kGroup, codes + g * kVectors, dot);  // of the path
#pragma GCC unroll 8
      for (std::size_t r = 0; r < R; ++r) {
        sum[r] = Vec::fma(s.scale[g], dot[r].to_float() * Vec::broadcast(x[r].scale[group]), sum[r]);
        if constexpr (F::kOffsets) sum[r] = Vec::fma(s.offset[g], Vec::broadcast(x[r].scaled_sum[group]), sum[r]);
      }
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) sums[r] = sum[r];
}

/// All rows of one chunk.
template <class F>
inline void add_chunk_rows(const Activations* x, std::size_t rows, std::size_t chunk, const Codes (&codes)[16],
                           const Scales<F>& s, Sum<F>* sums) {
  constexpr std::size_t kAtOnce = IntBody::kRowsAtOnce;
  std::size_t r = 0;
  for (; r + kAtOnce <= rows; r += kAtOnce) add_chunk<F, kAtOnce>(x + r, chunk, codes, s, sums + r);
  for (; r < rows; ++r) add_chunk<F, 1>(x + r, chunk, codes, s, sums + r);
}

/// The f16 numbers of a super-block, or nothing.
template <class F>
struct Halves {
  static_assert(F::kFlat || F::kSuperSums < std::size_t{1} << 31);
  Vec d;
  Vec minus_m;  ///< where there are offsets
};

template <class F>
inline Halves<F> load_halves(const std::byte* header) {
  const auto* halves = reinterpret_cast<const std::uint16_t*>(header);
  if constexpr (F::kFlat) return {Vec::zero(), Vec::zero()};
  if constexpr (F::kOffsets) return {Vec::load_f16(halves), Vec::zero() - Vec::load_f16(halves + 16)};
  return {Vec::load_f16(halves), Vec::zero()};
}

/// `total` and a super-block: `sum` is its products with x times their scales, without what x's sums add; those are
/// multiplied by pairs[p * stride], for groups 2 p and 2 p + 1.
template <class F>
inline Vec add_super(Vec total, const Activations& x, const Halves<F>& halves, Ints sum, const Ints* pairs,
                     std::size_t stride) {
  Ints of_sums = Ints::broadcast(0);
  if constexpr (kTakesSums<F>) {
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kChunks * F::kGroups / 2; ++p) {
      of_sums = dot_pairs(of_sums, pairs[p * stride], x.sum + 2 * p);
    }
    if constexpr (!F::kOffsets) sum = sum - of_sums.template shifted_left<__builtin_ctz(F::kBias)>();
  }
  Vec value = halves.d * sum.to_float();
  if constexpr (F::kOffsets) value = Vec::fma(halves.minus_m, of_sums.to_float(), value);
  return Vec::fma(Vec::broadcast(x.scale[0]), value, total);
}

/// Writes the columns of the tile that begins at `column`; row r's sums are total[r * stride].
inline void store_columns(const QuantGemmArgs& a, std::size_t column, const Vec* total, std::size_t stride) {
  const std::size_t columns = a.columns - column < q::kTileRows ? a.columns - column : q::kTileRows;
  const Vec bias = a.bias == nullptr ? Vec::zero() : Vec::load_first(a.bias + column, columns);
  for (std::size_t r = 0; r < a.rows; ++r) {
    const Vec result = a.bias == nullptr ? total[r * stride] : total[r * stride] + bias;
    result.store_first(a.y + r * a.y_stride + column, columns);
  }
}

}  // namespace
