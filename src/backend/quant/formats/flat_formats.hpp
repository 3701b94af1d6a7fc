// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codes.hpp"
#include "half.hpp"

// Formats of 32 elements with one scale. In those of 4 and 5 bits, byte j of the codes holds element j
// in its low half and element j + 16 in its high half.

namespace moxie::inline abi1::backend::quant {

template <ElementType Type, int Bits, bool HasOffset>
struct FlatFormat : FormatOf<Type, HasOffset ? Form::kScaleAdd : Form::kScale, 32> {
  using Base = FormatOf<Type, HasOffset ? Form::kScaleAdd : Form::kScale, 32>;
  using Codes = typename Base::Codes;
  static constexpr int kBias = HasOffset ? 0 : 1 << (Bits - 1);
  static constexpr std::size_t kHigh = HasOffset ? 4 : 2;           ///< where the fifth bits are
  static constexpr std::size_t kLow = kHigh + (Bits == 5 ? 4 : 0);  ///< where the low four are
  static_assert(kLow + 16 == Base::kBytes);

  static void unpack(const std::uint8_t* block, Codes& codes) noexcept {
    codes.d = load_u16(block);
    codes.m = HasOffset ? load_u16(block + 2) : std::uint16_t{0};
    for (std::size_t j = 0; j < 16; ++j) {
      const int byte = block[kLow + j];
      codes.q[j] = to_i8((byte & 15) + high_bit(block, j) - kBias);
      codes.q[j + 16] = to_i8((byte >> 4) + high_bit(block, j + 16) - kBias);
    }
    Base::one_group(codes);
  }

  static void pack(const Codes& codes, std::uint8_t* block) noexcept {
    store_u16(codes.d, block);
    if constexpr (HasOffset) store_u16(codes.m, block + 2);
    if constexpr (Bits == 5) {
      for (std::size_t j = 0; j < 4; ++j) block[kHigh + j] = 0;
      for (std::size_t j = 0; j < 32; ++j) {
        block[kHigh + j / 8] |= to_u8((((codes.q[j] + kBias) >> 4) & 1) << (j % 8));
      }
    }
    for (std::size_t j = 0; j < 16; ++j) {
      block[kLow + j] = to_u8(((codes.q[j] + kBias) & 15) | (((codes.q[j + 16] + kBias) & 15) << 4));
    }
  }

 private:
  static int high_bit([[maybe_unused]] const std::uint8_t* block, [[maybe_unused]] std::size_t j) noexcept {
    if constexpr (Bits == 5) return ((block[kHigh + j / 8] >> (j % 8)) & 1) << 4;
    return 0;
  }
};

using Q4_0 = FlatFormat<ElementType::kQ4_0, 4, false>;
using Q4_1 = FlatFormat<ElementType::kQ4_1, 4, true>;
using Q5_0 = FlatFormat<ElementType::kQ5_0, 5, false>;
using Q5_1 = FlatFormat<ElementType::kQ5_1, 5, true>;

struct Q8_0 : FormatOf<ElementType::kQ8_0, Form::kScale, 32> {
  static void unpack(const std::uint8_t* block, Codes& codes) noexcept {
    codes.d = load_u16(block);
    codes.m = 0;
    for (std::size_t j = 0; j < kElements; ++j) codes.q[j] = static_cast<std::int8_t>(block[2 + j]);
    one_group(codes);
  }

  static void pack(const Codes& codes, std::uint8_t* block) noexcept {
    store_u16(codes.d, block);
    for (std::size_t j = 0; j < kElements; ++j) block[2 + j] = static_cast<std::uint8_t>(codes.q[j]);
  }
};

}  // namespace moxie::backend::quant
