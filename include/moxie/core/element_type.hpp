// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace moxie::inline abi1 {

/// How the elements of a tensor are stored: one by one, or in blocks that share scales.
enum class ElementType : std::uint8_t {
  kBool,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kU16,
  kI16,
  kF16,
  kBF16,
  kU32,
  kI32,
  kF32,
  kU64,
  kI64,
  kF64,
  // Block-quantized types of GGUF; the formats are llama.cpp's.
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
  kMXFP4,
};

/// A type's name and what one block of it takes; plain types have blocks of one element.
struct ElementTraits {
  std::string_view name;
  std::size_t block_elements;
  std::size_t block_bytes;
};

namespace detail {
inline constexpr ElementTraits kElementTraits[] = {
    {"BOOL", 1, 1},     {"U8", 1, 1},         {"I8", 1, 1},       {"F8_E5M2", 1, 1},  {"F8_E4M3", 1, 1},
    {"U16", 1, 2},      {"I16", 1, 2},        {"F16", 1, 2},      {"BF16", 1, 2},     {"U32", 1, 4},
    {"I32", 1, 4},      {"F32", 1, 4},        {"U64", 1, 8},      {"I64", 1, 8},      {"F64", 1, 8},
    {"Q4_0", 32, 18},   {"Q4_1", 32, 20},     {"Q5_0", 32, 22},   {"Q5_1", 32, 24},   {"Q8_0", 32, 34},
    {"Q2_K", 256, 84},  {"Q3_K", 256, 110},   {"Q4_K", 256, 144}, {"Q5_K", 256, 176}, {"Q6_K", 256, 210},
    {"IQ4_NL", 32, 18}, {"IQ4_XS", 256, 136}, {"MXFP4", 32, 17}};
}  // namespace detail

constexpr const ElementTraits& traits(ElementType type) noexcept {
  return detail::kElementTraits[static_cast<std::size_t>(type)];
}

constexpr std::string_view name(ElementType type) noexcept { return traits(type).name; }
/// Whether elements come in blocks that share scales.
constexpr bool is_quantized(ElementType type) noexcept { return traits(type).block_elements > 1; }
/// Bytes of one element of a plain type, or of one block of a quantized one.
constexpr std::size_t size_of(ElementType type) noexcept { return traits(type).block_bytes; }

/// bfloat16 to f32: exact.
constexpr float widen_bf16(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// IEEE binary16 to f32: exact, subnormals and NaN payloads included.
constexpr float widen_f16(std::uint16_t bits) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  std::uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 31) {
    const std::uint32_t quiet = mantissa != 0 ? 0x400000u : 0u;  // hardware quiets a signalling NaN
    return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13) | quiet);
  }
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  if (mantissa == 0) return std::bit_cast<float>(sign);
  const int shift = std::countl_zero(mantissa) - 21;  // brings the leading one to bit 10
  mantissa = (mantissa << shift) & 0x3ffu;
  return std::bit_cast<float>(sign | (static_cast<std::uint32_t>(113 - shift) << 23) | (mantissa << 13));
}

}  // namespace moxie
