// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#include <moxie/core/element_type.hpp>

// f32 to the 16-bit floats, and 16-bit numbers at any alignment. core/element_type.hpp has the way back.

namespace moxie::inline abi1::backend::quant {

/// f32 to IEEE binary16, to nearest even; a NaN stays one, with the top of its payload.
constexpr std::uint16_t narrow_f16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x47800000u) {  // 65536 and more
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // less than 2^-14: the steps of 0.5's binade are f16's smallest number
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

/// f32 to bfloat16, to nearest even; a NaN stays one, with the top of its payload.
constexpr std::uint16_t narrow_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40u;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

/// Whether an f16 is neither infinite nor NaN.
constexpr bool is_finite_f16(std::uint16_t bits) noexcept { return (bits & 0x7c00u) != 0x7c00u; }

constexpr std::uint16_t load_u16(const std::uint8_t* from) noexcept {
  return static_cast<std::uint16_t>(from[0] | (from[1] << 8));
}

constexpr void store_u16(std::uint16_t value, std::uint8_t* to) noexcept {
  to[0] = static_cast<std::uint8_t>(value & 0xffu);
  to[1] = static_cast<std::uint8_t>(value >> 8);
}

}  // namespace moxie::backend::quant
