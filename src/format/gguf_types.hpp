// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <moxie/core/element_type.hpp>

namespace moxie::inline abi1::format {

/// The types of tensors that moxie reads from GGUF, for errors.
inline constexpr std::string_view kGgufTypes =
    "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4, I8, I16, I32, "
    "I64, "
    "F64";

/// Added to a type's number where the tensor lies in moxie's tiles. Far from what other readers know, so that they
/// refuse it ("mx" and 16 bits).
inline constexpr std::uint32_t kTiledTypes = 0x6d780000;

std::optional<ElementType> element_type_of_gguf(std::uint32_t number) noexcept;
/// The number that GGUF gives to an element type; nothing for types that it does not have.
std::optional<std::uint32_t> gguf_type(ElementType type) noexcept;
/// What a number stands for that element_type_of_gguf() does not know.
std::string_view other_gguf_type(std::uint32_t number) noexcept;

}  // namespace moxie::format
