// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <moxie/core/element_type.hpp>

namespace moxie::inline abi1::backend::quant {

/// How an element comes from its block. In every form each product is rounded to f32, then the sum.
enum class Form : std::uint8_t {
  kScale,          ///< d q
  kScaleAdd,       ///< d q + m
  kGroupScale,     ///< (d s) q
  kGroupScaleSub,  ///< (d s) q - (m n)
};

/// One block taken apart: the numbers of Form as they were meant, whatever bits the layout gave them.
template <std::size_t Elements, std::size_t Groups>
struct Codes {
  std::uint16_t d;                      ///< the scale of the block: f16, or what the format's scale_of() widens
  std::uint16_t m;                      ///< f16: its offset, or the scale of its groups' offsets; 0 in other forms
  std::array<std::int8_t, Elements> q;  ///< in the order of the elements, the layout's bias taken off
  std::array<std::int8_t, Groups> s;    ///< the scale of each group; 1 in other forms
  std::array<std::int8_t, Groups> n;    ///< the offset of each group; 0 in other forms
};

/// What all formats say about themselves. A format F adds
///     static void unpack(const std::uint8_t* block, F::Codes& codes) noexcept;  // any bytes
///     static void pack(const F::Codes& codes, std::uint8_t* block) noexcept;    // numbers within F's ranges
/// which undo each other: pack(unpack(block)) is block.
template <ElementType Type, Form FormOf, std::size_t GroupWidth>
struct FormatOf {
  static constexpr ElementType kType = Type;
  static constexpr Form kForm = FormOf;
  static constexpr std::size_t kElements = traits(Type).block_elements;
  static constexpr std::size_t kBytes = traits(Type).block_bytes;
  static constexpr std::size_t kGroupWidth = GroupWidth;  ///< neighbouring elements that share s and n
  static constexpr std::size_t kGroups = kElements / GroupWidth;
  using Codes = quant::Codes<kElements, kGroups>;

  /// The largest magnitude that encode() takes. No f16 scale reaches it, and below it no sum that leads to a code
  /// overflows.
  static constexpr float kLargestValue = 0x1p30f;
  /// What d stands for.
  static constexpr float scale_of(std::uint16_t d) noexcept { return widen_f16(d); }

 protected:
  static constexpr void one_group(Codes& codes) noexcept {
    codes.s.fill(1);
    codes.n.fill(0);
  }
};

constexpr std::int8_t to_i8(int value) noexcept { return static_cast<std::int8_t>(value); }
constexpr std::uint8_t to_u8(int value) noexcept { return static_cast<std::uint8_t>(value); }

}  // namespace moxie::backend::quant
