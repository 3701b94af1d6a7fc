// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// The packed form of block-quantized weights: docs/design/009-quantized-products.md draws it. Plain
// numbers only, so that the files of an ISA path may include it.

namespace moxie::inline abi1::backend::quant {

/// Output rows of a tile: the lanes of a vector of 32-bit sums.
inline constexpr std::size_t kTileRows = 16;
/// Elements along the input that are unpacked at once: 16 vectors of 4 codes for each of 16 rows.
inline constexpr std::size_t kChunk = 64;
/// Elements of a super-block, and of one block of quantized activations.
inline constexpr std::size_t kSuper = 256;
inline constexpr std::size_t kChunks = kSuper / kChunk;

/// Where a group's scale comes from.
enum class ScaleForm : std::uint8_t {
  kHalf,          ///< an f16 for each 32 elements
  kHalfMin,       ///< an f16 scale and an f16 offset for each 32
  kSixBitPairs,   ///< f16 times 6 bits, minus f16 times 6 bits, for each 32
  kFourBitPairs,  ///< f16 times 4 bits, minus f16 times 4 bits, for each 16
  kSixBit16,      ///< f16 times 6 signed bits, for each 16
  kEightBit16,    ///< f16 times 8 signed bits, for each 16
  kSixBit32,      ///< f16 times 6 signed bits, for each 32
  kExponent,      ///< 2^(e - 128), a byte e for each 32
};

/// What the codes mean.
enum class CodeForm : std::uint8_t {
  kUnsigned,  ///< q = code - bias
  kSigned,    ///< q = code - 128: eight signed bits
  kTable,     ///< q = one of 16 values of IQ4
  kFp4,       ///< q = one of 16 values of MXFP4, doubled
};

/// One packed format: bits of the two planes of a code, scales, bias.
template <int LowBits, int HighBits, ScaleForm Scales, CodeForm Code, int Bias>
struct TileFormat {
  static constexpr int kLowBits = LowBits;
  static constexpr int kHighBits = HighBits;
  static constexpr ScaleForm kScales = Scales;
  static constexpr CodeForm kCode = Code;
  static constexpr int kBias = Bias;

  static constexpr bool kFlat =
      Scales == ScaleForm::kHalf || Scales == ScaleForm::kHalfMin || Scales == ScaleForm::kExponent;
  static constexpr bool kOffsets =
      Scales == ScaleForm::kHalfMin || Scales == ScaleForm::kSixBitPairs || Scales == ScaleForm::kFourBitPairs;
  static constexpr std::size_t kGroup =
      Scales == ScaleForm::kFourBitPairs || Scales == ScaleForm::kSixBit16 || Scales == ScaleForm::kEightBit16 ? 16
                                                                                                               : 32;
  static constexpr std::size_t kGroups = kChunk / kGroup;  ///< of a chunk
  /// Elements that share a scale of the activations: as llama.cpp pairs them, so that its accuracy is kept.
  static constexpr std::size_t kActivationBlock = kFlat ? 32 : kSuper;

  /// Bounds of what the kernels sum: magnitudes of q, and of a group's scale where it is a whole number.
  static constexpr std::size_t kLargestCode = Code != CodeForm::kUnsigned ? 128
                                              : Bias == 0                 ? (1u << (LowBits + HighBits)) - 1
                                                                          : Bias;
  static constexpr std::size_t kLargestScale = Scales == ScaleForm::kSixBitPairs    ? 63
                                               : Scales == ScaleForm::kFourBitPairs ? 15
                                               : Scales == ScaleForm::kEightBit16   ? 128
                                                                                    : 32;
  /// What the sum of a super-block's products, scales included, is at most. Where a path multiplies codes with their
  /// bias and takes it off at the end, the sum before that is at most twice as large.
  static constexpr std::size_t kSuperSums = 2 * kSuper * 127 * kLargestCode * kLargestScale;

  static constexpr std::size_t kLowBytes = kChunk * kTileRows * static_cast<std::size_t>(LowBits) / 8;
  static constexpr std::size_t kCodeBytes = kLowBytes + kChunk * kTileRows * static_cast<std::size_t>(HighBits) / 8;
  static constexpr std::size_t kScaleBytes = Scales == ScaleForm::kHalf          ? 64
                                             : Scales == ScaleForm::kHalfMin     ? 128
                                             : Scales == ScaleForm::kSixBitPairs ? 48
                                             : Scales == ScaleForm::kSixBit16    ? 48
                                             : Scales == ScaleForm::kExponent    ? 32
                                             : Scales == ScaleForm::kSixBit32    ? 0
                                                                                 : 64;
  /// Before the chunks of a super-block: d, where there is one m, and the scales of kSixBit32.
  static constexpr std::size_t kHeaderBytes =
      kFlat ? 0 : (kOffsets ? 64 : 32) + (Scales == ScaleForm::kSixBit32 ? std::size_t{96} : std::size_t{0});
  static constexpr std::size_t kSuperBytes = kHeaderBytes + kChunks * (kScaleBytes + kCodeBytes);
  static constexpr std::size_t kChunkBytes = kScaleBytes + kCodeBytes;  ///< of a flat format, which has no super-blocks
};

using TileQ4_0 = TileFormat<4, 0, ScaleForm::kHalf, CodeForm::kUnsigned, 8>;
using TileQ4_1 = TileFormat<4, 0, ScaleForm::kHalfMin, CodeForm::kUnsigned, 0>;
using TileQ5_0 = TileFormat<4, 1, ScaleForm::kHalf, CodeForm::kUnsigned, 16>;
using TileQ5_1 = TileFormat<4, 1, ScaleForm::kHalfMin, CodeForm::kUnsigned, 0>;
using TileQ8_0 = TileFormat<8, 0, ScaleForm::kHalf, CodeForm::kSigned, 128>;
using TileQ2_K = TileFormat<2, 0, ScaleForm::kFourBitPairs, CodeForm::kUnsigned, 0>;
using TileQ3_K = TileFormat<2, 1, ScaleForm::kSixBit16, CodeForm::kUnsigned, 4>;
using TileQ4_K = TileFormat<4, 0, ScaleForm::kSixBitPairs, CodeForm::kUnsigned, 0>;
using TileQ5_K = TileFormat<4, 1, ScaleForm::kSixBitPairs, CodeForm::kUnsigned, 0>;
using TileQ6_K = TileFormat<4, 2, ScaleForm::kEightBit16, CodeForm::kUnsigned, 32>;
using TileIQ4_NL = TileFormat<4, 0, ScaleForm::kHalf, CodeForm::kTable, 128>;
using TileIQ4_XS = TileFormat<4, 0, ScaleForm::kSixBit32, CodeForm::kTable, 128>;
using TileMXFP4 = TileFormat<4, 0, ScaleForm::kExponent, CodeForm::kFp4, 128>;

/// The formats by number, in the order of ElementType from kQ4_0.
inline constexpr std::size_t kFormats = 13;

/// 256 activations of a row, quantized to 8 bits. `scale[0]` stands for all of them, or scale[i] for the
/// 32 from 32 i.
struct alignas(64) Activations {
  std::int8_t q[kSuper];
  float scale[8];
  float scaled_sum[8];     ///< scale[i] times the sum of its 32 q
  std::int32_t start[16];  ///< for each group: -bias times the sum of its q; groups of 32 use the first 8
  std::int16_t sum[16];    ///< for each group: the sum of its q
};

/// Elements that share a scale of quantized activations (32 or 256), the elements of a group (16 or 32), and what the
/// codes are off by on a path that multiplies signed ones with `signed_bias` added.
struct ActivationRule {
  std::size_t block = 0;
  std::size_t group = 0;
  std::int32_t bias = 0;
};

/// Quantizes `count` values of a row (a multiple of 32; the rest of the last block is zero). Every rule is
/// one of f32: scale = largest / 127, q = nearest even of x * (127 / largest). A block that holds a NaN
/// or an infinity gets the scale NaN and zeros.
struct QuantizeArgs {
  const float* x;
  std::size_t count;
  std::size_t block;  ///< 32 or 256
  std::size_t group;  ///< 16 or 32
  std::int32_t bias;
  Activations* out;        ///< the row's first block
  std::size_t out_stride;  ///< from block to block
};

/// y[rows, columns] = activations * tiles (+ bias[columns]): the last tile may be cut; at most kMaxRows rows.
///
/// The sum of a group of 32 elements, or of a super-block where the format has them, is of whole numbers and exact; it
/// is widened to f32 and goes into one chain of fused multiply-adds, ascending. The same bits for any number of rows,
/// on every path (docs/design/009).
struct QuantGemmArgs {
  const Activations* x;    ///< [supers][row_stride]: the same block of all rows side by side
  std::size_t row_stride;  ///< at least rows
  std::size_t supers;      ///< super-blocks of a row, the last perhaps not full
  std::size_t chunks;      ///< of a row
  std::size_t rows;
  const std::byte* tile;  ///< the first of them, one after the other
  std::size_t tile_bytes;
  std::size_t tiles;
  std::size_t columns;  ///< of all tiles
  const float* bias;    ///< [columns] or null
  float* y;
  std::size_t y_stride;
};
inline constexpr std::size_t kMaxRows = 64;

struct QuantOps {
  const char* isa;
  std::int32_t signed_bias;  ///< what is added to signed codes before they are multiplied: 128, or 0
  void (*quantize)(const QuantizeArgs&) noexcept;
  void (*gemm[kFormats])(const QuantGemmArgs&) noexcept;
};

extern const QuantOps kPortableQuantOps;
extern const QuantOps kAvx2QuantOps;
extern const QuantOps kVnniQuantOps;

}  // namespace moxie::backend::quant
