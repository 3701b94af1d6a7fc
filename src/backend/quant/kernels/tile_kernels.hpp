// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backend/quant/kernels/tile_format.hpp"

// One body for every format and ISA path, over that path's Vec (16 floats), Ints (16 x 32 bits) and Codes
// (16 x 4 bytes), all of internal linkage.

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
  }
}

/// Scales of a chunk's groups, and the offsets where the format has some.
template <class F>
struct Scales {
  Vec scale[F::kGroups];
  Vec offset[2];  ///< kHalfMin: for each group. Pairs: offset[0] is -m
  Ints pairs[2];  ///< pairs of 16-bit n, for two groups each
};

/// Two numbers of 16 bits in each lane.
inline Ints paired(Ints even, Ints odd) { return even | odd.template shifted_left<16>(); }

template <class F>
inline void load_scales(const std::byte* header, const std::byte* at, std::size_t chunk, Scales<F>& s) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(at);
  const auto* halves = reinterpret_cast<const std::uint16_t*>(at);
  const auto* top = reinterpret_cast<const std::uint16_t*>(header);
  if constexpr (F::kFlat) {
    s.scale[0] = Vec::load_f16(halves);
    s.scale[1] = Vec::load_f16(halves + 16);
    if constexpr (F::kOffsets) {
      s.offset[0] = Vec::load_f16(halves + 32);
      s.offset[1] = Vec::load_f16(halves + 48);
    }
    return;
  } else {
    const Vec d = Vec::load_f16(top);
    if constexpr (F::kOffsets) s.offset[0] = Vec::zero() - Vec::load_f16(top + 16);
    if constexpr (F::kScales == ScaleForm::kSixBitPairs || F::kScales == ScaleForm::kSixBit16) {
      // Four numbers of six bits in three bytes.
      const Ints a = Ints::load_u8(bytes), b = Ints::load_u8(bytes + 16), c = Ints::load_u8(bytes + 32);
      const Ints n0 = a.masked(63);
      const Ints n1 = a.template shifted_right<6>() | b.masked(15).template shifted_left<2>();
      const Ints n2 = b.template shifted_right<4>() | c.masked(3).template shifted_left<4>();
      const Ints n3 = c.template shifted_right<2>();
      if constexpr (F::kScales == ScaleForm::kSixBitPairs) {
        s.scale[0] = d * n0.to_float();
        s.scale[1] = d * n1.to_float();
        s.pairs[0] = paired(n2, n3);
      } else {
        const Ints middle = Ints::broadcast(32);
        s.scale[0] = d * (n0 - middle).to_float();
        s.scale[1] = d * (n1 - middle).to_float();
        s.scale[2] = d * (n2 - middle).to_float();
        s.scale[3] = d * (n3 - middle).to_float();
      }
    } else if constexpr (F::kScales == ScaleForm::kFourBitPairs) {
      Ints n[4];
#pragma GCC unroll 4
      for (std::size_t g = 0; g < 4; ++g) {
        const Ints both = Ints::load_u8(bytes + 16 * g);
        s.scale[g] = d * both.masked(15).to_float();
        n[g] = both.template shifted_right<4>();
      }
      s.pairs[0] = paired(n[0], n[1]);
      s.pairs[1] = paired(n[2], n[3]);
    } else if constexpr (F::kScales == ScaleForm::kEightBit16) {
#pragma GCC unroll 4
      for (std::size_t g = 0; g < 4; ++g) s.scale[g] = d * Ints::load_i8(bytes + 16 * g).to_float();
    } else {
      // kSixBit32: planes of low halves for chunks 0 to 3, then two of top pairs.
      const auto* planes = reinterpret_cast<const std::uint8_t*>(header + 32);
      const Ints low = Ints::load_u8(planes + 16 * chunk);
      Ints high = Ints::load_u8(planes + 64 + 16 * (chunk / 2));
      if (chunk % 2 != 0) high = high.template shifted_right<4>();
      const Ints middle = Ints::broadcast(32);
      s.scale[0] = d * ((low.masked(15) | high.masked(3).template shifted_left<4>()) - middle).to_float();
      s.scale[1] =
          d * ((low.template shifted_right<4>() | high.masked(12).template shifted_left<2>()) - middle).to_float();
    }
  }
}

/// One row's part of a chunk: `sum` grows by every group, in order.
template <class F>
inline Vec add_chunk(const Activations& x, std::size_t chunk, const Codes (&codes)[16], const Scales<F>& s, Vec sum) {
  const std::int8_t* values = x.q + q::kChunk * chunk;
  constexpr std::size_t kVectors = F::kGroup / 4;  // code vectors of a group
#pragma GCC unroll 4
  for (std::size_t g = 0; g < F::kGroups; ++g) {
    Ints dot = Ints::broadcast(x.start[chunk * F::kGroups + g]);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kVectors; ++i) {
      const std::size_t t = g * kVectors + i;
      if constexpr (F::kCode == CodeForm::kUnsigned) {
        dot = dot_unsigned(dot, codes[t], values + 4 * t);
      } else {
        dot = dot_signed(dot, codes[t], values + 4 * t);
      }
    }
    if constexpr (F::kFlat) {
      const std::size_t block = chunk * 2 + g;
      sum = Vec::fma(s.scale[g], dot.to_float() * Vec::broadcast(x.scale[block]), sum);
      if constexpr (F::kOffsets) sum = Vec::fma(s.offset[g], Vec::broadcast(x.scaled_sum[block]), sum);
    } else {
      sum = Vec::fma(s.scale[g], dot.to_float(), sum);
    }
  }
  if constexpr (F::kOffsets && !F::kFlat) {
    const std::int16_t* sums = x.sum + chunk * F::kGroups;
    Ints offset = dot_pairs(Ints::broadcast(0), s.pairs[0], sums);
    if constexpr (F::kGroups == 4) offset = dot_pairs(offset, s.pairs[1], sums + 2);
    sum = Vec::fma(s.offset[0], offset.to_float(), sum);
  }
  return sum;
}

/// Touches the lines of the next super-blocks: the hardware follows too few of the streams of two cores
/// closely enough (docs/design/009).
inline void prefetch(const std::byte* at, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 64) {
    __builtin_prefetch(at + i + 16384, 0, 2);
    __builtin_prefetch(at + i + 1536, 0, 3);
  }
}

template <class F>
void quant_gemm(const QuantGemmArgs& a) noexcept {
  Vec total[q::kMostRows];
  for (std::size_t r = 0; r < a.rows; ++r) total[r] = Vec::zero();
  const std::byte* at = a.tile;
  for (std::size_t super = 0; super < a.supers; ++super) {
    const std::size_t left = a.chunks - super * kChunks;
    const std::size_t chunks = left < kChunks ? left : kChunks;
    Vec partial[F::kFlat ? 1 : q::kMostRows];
    if constexpr (!F::kFlat) {
      for (std::size_t r = 0; r < a.rows; ++r) partial[r] = Vec::zero();
    }
    const std::byte* scales = at + F::kHeaderBytes;
    const std::byte* planes = scales + kChunks * F::kScaleBytes;
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      Codes codes[16];
      Scales<F> s;
      if constexpr (F::kFlat) {
        const std::byte* here = at + chunk * F::kChunkBytes;
        prefetch(here, F::kChunkBytes);
        load_codes<F>(here + F::kScaleBytes, codes);
        load_scales<F>(here, here, chunk, s);
      } else {
        prefetch(planes + chunk * F::kCodeBytes, F::kCodeBytes);
        load_codes<F>(planes + chunk * F::kCodeBytes, codes);
        load_scales<F>(at, scales + chunk * F::kScaleBytes, chunk, s);
      }
      const Activations* x = a.x + super;
      for (std::size_t r = 0; r < a.rows; ++r, x += a.supers) {
        if constexpr (F::kFlat) {
          total[r] = add_chunk<F>(*x, chunk, codes, s, total[r]);
        } else {
          partial[r] = add_chunk<F>(*x, chunk, codes, s, partial[r]);
        }
      }
    }
    if constexpr (F::kFlat) {
      at += chunks * F::kChunkBytes;
    } else {
      const Activations* x = a.x + super;
      for (std::size_t r = 0; r < a.rows; ++r, x += a.supers) {
        total[r] = Vec::fma(Vec::broadcast(x->scale[0]), partial[r], total[r]);
      }
      at += F::kSuperBytes;
    }
  }
  const Vec bias = a.bias == nullptr ? Vec::zero() : Vec::load_first(a.bias, a.columns);
  for (std::size_t r = 0; r < a.rows; ++r) {
    const Vec result = a.bias == nullptr ? total[r] : total[r] + bias;
    result.store_first(a.y + r * a.y_stride, a.columns);
  }
}

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
    Activations& out = a.out[super];
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

constexpr q::QuantOps make_quant_ops(const char* isa, std::int32_t signed_bias) {
  return {isa,
          signed_bias,
          quantize_rows,
          {quant_gemm<q::TileQ4_0>, quant_gemm<q::TileQ4_1>, quant_gemm<q::TileQ5_0>, quant_gemm<q::TileQ5_1>,
           quant_gemm<q::TileQ8_0>, quant_gemm<q::TileQ2_K>, quant_gemm<q::TileQ3_K>, quant_gemm<q::TileQ4_K>,
           quant_gemm<q::TileQ5_K>, quant_gemm<q::TileQ6_K>, quant_gemm<q::TileIQ4_NL>, quant_gemm<q::TileIQ4_XS>}};
}

}  // namespace
