// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codes.hpp"
#include "half.hpp"

// Formats of 256 elements in groups of 16 or 32, whose scales are themselves quantized.
// Codes are cut into planes: see docs/quantized-types.md for each layout drawn out.

namespace moxie::inline abi1::backend::quant {

/// 12 bytes for eight 6-bit scales and eight 6-bit offsets (Q4_K, Q5_K): the first four of each lie in
/// the low bits of bytes 0 to 3 and 4 to 7; the last four have their low halves in bytes 8 to 11 and
/// their top two bits above the first four.
template <class Codes>
constexpr void unpack_six_bit_pairs(const std::uint8_t* bytes, Codes& codes) noexcept {
  for (std::size_t j = 0; j < 4; ++j) {
    codes.s[j] = to_i8(bytes[j] & 63);
    codes.n[j] = to_i8(bytes[j + 4] & 63);
    codes.s[j + 4] = to_i8((bytes[j + 8] & 15) | ((bytes[j] >> 6) << 4));
    codes.n[j + 4] = to_i8((bytes[j + 8] >> 4) | ((bytes[j + 4] >> 6) << 4));
  }
}

template <class Codes>
constexpr void pack_six_bit_pairs(const Codes& codes, std::uint8_t* bytes) noexcept {
  for (std::size_t j = 0; j < 4; ++j) {
    bytes[j] = to_u8(codes.s[j] | ((codes.s[j + 4] >> 4) << 6));
    bytes[j + 4] = to_u8(codes.n[j] | ((codes.n[j + 4] >> 4) << 6));
    bytes[j + 8] = to_u8((codes.s[j + 4] & 15) | ((codes.n[j + 4] & 15) << 4));
  }
}

struct Q2_K : FormatOf<ElementType::kQ2_K, Form::kGroupScaleSub, 16> {
  static constexpr int kLow = 0, kHigh = 3;
  static constexpr int kScaleHigh = 15;

  // 16 bytes of scale and offset, 64 of codes, d, m. Byte j of a run of 32 holds elements j, j + 32, j + 64, j + 96.
  static void unpack(const std::uint8_t* block, Codes& codes) noexcept {
    codes.d = load_u16(block + 80);
    codes.m = load_u16(block + 82);
    for (std::size_t g = 0; g < kGroups; ++g) {
      codes.s[g] = to_i8(block[g] & 15);
      codes.n[g] = to_i8(block[g] >> 4);
    }
    for (std::size_t half = 0; half < 2; ++half) {
      for (std::size_t plane = 0; plane < 4; ++plane) {
        for (std::size_t j = 0; j < 32; ++j) {
          codes.q[half * 128 + plane * 32 + j] = to_i8((block[16 + half * 32 + j] >> (2 * plane)) & 3);
        }
      }
    }
  }

  static void pack(const Codes& codes, std::uint8_t* block) noexcept {
    store_u16(codes.d, block + 80);
    store_u16(codes.m, block + 82);
    for (std::size_t g = 0; g < kGroups; ++g) block[g] = to_u8(codes.s[g] | (codes.n[g] << 4));
    for (std::size_t half = 0; half < 2; ++half) {
      for (std::size_t j = 0; j < 32; ++j) {
        const std::int8_t* q = &codes.q[half * 128 + j];
        block[16 + half * 32 + j] = to_u8(q[0] | (q[32] << 2) | (q[64] << 4) | (q[96] << 6));
      }
    }
  }
};

struct Q3_K : FormatOf<ElementType::kQ3_K, Form::kGroupScale, 16> {
  static constexpr int kLow = -4, kHigh = 3;
  static constexpr int kScaleLow = -32, kScaleHigh = 31;

  // 32 bytes of top bits, 64 of low pairs as in Q2_K, 12 of scales, d. Bit b of top byte j belongs to element 32 b + j.
  static void unpack(const std::uint8_t* block, Codes& codes) noexcept {
    codes.d = load_u16(block + 108);
    codes.m = 0;
    const std::uint8_t* scales = block + 96;
    for (std::size_t g = 0; g < kGroups; ++g) {
      const int low = (scales[g % 8] >> (4 * (g / 8))) & 15;
      const int high = (scales[8 + g % 4] >> (2 * (g / 4))) & 3;
      codes.s[g] = to_i8((low | (high << 4)) - 32);
    }
    codes.n.fill(0);
    for (std::size_t plane = 0; plane < 8; ++plane) {
      for (std::size_t j = 0; j < 32; ++j) {
        const int low = (block[32 + plane / 4 * 32 + j] >> (2 * (plane % 4))) & 3;
        const int high = (block[j] >> plane) & 1;
        codes.q[plane * 32 + j] = to_i8((low | (high << 2)) - 4);
      }
    }
  }

  static void pack(const Codes& codes, std::uint8_t* block) noexcept {
    store_u16(codes.d, block + 108);
    for (std::size_t j = 0; j < 108; ++j) block[j] = 0;
    std::uint8_t* scales = block + 96;
    for (std::size_t g = 0; g < kGroups; ++g) {
      const int s = codes.s[g] + 32;
      scales[g % 8] |= to_u8((s & 15) << (4 * (g / 8)));
      scales[8 + g % 4] |= to_u8((s >> 4) << (2 * (g / 4)));
    }
    for (std::size_t plane = 0; plane < 8; ++plane) {
      for (std::size_t j = 0; j < 32; ++j) {
        const int q = codes.q[plane * 32 + j] + 4;
        block[32 + plane / 4 * 32 + j] |= to_u8((q & 3) << (2 * (plane % 4)));
        block[j] |= to_u8((q >> 2) << plane);
      }
    }
  }
};

struct Q4_K : FormatOf<ElementType::kQ4_K, Form::kGroupScaleSub, 32> {
  static constexpr int kLow = 0, kHigh = 15;
  static constexpr int kScaleHigh = 63;

  // d, m, 12 bytes of scales and offsets, 128 of codes. Byte j of a run of 32 holds elements j and j + 32.
  static void unpack(const std::uint8_t* block, Codes& codes) noexcept {
    codes.d = load_u16(block);
    codes.m = load_u16(block + 2);
    unpack_six_bit_pairs(block + 4, codes);
    for (std::size_t run = 0; run < 4; ++run) {
      for (std::size_t j = 0; j < 32; ++j) {
        const int byte = block[16 + run * 32 + j];
        codes.q[run * 64 + j] = to_i8(byte & 15);
        codes.q[run * 64 + 32 + j] = to_i8(byte >> 4);
      }
    }
  }

  static void pack(const Codes& codes, std::uint8_t* block) noexcept {
    store_u16(codes.d, block);
    store_u16(codes.m, block + 2);
    pack_six_bit_pairs(codes, block + 4);
    for (std::size_t run = 0; run < 4; ++run) {
      for (std::size_t j = 0; j < 32; ++j) {
        block[16 + run * 32 + j] = to_u8(codes.q[run * 64 + j] | (codes.q[run * 64 + 32 + j] << 4));
      }
    }
  }
};

struct Q5_K : FormatOf<ElementType::kQ5_K, Form::kGroupScaleSub, 32> {
  static constexpr int kLow = 0, kHigh = 31;
  static constexpr int kScaleHigh = 63;

  // As Q4_K, with 32 bytes of fifth bits before the codes: bit g of byte j belongs to element 32 g + j.
  static void unpack(const std::uint8_t* block, Codes& codes) noexcept {
    codes.d = load_u16(block);
    codes.m = load_u16(block + 2);
    unpack_six_bit_pairs(block + 4, codes);
    for (std::size_t g = 0; g < kGroups; ++g) {
      for (std::size_t j = 0; j < 32; ++j) {
        const int low = (block[48 + g / 2 * 32 + j] >> (4 * (g % 2))) & 15;
        codes.q[g * 32 + j] = to_i8(low | (((block[16 + j] >> g) & 1) << 4));
      }
    }
  }

  static void pack(const Codes& codes, std::uint8_t* block) noexcept {
    store_u16(codes.d, block);
    store_u16(codes.m, block + 2);
    pack_six_bit_pairs(codes, block + 4);
    for (std::size_t j = 16; j < kBytes; ++j) block[j] = 0;
    for (std::size_t g = 0; g < kGroups; ++g) {
      for (std::size_t j = 0; j < 32; ++j) {
        const int q = codes.q[g * 32 + j];
        block[48 + g / 2 * 32 + j] |= to_u8((q & 15) << (4 * (g % 2)));
        block[16 + j] |= to_u8((q >> 4) << g);
      }
    }
  }
};

struct Q6_K : FormatOf<ElementType::kQ6_K, Form::kGroupScale, 16> {
  static constexpr int kLow = -32, kHigh = 31;
  static constexpr int kScaleLow = -128, kScaleHigh = 127;

  // 128 bytes of low halves, 64 of top pairs, 16 scales, d. In a half of 128 elements, low byte j of 64 holds
  // elements j and j + 64, and top byte j of 32 holds elements j, j + 32, j + 64 and j + 96.
  static void unpack(const std::uint8_t* block, Codes& codes) noexcept {
    codes.d = load_u16(block + 208);
    codes.m = 0;
    for (std::size_t g = 0; g < kGroups; ++g) codes.s[g] = static_cast<std::int8_t>(block[192 + g]);
    codes.n.fill(0);
    for (std::size_t half = 0; half < 2; ++half) {
      const std::uint8_t* low = block + half * 64;
      const std::uint8_t* top = block + 128 + half * 32;
      for (std::size_t plane = 0; plane < 4; ++plane) {
        for (std::size_t j = 0; j < 32; ++j) {
          const int bits = (low[plane % 2 * 32 + j] >> (4 * (plane / 2))) & 15;
          codes.q[half * 128 + plane * 32 + j] = to_i8((bits | (((top[j] >> (2 * plane)) & 3) << 4)) - 32);
        }
      }
    }
  }

  static void pack(const Codes& codes, std::uint8_t* block) noexcept {
    store_u16(codes.d, block + 208);
    for (std::size_t g = 0; g < kGroups; ++g) block[192 + g] = static_cast<std::uint8_t>(codes.s[g]);
    for (std::size_t j = 0; j < 192; ++j) block[j] = 0;
    for (std::size_t half = 0; half < 2; ++half) {
      std::uint8_t* low = block + half * 64;
      std::uint8_t* top = block + 128 + half * 32;
      for (std::size_t plane = 0; plane < 4; ++plane) {
        for (std::size_t j = 0; j < 32; ++j) {
          const int q = codes.q[half * 128 + plane * 32 + j] + 32;
          low[plane % 2 * 32 + j] |= to_u8((q & 15) << (4 * (plane / 2)));
          top[j] |= to_u8((q >> 4) << (2 * plane));
        }
      }
    }
  }
};

}  // namespace moxie::backend::quant
