// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include "codes.hpp"

// The microscaling format of 4 bits: 32 elements share a power of two.
//
// Source   OCP Microscaling Formats (MX) Specification 1.0: E2M1 elements, E8M0 scales

namespace moxie::inline abi1::backend::quant {

/// Twice what the codes mean, so that all are whole numbers. Code 8 is the zero with a sign, which numbers do not keep.
inline constexpr std::array<std::int8_t, 16> kFp4Values = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// The code of one of kFp4Values, by its lowest eight bits; of zero, code 0.
inline constexpr std::array<std::uint8_t, 256> kFp4Codes = [] {
  std::array<std::uint8_t, 256> codes{};
  for (std::size_t code = kFp4Values.size(); code-- > 0;) {
    codes[static_cast<std::uint8_t>(kFp4Values[code])] = static_cast<std::uint8_t>(code);
  }
  return codes;
}();

struct MXFP4 : FormatOf<ElementType::kMXFP4, Form::kScale, 32> {
  static constexpr float kLargestValue = std::numeric_limits<float>::max();
  /// 2^(d - 128), half of what E8M0 means by it, as the values are doubled. 255, which MX calls a NaN, is a power like
  /// the others, as in ggml and in transformers.
  static constexpr float scale_of(std::uint16_t d) noexcept {
    return std::bit_cast<float>(d < 2 ? 0x00200000u << d : std::uint32_t{d - 1u} << 23);
  }

  // The exponent, 16 bytes of codes: byte j holds elements j and j + 16.
  static void unpack(const std::uint8_t* block, Codes& codes) noexcept {
    codes.d = block[0];
    codes.m = 0;
    for (std::size_t j = 0; j < 16; ++j) {
      codes.q[j] = kFp4Values[block[1 + j] & 15u];
      codes.q[j + 16] = kFp4Values[block[1 + j] >> 4];
    }
    one_group(codes);
  }

  static void pack(const Codes& codes, std::uint8_t* block) noexcept {
    const auto code = [](std::int8_t value) -> int { return kFp4Codes[static_cast<std::uint8_t>(value)]; };
    block[0] = to_u8(codes.d);
    for (std::size_t j = 0; j < 16; ++j) block[1 + j] = to_u8(code(codes.q[j]) | (code(codes.q[j + 16]) << 4));
  }
};

}  // namespace moxie::backend::quant
