// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codes.hpp"
#include "half.hpp"

// Formats of 4 bits whose codes stand for 16 values that lie closer together around zero.

namespace moxie::inline abi1::backend::quant {

inline constexpr std::array<std::int8_t, 16> kIq4Values = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                           1,    13,   25,  38,  53,  69,  89,  113};

/// The code of one of kIq4Values, by its lowest eight bits.
inline constexpr std::array<std::uint8_t, 256> kIq4Codes = [] {
  std::array<std::uint8_t, 256> codes{};
  for (std::size_t code = 0; code < kIq4Values.size(); ++code) {
    codes[static_cast<std::uint8_t>(kIq4Values[code])] = static_cast<std::uint8_t>(code);
  }
  return codes;
}();

/// 16 bytes: byte j holds elements j and j + 16.
constexpr void unpack_iq4(const std::uint8_t* bytes, std::int8_t* q) noexcept {
  for (std::size_t j = 0; j < 16; ++j) {
    q[j] = kIq4Values[bytes[j] & 15u];
    q[j + 16] = kIq4Values[bytes[j] >> 4];
  }
}

constexpr void pack_iq4(const std::int8_t* q, std::uint8_t* bytes) noexcept {
  const auto code = [](std::int8_t value) -> int { return kIq4Codes[static_cast<std::uint8_t>(value)]; };
  for (std::size_t j = 0; j < 16; ++j) bytes[j] = to_u8(code(q[j]) | (code(q[j + 16]) << 4));
}

struct IQ4_NL : FormatOf<ElementType::kIQ4_NL, Form::kScale, 32> {
  static void unpack(const std::uint8_t* block, Codes& codes) noexcept {
    codes.d = load_u16(block);
    codes.m = 0;
    unpack_iq4(block + 2, codes.q.data());
    one_group(codes);
  }

  static void pack(const Codes& codes, std::uint8_t* block) noexcept {
    store_u16(codes.d, block);
    pack_iq4(codes.q.data(), block + 2);
  }
};

struct IQ4_XS : FormatOf<ElementType::kIQ4_XS, Form::kGroupScale, 32> {
  static constexpr int kScaleLow = -32, kScaleHigh = 31;

  // d, 2 bytes of the scales' top pairs, 4 of their low halves, 128 of codes.
  static void unpack(const std::uint8_t* block, Codes& codes) noexcept {
    codes.d = load_u16(block);
    codes.m = 0;
    const int tops = load_u16(block + 2);
    for (std::size_t g = 0; g < kGroups; ++g) {
      const int low = (block[4 + g / 2] >> (4 * (g % 2))) & 15;
      codes.s[g] = to_i8((low | (((tops >> (2 * g)) & 3) << 4)) - 32);
      unpack_iq4(block + 8 + g * 16, codes.q.data() + g * 32);
    }
    codes.n.fill(0);
  }

  static void pack(const Codes& codes, std::uint8_t* block) noexcept {
    store_u16(codes.d, block);
    int tops = 0;
    for (std::size_t g = 0; g < kGroups; ++g) {
      const int s = codes.s[g] + 32;
      tops |= (s >> 4) << (2 * g);
      block[4 + g / 2] = to_u8(g % 2 == 0 ? s & 15 : block[4 + g / 2] | ((s & 15) << 4));
      pack_iq4(codes.q.data() + g * 32, block + 8 + g * 16);
    }
    store_u16(static_cast<std::uint16_t>(tops), block + 2);
  }
};

}  // namespace moxie::backend::quant
